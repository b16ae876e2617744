"""The parts of a task, such as subjects, beside each other: how each contrast leans in each, and what each arm scored."""

from collections.abc import Sequence
from typing import Any

from assay.report.lines import place

Plain = dict[str, Any]


def parts(verdicts: Sequence[Plain]) -> Plain | None:
    """Lay out one task's parts as rows: the verdicts' effects in them, then the arms' scores; None where it has none.

    An effect's `lean` is its share of the greatest of its contrast, below zero where b is higher.
    """
    divided = [item for item in verdicts if item["groups"]]
    if not divided:
        return None
    effects = {_at(item["contrast"], item): _by_part(item, "effect") for item in divided}
    scores: dict[str, Plain] = {}
    for item in divided:
        for side in ("a", "b"):
            scores.setdefault(_at(item[side]["arm"], item), {}).update(_by_part(item, side))
    counts = {part: n for item in reversed(divided) for part, n in _by_part(item, "n").items()}
    reach = {name: max(map(abs, found.values())) for name, found in effects.items()}
    return {
        "contrasts": list(effects),
        "arms": list(scores),
        "rows": [
            {
                "part": part,
                "n": counts[part],
                "effects": [_leaning(found.get(part), reach[name]) for name, found in effects.items()],
                "scores": [found.get(part) for found in scores.values()],
            }
            for part in sorted(counts)
        ],
    }


def _at(name: str, item: Plain) -> str:
    at = place(item)
    return f"{name}[{at}]" if at else name


def _by_part(item: Plain, figure: str) -> Plain:
    return {group["group"]: group[figure] for group in item["groups"]}


def _leaning(effect: float | None, reach: float) -> Plain:
    return {"effect": effect, "lean": round(effect / reach, 2) if effect else 0.0}
