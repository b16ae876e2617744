"""A training's losses as a small picture: steps to the right, the loss upwards, from the least to the greatest."""

from typing import Any

from assay.report.figures import figure

WIDTH, HEIGHT = 120.0, 28.0
_EDGE = 2.0  # so that a line at the rim is drawn whole


def curve(course: dict[str, list[float]]) -> dict[str, Any]:
    """Lay out the points of a line, and say in words what it shows; `course` has `step` and `loss`, of like length."""
    steps, losses = course["step"], course["loss"]
    low, high = min(losses), max(losses)
    points = (
        (
            _EDGE + (WIDTH - 2 * _EDGE) * step / steps[-1],
            _EDGE + (HEIGHT - 2 * _EDGE) * ((high - loss) / (high - low) if high > low else 0.5),
        )
        for step, loss in zip(steps, losses, strict=True)
    )
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "told": f"loss from {figure(losses[0])} to {figure(losses[-1])} over {figure(steps[-1])} steps",
    }
