"""What no schema can say, and what needs no expansion to be seen.

Names used twice, comparisons of what is not there, credentials where anyone may read them. Unknown references and
circles are found when arms are expanded.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from assay.api.evaluate import HUMANEVAL
from assay.api.experiment import Axis, Experiment, Role, Stage
from assay.api.faults import did_you_mean
from assay.api.parse import profile_of
from assay.api.profile import Profile
from assay.api.questions import comparisons, published
from assay.api.secrets import has_secret, names_secret
from assay.api.subject import Subject
from assay.api.written import Path, Written, field_path, walk
from assay.errors import SpecError, SpecErrors

_STEP_LISTS = "steps"  # whose items go by their kind when they have no name
_PLACEMENT = ("remove", "before", "after")


def check(experiment: Experiment, written: Written | None = None) -> list[SpecError]:
    """Return all that is wrong with an experiment; `written` adds lines of the file."""
    subject = Subject(experiment, written or _as_written(experiment))
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


def _names_once(subject: Subject) -> Iterator[SpecError]:
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


def _stages_known(subject: Subject) -> Iterator[SpecError]:
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


def _places_once(subject: Subject) -> Iterator[SpecError]:
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


def _doses_vary(subject: Subject) -> Iterator[SpecError]:
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


def _code_allowed(subject: Subject) -> Iterator[SpecError]:
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


def _no_secrets(subject: Subject) -> Iterator[SpecError]:
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


_QUESTIONS: tuple[Callable[[Subject], Iterator[SpecError]], ...] = (
    _names_once,
    _stages_known,
    _places_once,
    _doses_vary,
    comparisons,
    _code_allowed,
    published,
    _no_secrets,
)
