"""What others published beside ours, and whether ours reproduces it, by the rule that the spec declares.

A published difference is held against our verdict of the same contrast on the same task:

- `reproduced`: the verdict shows a difference in the same direction. One of 0 is where the arms are equivalent.
- `not reproduced`: the verdict shows the other direction, the interval lies wholly on the other side of zero, or the arms are equivalent
  within a margin that is smaller than what others found. One of 0 is where a difference is shown.
- `not comparable`: the spec says that theirs was measured otherwise, our runs were not made alike, or the task is at its floor.
- `open`: anything else, such as an interval that holds zero.

With `also`, each of those contrasts has to be reproduced, too; the worst counts. A score is reproduced within the distance
that the spec names, and no word is said of it where it names none.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from assay.api.compare import Comparison, Published, comparisons_of
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan, PlannedStage
from assay.report.figures import figure
from assay.statistics.words import NOT_COMPARABLE, Word
from assay.stores.registered import Registration, asked

Plain = dict[str, Any]


class Outcome(StrEnum):
    """Whether what others published was found here, too; of several the last in this order counts."""

    REPRODUCED = "reproduced"
    OPEN = "open"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"


_ORDER = list(Outcome)
_SHOWN = (Word.BETTER, Word.WORSE, Word.HIGHER, Word.LOWER)


def of_score(one: Published, mean: float) -> Plain:
    """Say how a published score stands beside our mean."""
    found: Plain = {"value": one.value, "source": one.source, "word": None, "told": ""}
    if one.unlike is not None:
        return found | {"word": Outcome.NOT_COMPARABLE.value, "told": one.unlike}
    if one.within is None:
        return found
    near = abs(mean - one.value) <= one.within
    word = Outcome.REPRODUCED if near else Outcome.NOT_REPRODUCED
    return found | {"word": word.value, "told": f"{'' if near else 'not '}within {figure(one.within)}"}


def of_contrasts(
    plan: Plan, documents: Mapping[ArtifactRef, Plain], registered: Mapping[str, Registration]
) -> list[Plain]:
    """Say of every published difference how ours stands beside it, at each point of the factors.

    `documents` are the comparisons that are done, as the report shows them.
    """
    stages = {
        stage.document.spec["comparison"]["name"]: stage
        for stage in plan.stages
        if stage.kind is Kind.COMPARE
    }
    compared = [Comparison.model_validate(stage.document.spec["comparison"]) for stage in stages.values()]
    return [
        row
        for one in plan.published
        if one.contrast is not None
        for row in _told(one, stages[comparisons_of(one, compared)[0].name], documents, registered)
    ]


def _told(
    one: Published,
    stage: PlannedStage,
    documents: Mapping[ArtifactRef, Plain],
    registered: Mapping[str, Registration],
) -> Iterator[Plain]:
    for row in _rows(one, documents.get(stage.ref)):
        yield {
            **row,
            "comparison": stage.document.spec["comparison"]["name"],
            "contrast": (one.contrast or "").rpartition("/")[2],
            "also": list(one.also or ()),
            "task": one.task,
            "value": one.value,
            "source": one.source,
            "exploratory": _exploratory(one, stage, registered),
            "from": str(stage.ref),
        }


def _exploratory(one: Published, stage: PlannedStage, registered: Mapping[str, Registration]) -> bool | None:
    """Whether the rule is not one that was registered before its results; None where no plan was ever approved."""
    if not registered:
        return None
    found = registered.get(asked(stage.document.spec))
    return found is None or found.results > 0 or one.said not in found.published


def _rows(one: Published, document: Plain | None) -> Iterator[Plain]:
    """Yield what our verdicts come to: one for each point of the factors."""
    names = [(one.contrast or "").rpartition("/")[2], *(one.also or ())]
    verdicts = [item for item in (document or {}).get("verdicts", ()) if item["task"] == one.task]
    found = [item for item in verdicts if item["contrast"] == names[0]]
    if not found:
        told = f"{names[0]} on {one.task} has no verdict yet"
        yield {"coordinates": {}, "effect": None, "interval": None, "word": Outcome.OPEN.value, "told": told}
    for item in found:
        beside = [next((other for other in verdicts if _same(other, name, item)), None) for name in names[1:]]
        word, told = _judged(one, [item, *beside], names)
        yield {
            "coordinates": item["coordinates"],
            "effect": item["effect"],
            "interval": item["interval"],
            "word": word.value,
            "told": told,
        }


def _same(item: Plain, contrast: str, like: Plain) -> bool:
    return (item["contrast"], item["coordinates"]) == (contrast, like["coordinates"])


def _judged(one: Published, items: Sequence[Plain | None], names: Sequence[str]) -> tuple[Outcome, str]:
    if one.unlike is not None:
        return Outcome.NOT_COMPARABLE, one.unlike
    judged = [
        (Outcome.OPEN, f"{name} has no verdict yet") if item is None else _against(one.value, item)
        for name, item in zip(names, items, strict=True)
    ]
    return max(judged, key=lambda found: _ORDER.index(found[0]))


def _against(value: float, item: Plain) -> tuple[Outcome, str]:
    """Hold one verdict against what others found."""
    name, word, effect, interval = item["contrast"], item["word"], item["effect"], item["interval"]
    if word in (NOT_COMPARABLE, Word.FLOOR):
        return Outcome.NOT_COMPARABLE, f"{name}: {word}"
    if word in _SHOWN:
        same = value != 0 and (effect > 0) == (value > 0)
        told = f"{name}: {word}, {'the same direction' if same else 'not the direction published'}"
        return (Outcome.REPRODUCED if same else Outcome.NOT_REPRODUCED), told
    if word == Word.EQUIVALENT:
        if value == 0:
            return Outcome.REPRODUCED, f"{name}: equivalent, as published"
        beyond = abs(value) > item["margin"]
        told = f"{name}: equivalent within {figure(item['margin'])}, which {'is less' if beyond else 'is no less'} than published"
        return (Outcome.NOT_REPRODUCED if beyond else Outcome.OPEN), told
    if interval is not None and (value > 0 > interval["high"] or value < 0 < interval["low"]):
        return Outcome.NOT_REPRODUCED, f"{name}: {word}, and the interval excludes the direction published"
    return Outcome.OPEN, f"{name}: {word}"
