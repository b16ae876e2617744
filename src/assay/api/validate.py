"""What no schema can say, and what needs no expansion to be seen.

Names used twice, comparisons of what is not there, credentials where anyone may read them. Unknown references and
circles are found when arms are expanded.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from assay.api.compare import TRAINING_FIGURES, Comparison, Contrast, Published, comparisons_of
from assay.api.evaluate import HUMANEVAL
from assay.api.experiment import Axis, Experiment, Role, Stage
from assay.api.expression import Expression
from assay.api.faults import did_you_mean
from assay.api.parse import profile_of
from assay.api.profile import Profile
from assay.api.secrets import has_secret, names_secret
from assay.api.written import Path, Written, field_path, walk
from assay.errors import SpecError, SpecErrors

_STEP_LISTS = "steps"  # whose items go by their kind when they have no name
_PLACEMENT = ("remove", "before", "after")
_SCORING = {"evaluate", "imported", "scores"}  # kinds of stages whose scores can be compared


def check(experiment: Experiment, written: Written | None = None) -> list[SpecError]:
    """Return all that is wrong with an experiment; `written` adds lines of the file."""
    subject = _Subject(experiment, written or _as_written(experiment))
    return [fault for question in _QUESTIONS for fault in question(subject)]


def check_profile(profile: Profile, written: Written | None = None) -> list[SpecError]:
    """Return all that is wrong with a profile; `written` adds lines of the file."""
    written = written or _as_written(profile)
    faults = list(_secrets(written))
    for name, value in profile.spec.pools.train.environment.items():
        if names_secret(name) and value:
            faults.append(
                SpecError(
                    written.where(("spec", "pools", "train", "environment", name)),
                    "found what by its name is a credential, expected none in a profile",
                    "Put it into a Secret.",
                )
            )
    return faults


def profile_faults(written: Written) -> list[SpecError]:
    """Return all that is wrong with a profile that was read, or that an API server returned."""
    try:
        return check_profile(profile_of(written), written)
    except SpecErrors as error:
        return error.faults


def _as_written(document: Experiment | Profile) -> Written:
    return Written(value=document.model_dump(mode="json", by_alias=True, exclude_unset=True))


@dataclass(frozen=True)
class _Subject:
    """An experiment, and what its arms and axes could make of it."""

    experiment: Experiment
    written: Written

    @cached_property
    def arms(self) -> list[str]:
        return [arm.name for arm in self.experiment.spec.arms]

    @cached_property
    def axes(self) -> dict[str, Role | None]:
        """The roles of all axes; None for one of an arm alone, whose role may be merged."""
        of_arms: dict[str, Role | None] = {
            axis.name: axis.role for arm in self.experiment.spec.arms for axis in arm.matrix if axis.name
        }
        return of_arms | {axis.name: axis.role for axis in self.experiment.spec.matrix}

    @cached_property
    def stages(self) -> dict[str, set[str]]:
        """The kinds that a stage has, in the pipeline or in what arms and axes add; a program's is what it writes."""
        found: dict[str, set[str]] = {}
        for stage in self._every_stage:
            kinds = {
                kind
                for kind in ("clean", "train", "generate", "evaluate", "imported")
                if getattr(stage, kind) is not None
            }
            if stage.program is not None and stage.program.output is not None:
                kinds.add(stage.program.output)
            found.setdefault(str(stage.name), set()).update(kinds)
        return found

    def tasks(self, stage: str) -> list[str]:
        """The tasks that a stage is asked for, in the pipeline or in what arms and axes add."""
        asked = [item.evaluate or item.program for item in self._every_stage if item.name == stage]
        bodies = [body for body in asked if body is not None]
        return list(
            dict.fromkeys(str(task.name) for body in bodies for task in body.tasks or () if task.name)
        )

    @property
    def _every_stage(self) -> Iterator[Any]:
        spec = self.experiment.spec
        yield from spec.pipeline
        for arm in spec.arms:
            yield from arm.stages
        matrices = [spec.matrix, *(arm.matrix for arm in spec.arms)]
        for value in (value for matrix in matrices for axis in matrix for value in axis.values or ()):
            yield from value.stages or ()

    def fault(self, path: Path, found: str, do: str) -> SpecError:
        return SpecError(self.written.where(path), found, do)

    def unknown(self, path: Path, name: str, known: list[str], what: str) -> Iterator[SpecError]:
        """Yield a fault when a name is none of those known."""
        if name not in known:
            among = ", ".join(dict.fromkeys(known)) or "none: there is none"
            yield self.fault(
                path,
                f"found {name!r}, expected {what}: {among}",
                did_you_mean(name, known, "Name one of them."),
            )


def _names_once(subject: _Subject) -> Iterator[SpecError]:
    """Every item of a list has a name of its own."""
    spec = subject.written.value.get("spec")
    for path, value in walk(spec, ("spec",)):
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            counts: Counter[str] = Counter()
            for index, item in enumerate(value):
                name = _name(item, is_step=path[-1] == _STEP_LISTS)
                if name is None:
                    continue
                counts[name] += 1
                if counts[name] == 2:
                    first = next(
                        i
                        for i, other in enumerate(value)
                        if _name(other, is_step=path[-1] == _STEP_LISTS) == name
                    )
                    yield subject.fault(
                        (*path, index),
                        f"found the name {name!r} again, already that of {field_path(None, (*path, first))}; expected it once",
                        "Give one of them another `name`.",
                    )


def _name(item: dict[str, Any], *, is_step: bool) -> str | None:
    if isinstance(item.get("name"), str):
        return str(item["name"])
    kinds = [key for key, value in item.items() if key not in {"name", *_PLACEMENT} and value is not None]
    return kinds[0] if is_step and len(kinds) == 1 else None


def _stages_known(subject: _Subject) -> Iterator[SpecError]:
    """A patch of a stage that the pipeline lacks is a whole stage, or its name is misspelt."""
    spec = subject.experiment.spec
    pipeline = [stage.name for stage in spec.pipeline]
    for index, arm in enumerate(spec.arms):
        for position, stage in enumerate(arm.stages):
            if stage.name is None or stage.name in pipeline or stage.remove:
                continue
            try:
                Stage.model_validate(
                    stage.model_dump(
                        mode="json", by_alias=True, exclude_unset=True, exclude={"before", "after"}
                    )
                )
            except ValidationError:
                yield subject.fault(
                    ("spec", "arms", index, "stages", position, "name"),
                    f"found {stage.name!r}, expected a stage of the pipeline ({', '.join(pipeline)}) or a whole new one",
                    did_you_mean(
                        stage.name, pipeline, "Name one of them, or write all that such a stage needs."
                    ),
                )


def _places_once(subject: _Subject) -> Iterator[SpecError]:
    """No axis of the short form sets the same value twice."""
    for index, axis in enumerate(subject.experiment.spec.matrix):
        for field in ("integers", "numbers", "strings"):
            values = getattr(axis, field) or ()
            for position, value in enumerate(values):
                if value in values[:position]:
                    yield subject.fault(
                        ("spec", "matrix", index, field, position),
                        f"found {value!r} again, expected each value once",
                        "Remove it.",
                    )


def _doses_vary(subject: _Subject) -> Iterator[SpecError]:
    """A dose is moved over at least two amounts: one point is no curve."""
    for index, axis in enumerate(subject.experiment.spec.matrix):
        if axis.role is Role.DOSE and len(_amounts(axis)) < 2:
            yield subject.fault(
                ("spec", "matrix", index),
                "found a dose axis of one amount, expected at least two",
                "Add another.",
            )


def _amounts(axis: Axis) -> tuple[Any, ...]:
    return axis.values or axis.integers or axis.numbers or ()


def _comparisons(subject: _Subject) -> Iterator[SpecError]:
    """Comparisons name arms, stages, tasks and axes that exist."""
    for index, comparison in enumerate(subject.experiment.spec.compare):
        path: Path = ("spec", "compare", index)
        if comparison.stage is not None:
            yield from _evaluate_stage(subject, (*path, "stage"), comparison.stage)
        yield from _contrasts(subject, path, comparison)
        yield from _tasks(subject, path, comparison)
        yield from _dose(subject, path, comparison)
        yield from _derived(subject, path, comparison)


def _evaluate_stage(subject: _Subject, path: Path, stage: str) -> Iterator[SpecError]:
    known = [name for name, kinds in subject.stages.items() if kinds & _SCORING]
    yield from subject.unknown(path, stage, known, "an evaluate stage, or a program's with output scores")


def _contrasts(subject: _Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
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


def _two_arms(subject: _Subject, place: Path, contrast: Contrast, known: list[str]) -> Iterator[SpecError]:
    for side, arm in (("a", contrast.a), ("b", contrast.b)):
        yield from subject.unknown((*place, side), arm, known, "an arm")
    if contrast.a == contrast.b:
        yield subject.fault(
            place, f"found {contrast.a!r} minus itself, expected two arms", "Name another arm."
        )


def _tasks(subject: _Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
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


def _published(subject: _Subject) -> Iterator[SpecError]:
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


def _published_contrast(subject: _Subject, path: Path, one: Published) -> Iterator[SpecError]:
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


def _dose(subject: _Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
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


def _dose_axis(subject: _Subject, place: Path, axis: str) -> Iterator[SpecError]:
    yield from subject.unknown(place, axis, list(subject.axes), "an axis of the matrix")
    role = subject.axes.get(axis)
    if role not in (None, Role.DOSE):
        yield subject.fault(
            place,
            f"found axis {axis!r} of role {role}, expected one of role dose",
            "Change its role, or name another.",
        )


def _derived(subject: _Subject, path: Path, comparison: Comparison) -> Iterator[SpecError]:
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


def _code_allowed(subject: _Subject) -> Iterator[SpecError]:
    """What a model writes runs only where the experiment says so."""
    if subject.experiment.spec.execution.evaluate.code_execution:
        return
    for path, value in walk(subject.written.value.get("spec"), ("spec",)):
        field = _where_code_is_asked_for(value)
        if field:
            yield subject.fault(
                (*path, *field),
                "found humaneval, which runs what the model writes, expected execution.evaluate.codeExecution: true with it",
                "Allow it there (docs/sandbox.md says what that risks), or remove the task.",
            )


def _where_code_is_asked_for(task: Any) -> Path:
    """Return which field of a task says that it is humaneval; nothing for other tasks, and for what is no task."""
    if not isinstance(task, dict):
        return ()
    theirs, harness = task.get("instructeval"), task.get("harness")
    if isinstance(theirs, dict) and theirs.get("benchmark") == "humaneval":
        return ("instructeval", "benchmark")
    if isinstance(harness, dict) and harness.get("data") is not None and harness.get("config") is None:
        return ("harness", "data") if harness.get("task", task.get("name")) in HUMANEVAL else ()
    return ()


def _no_secrets(subject: _Subject) -> Iterator[SpecError]:
    yield from _secrets(subject.written)


def _secrets(written: Written) -> Iterator[SpecError]:
    """Find credentials anywhere in the spec; no message repeats one."""
    for path, value in walk(written.value.get("spec"), ("spec",)):
        if isinstance(value, str) and has_secret(value):
            yield SpecError(
                written.where(path),
                "found what looks like a credential, expected none: specs are stored, shown and hashed",
                "Remove it, change it wherever it is used, and let the profile's Secret give access.",
            )


_QUESTIONS: tuple[Callable[[_Subject], Iterator[SpecError]], ...] = (
    _names_once,
    _stages_known,
    _places_once,
    _doses_vary,
    _comparisons,
    _code_allowed,
    _published,
    _no_secrets,
)
