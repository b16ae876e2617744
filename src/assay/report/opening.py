"""What the report opens with: each comparison's question in words, and what is answered so far.

A comparison with a primary hypothesis asks that; any other asks all that it declares, and is answered by how many verdicts
there are of each word.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan, PlannedStage
from assay.report.lines import answers, place

Plain = dict[str, Any]

_FEW = 3  # answers that stand there whole


def opening(
    plan: Plan, records: Mapping[ArtifactRef, Record], documents: Mapping[ArtifactRef, Plain]
) -> list[Plain]:
    """Return a question for each comparison, those with a primary hypothesis first; `documents` are the comparisons that are done."""
    compared = [stage for stage in plan.stages if stage.kind is Kind.COMPARE]
    asked = [_question(stage, records, documents.get(stage.ref)) for stage in compared]
    return sorted(asked, key=lambda question: not question["primary"])


def _question(stage: PlannedStage, records: Mapping[ArtifactRef, Record], document: Plain | None) -> Plain:
    comparison = stage.document.spec["comparison"]
    question: Plain = {
        "comparison": comparison["name"],
        "asked": _asked(comparison),
        "primary": comparison.get("primary") is not None,
        "registration": None if document is None else document["registration"],
        "answers": [],
        "told": "",
        "from": str(stage.ref),
    }
    if document is None:
        done = sum(ref in records for ref in stage.reads)
        return question | {
            "told": f"No answer yet: {done} of the {len(stage.reads)} stages that it reads are done."
        }
    items = [item for item in answers(document) if _is_asked(item, question["primary"])]
    if len(items) <= _FEW:
        question["answers"] = [
            {"at": place(item), "word": item["word"], "told": item["reading"]} for item in items
        ]
    else:
        question["told"] = f"{_counted(item['word'] for item in items)}."
    unanswered = [item["told"] for item in document["missing"] if _is_missed(item, comparison)]
    first = (comparison.get("primary") or {}).get("contrast")
    unanswered += [item["told"] for item in document["sameRuns"] if first in (None, item["contrast"])]
    if not items:
        question["told"] = f"No answer: {'; '.join(unanswered[:_FEW]) or 'nothing could be compared'}."
    return question


def _asked(comparison: Plain) -> str:
    """Say what a comparison asks."""
    if primary := comparison.get("primary"):
        contrast = next(item for item in comparison["contrasts"] if item["name"] == primary["contrast"])
        return f"Does {contrast['a']} differ from {contrast['b']} on {primary['task']}?"
    if contrasts := comparison.get("contrasts"):
        if len(contrasts) == 1:
            return f"Does {contrasts[0]['a']} differ from {contrasts[0]['b']}?"
        return f"Do the arms of {len(contrasts)} contrasts differ?"
    if dose := comparison.get("dose"):
        return f"Does {dose['task']} change along {dose['axis']}?"
    derived = comparison["derived"]
    if trend := derived.get("trend"):
        against = "what an ideal mixture shows" if trend.get("theory") else "0"
        if perturbation := trend.get("perturbation"):
            against += f" at a perturbation of {perturbation:g}"
        return f"Is the slope of {derived['expression']} along {trend['axis']} other than {against}?"
    return f"Is {derived['expression']} other than 0?"


def _is_asked(item: Plain, has_primary: bool) -> bool:  # noqa: FBT001 -- a fact, not a switch
    return bool(item["primary"]) if has_primary and "primary" in item else not has_primary


def _is_missed(missing: Plain, comparison: Plain) -> bool:
    """Whether what is missing is what was asked first; the runs that are, are why."""
    primary = comparison.get("primary")
    if primary is None or "stages" in missing:
        return True
    return (missing.get("contrast"), missing.get("task")) == (primary["contrast"], primary["task"])


def _counted(words: Iterable[str]) -> str:
    counts = Counter(words)
    told = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
    return f"{sum(counts.values())} verdicts: {told}"
