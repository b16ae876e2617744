"""One family of hypotheses, one error rate: the primary first, then Holm over the rest.

The declared primary is tested alone at the full level.  Only if it is shown may the others be, by Holm's step-down
procedure (1979, Scand. J. Stat. 6:65) at the same level: serial gatekeeping with a gate of one (Maurer, Hothorn &
Lehmacher 1995; Westfall & Krishen 2001, J. Stat. Plan. Inference 99:25).  The chance of any false claim in the family
stays at most alpha, whatever the dependence between tests, and the primary pays nothing for its company.
The price: when the primary is not shown, the others are exploratory, however small their p.

A hypothesis that could not be tested keeps its place, with p = 1: a family is what was declared, not what succeeded.
"""

from collections.abc import Mapping, Sequence

from assay.statistics.scores import StatisticsError


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return Holm's adjusted p-values, in the order given; a hypothesis is shown when its own is at most alpha.

    Raises:
        StatisticsError: a p-value is not between 0 and 1.

    """
    for at, p in enumerate(p_values):
        if not 0 <= p <= 1:
            raise StatisticsError(
                f"p-value {at}",
                f"{p!r}, expected a number from 0 to 1",
                "A test that could not be made has p = 1.",
            )
    adjusted = [0.0] * len(p_values)
    reached = 0.0
    for place, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        reached = max(reached, min(1.0, p_values[at] * (len(p_values) - place)))
        adjusted[at] = reached
    return tuple(adjusted)


def primary_then_holm(p_values: Mapping[str, float], *, primary: str | None) -> dict[str, float]:
    """Return the family's adjusted p-values by hypothesis, in the order given.

    The primary's is its own p; the others' are Holm's over the others, and never below the primary's.
    Without a primary all are Holm's.

    Raises:
        StatisticsError: the primary is not in the family, or a p-value is not between 0 and 1.

    """
    if primary is None:
        return dict(zip(p_values, holm(list(p_values.values())), strict=True))
    if primary not in p_values:
        raise StatisticsError(
            "primary",
            f"{primary!r}, expected one of {sorted(p_values)}",
            "Name a declared comparison as primary, or declare this one.",
        )
    others = [name for name in p_values if name != primary]
    (gate,) = holm([p_values[primary]])
    after = zip(others, holm([p_values[name] for name in others]), strict=True)
    adjusted = {primary: gate} | {name: max(gate, p) for name, p in after}
    return {name: adjusted[name] for name in p_values}
