"""Whether comparisons, and what others published, speak of arms, stages, tasks and axes that exist."""

from collections.abc import Iterator

from assay.api.compare import TRAINING_FIGURES, Comparison, Contrast, Published, comparisons_of
from assay.api.experiment import Role
from assay.api.expression import Expression
from assay.api.subject import Subject
from assay.api.written import Path
from assay.errors import SpecError

_SCORING = {"evaluate", "imported", "scores"}  # kinds of stages whose scores can be compared


def comparisons(subject: Subject) -> Iterator[SpecError]:
    """Comparisons name arms, stages, tasks and axes that exist."""
    for index, comparison in enumerate(subject.experiment.spec.compare):
        path: Path = ("spec", "compare", index)
        if comparison.stage is not None:
            yield from _evaluate_stage(subject, (*path, "stage"), comparison.stage)
        yield from _contrasts(subject, path, comparison)
        yield from _tasks(subject, path, comparison)
        yield from _dose(subject, path, comparison)
        yield from _derived(subject, path, comparison)


def _evaluate_stage(subject: Subject, path: Path, stage: str) -> Iterator[SpecError]:
    known = [name for name, kinds in subject.stages.items() if kinds & _SCORING]
    yield from subject.unknown(path, stage, known, "an evaluate stage, or a program's with output scores")


def _contrasts(subject: Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
    for position, contrast in enumerate(comparison.contrasts or ()):
        yield from _two_arms(subject, (*path, "contrasts", position), contrast, subject.arms)
    if comparison.primary is not None:
        known = [contrast.name for contrast in comparison.contrasts or ()]
        yield from subject.unknown(
            (*path, "primary", "contrast"),
            comparison.primary.contrast,
            known,
            "a contrast of this comparison",
        )


def _two_arms(subject: Subject, place: Path, contrast: Contrast, known: list[str]) -> Iterator[SpecError]:
    for side, arm in (("a", contrast.a), ("b", contrast.b)):
        yield from subject.unknown((*place, side), arm, known, "an arm")
    if contrast.a == contrast.b:
        yield subject.fault(
            place, f"found {contrast.a!r} minus itself, expected two arms", "Name another arm."
        )


def _tasks(subject: Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
    kinds = subject.stages.get(comparison.stage or "", set())
    if comparison.stage is None or not kinds or not kinds <= {"evaluate", "scores"}:
        return  # which tasks were imported shows when they are read
    known = subject.tasks(comparison.stage)
    named: list[tuple[Path, str]] = [
        ((*path, "margins", position, "name"), margin.name)
        for position, margin in enumerate(comparison.margins)
    ]
    if comparison.primary is not None:
        named.append(((*path, "primary", "task"), comparison.primary.task))
    if comparison.dose is not None:
        named.append(((*path, "dose", "task"), comparison.dose.task))
        if comparison.dose.nearest is not None:
            named.append(((*path, "dose", "nearest", "task"), comparison.dose.nearest.task))
    for place, task in named:
        yield from subject.unknown(place, task, known, f"a task of {comparison.stage}")


def published(subject: Subject) -> Iterator[SpecError]:
    """Published scores name arms, contrasts and tasks that exist, each pair once."""
    known = [name for name, kinds in subject.stages.items() if kinds & {"evaluate", "scores"}]
    tasks = [task for stage in known for task in subject.tasks(stage)]
    told = set()
    for index, one in enumerate(subject.experiment.spec.published):
        path: Path = ("spec", "published", index)
        if one.arm is not None:
            yield from subject.unknown((*path, "arm"), one.arm, subject.arms, "an arm")
        else:
            yield from _published_contrast(subject, path, one)
        yield from subject.unknown((*path, "task"), one.task, tasks, "a task that is evaluated")
        named = one.arm or one.contrast
        if (one.chosen, named, one.task) in told:
            yield subject.fault(
                path, f"found {named} on {one.task} again, expected it once", "Remove one of them."
            )
        told.add((one.chosen, named, one.task))


def _published_contrast(subject: Subject, path: Path, one: Published) -> Iterator[SpecError]:
    compared = subject.experiment.spec.compare
    found = comparisons_of(one, compared)
    if len(found) > 1:
        names = ", ".join(f"{comparison.name}/{one.contrast}" for comparison in found)
        yield subject.fault(
            (*path, "contrast"),
            f"found {one.contrast!r} in {len(found)} comparisons, expected one",
            f"Name {names}.",
        )
    elif not found:
        known = [contrast.name for item in compared for contrast in item.contrasts or ()]
        yield from subject.unknown((*path, "contrast"), one.contrast or "", known, "a contrast")
    for position, name in enumerate(one.also or ()):
        inside = [contrast.name for item in found for contrast in item.contrasts or ()]
        place = (*path, "also", position)
        yield from subject.unknown(place, name, inside, "a contrast of the same comparison")


def _dose(subject: Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
    dose = comparison.dose
    if dose is None:
        return
    yield from _dose_axis(subject, (*path, "dose", "axis"), dose.axis)
    for position, arm in enumerate(dose.arms):
        yield from subject.unknown((*path, "dose", "arms", position), arm, subject.arms, "an arm")
    curves = list(dose.arms) or subject.arms
    for position, contrast in enumerate(dose.contrasts):
        place = (*path, "dose", "contrasts", position)
        yield from _two_arms(subject, place, contrast, curves)
        if contrast.figure == "nearest" and dose.nearest is None:
            yield subject.fault(
                (*place, "figure"),
                "found 'nearest' without dose.nearest, expected what is near to be said",
                "Add `nearest: {task: …}` to the dose.",
            )


def _dose_axis(subject: Subject, place: Path, axis: str) -> Iterator[SpecError]:
    yield from subject.unknown(place, axis, list(subject.axes), "an axis of the matrix")
    role = subject.axes.get(axis)
    if role not in (None, Role.DOSE):
        yield subject.fault(
            place,
            f"found axis {axis!r} of role {role}, expected one of role dose",
            "Change its role, or name another.",
        )


def _derived(subject: Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
    derived = comparison.derived
    if derived is None:
        return
    for position, measure in enumerate(derived.measures):
        place = (*path, "derived", "measures", position)
        known = [name for name, kinds in subject.stages.items() if kinds & {"train", *_SCORING}]
        yield from subject.unknown((*place, "stage"), measure.stage, known, "a train or evaluate stage")
        if measure.stage in known and "imported" not in subject.stages[measure.stage]:
            kinds = subject.stages[measure.stage]
            figures = list(TRAINING_FIGURES) if "train" in kinds else subject.tasks(measure.stage)
            if "train" in kinds and measure.scale == "logit":
                yield subject.fault(
                    (*place, "scale"),
                    f"found logit of a figure of train stage {measure.stage!r}, expected it of a share",
                    "Remove it: a loss has no log-odds.",
                )
            yield from subject.unknown(
                (*place, "figure"), measure.figure, figures, f"a figure of {measure.stage}"
            )
    if derived.trend is not None:
        yield from _dose_axis(subject, (*path, "derived", "trend", "axis"), derived.trend.axis)
    place = (*path, "derived", "expression")
    names = [measure.name for measure in derived.measures]
    try:
        expression = Expression.parse(derived.expression, subject.written.where(place))
    except SpecError as error:
        yield error
        return
    for name in expression.names:
        yield from subject.unknown(place, name, names, "a measure of this comparison")
    for position, name in enumerate(names):
        if name not in expression.names:
            yield subject.fault(
                (*path, "derived", "measures", position),
                f"found measure {name!r}, which the expression does not name; expected it there",
                "Use it, or remove it.",
            )
