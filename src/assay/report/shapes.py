"""What a curve or a trend comes to besides its verdict, in words: the page and the terminal say the same."""

from typing import Any

from assay.report.figures import figure

Plain = dict[str, Any]


def curve_told(curve: Plain) -> list[str]:
    """Tell what else a curve comes to, a line for each figure."""
    return [*_other_scale(curve), *_ratio(curve), *_fit(curve), *_nearest(curve)]


def trend_told(trend: Plain) -> list[str]:
    """Tell what a trend is held against, and what could not be drawn."""
    told = []
    if trend["theory"]:
        ideal = ", ".join(
            f"{figure(point['dose'])}: {figure(point['theory'])}"
            for point in trend["points"]
            if point["theory"] is not None
        )
        told.append(f"held against {figure(trend['against'])}, the slope of an ideal mixture ({ideal})")
    if trend["leftOut"]:
        values = sum(len(point["runs"]) for point in trend["points"])
        where = ", ".join(
            f"{figure(one['value'])} at {figure(one['dose'])}{_replicate(one['replicate'])}"
            for one in trend["leftOut"]
        )
        told.append(
            f"left out of the slope, having no logarithm: {len(trend['leftOut'])} of {values} values ({where})"
        )
    return told


def estimated(found: Plain) -> str:
    """Write a figure with its interval, if it has one."""
    interval = found["interval"]
    between = f" ({figure(interval['low'])} … {figure(interval['high'])})" if interval else ""
    return f"{figure(found['value'])}{between}"


def _other_scale(curve: Plain) -> list[str]:
    other = curve["otherScale"]
    if other is None:
        return []
    figures = (
        ("change", other["change"]),
        ("initial slope", other["initialSlope"]),
        ("slope", other["slope"]),
    )
    told = "; ".join(f"{name} {estimated(found)}" for name, found in figures)
    return [f"on the {other['scale']} scale: {told}"]


def _ratio(curve: Plain) -> list[str]:
    if curve["ratio"] is None:
        return []
    return [f"begins {estimated(curve['ratio'])} times as steep as it goes on after the second dose"]


def _fit(curve: Plain) -> list[str]:
    fit = curve["fit"]
    if fit is None:
        return []
    if "reason" in fit:
        return [f"exponential not fitted: {fit['reason']}"]
    return [
        f"exponential: from {estimated(fit['start'])} to {estimated(fit['end'])}, tau {estimated(fit['tau'])}, residual {figure(fit['residual'], 2)}"
    ]


def _nearest(curve: Plain) -> list[str]:
    near = curve["nearest"]
    if near is None:
        return []
    asked = f"{near['task']} within {figure(near['within'])}"
    if "reason" in near:
        return [f"{asked}: not known: {near['reason']}"]
    least = f"least at {figure(near['least']['dose'])}, where it is {figure(near['least']['distance'])} {near['unit']}"
    if near["dose"] is None:
        return [f"{asked}: reached in {near['reached']} of {near['of']} curves; {least}"]
    return [f"{asked}: at {estimated(near['dose'])} {curve['axis']}; {least}"]


def _replicate(replicate: Plain) -> str:
    inside = ",".join(f"{axis}={value}" for axis, value in replicate.items())
    return f" [{inside}]" if inside else ""
