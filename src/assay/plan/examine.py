"""What is wrong with an experiment: all that can be said without looking outside it.

The one judgement that `assay validate`, the webhook and the operator share. It parses, checks what no schema can say,
expands arms and axes, follows every reference, and names what no program can do yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.api.experiment import Experiment, Stage
from assay.api.parse import experiment_of
from assay.api.validate import check
from assay.api.written import Path, Written, walk
from assay.errors import SpecError, SpecErrors
from assay.plan.arms import Expansion, Instance, expanded
from assay.plan.identity import Reference, references
from assay.plan.targets import Targets

Told = dict[
    str, tuple[SpecError, list[str]]
]  # by field path: the first fault there, and the instances that have it


@dataclass(frozen=True, kw_only=True)
class Examined:
    """An experiment and what is wrong with it.

    Attributes:
        experiment: absent where it could not be parsed.
        expansion: the instances of the arms that are not at fault.
        faults: what its author must mend; each begins with a field path.

    """

    experiment: Experiment | None
    expansion: Expansion
    faults: tuple[SpecError, ...]

    def sound(self) -> Experiment:
        """Return the experiment.

        Raises:
            SpecErrors: all its faults.

        """
        if self.faults or self.experiment is None:
            raise SpecErrors(list(self.faults))
        return self.experiment


def examine(written: Written) -> Examined:
    """Examine a file that was read, or an object from an API server (`Written(value=object)`)."""
    try:
        experiment = experiment_of(written)
    except SpecErrors as error:
        nothing = Expansion(instances=(), notes=())
        return Examined(experiment=None, expansion=nothing, faults=tuple(error.faults))
    expansion, faults = expanded(experiment)
    inside = _Inside(experiment, written, expansion)
    return Examined(
        experiment=experiment,
        expansion=expansion,
        faults=(
            *check(experiment, written),
            *map(written.placed, faults),
            *inside.dangling(),
            *inside.circles(),
        ),
    )


def examine_object(value: Mapping[str, Any]) -> Examined:
    """Examine an object as an API server stores it: its status and metadata are Kubernetes' own."""
    return examine(Written(value=dict(value)))


@dataclass(frozen=True, kw_only=True)
class _Reads:
    """One stage of one instance names another."""

    instance: Instance
    stage: str
    reference: Reference
    path: Path  # of the reference within the stage


class _Inside:
    """Follows what the stages of an expansion say."""

    def __init__(self, experiment: Experiment, written: Written, expansion: Expansion) -> None:
        self._experiment = experiment
        self._written = written
        self._expansion = expansion
        arms = {instance.arm for instance in expansion.instances}
        self._untold = {arm.name for arm in experiment.spec.arms} - arms  # their faults are told already
        self._edges: dict[tuple[str, str], list[tuple[tuple[str, str], _Reads]]] = {}

    def dangling(self) -> Iterator[SpecError]:
        """Yield a fault for every field that names a stage which is not there or does not fit."""
        targets = Targets(self._expansion.instances)
        told: Told = {}
        for reads, stage in self._every_reference():
            arm, _, _ = reads.reference.target.rpartition("/")
            if arm in self._untold:
                continue
            try:
                target, name = targets.of(reads.instance, stage, reads.reference)
            except SpecError as error:
                where = self._where(reads.instance, reads.stage, reads.path, reads.reference.target)
                told.setdefault(where, (error, []))[1].append(reads.instance.label)
            else:
                edge = ((target.label, name), reads)
                self._edges.setdefault((reads.instance.label, reads.stage), []).append(edge)
        yield from _folded(told)

    def circles(self) -> Iterator[SpecError]:
        """Yield a fault for every circle of stages; those alike in several arms are told once."""
        done: set[tuple[str, str]] = set()
        told: set[str] = set()
        for start in self._edges:
            for circle in self._circles_from(start, done):
                first = circle[0]
                where = self._where(first.instance, first.stage, first.path, first.reference.target)
                if where not in told:
                    told.add(where)
                    names = [f"{reads.instance.arm}/{reads.stage}" for reads in circle]
                    yield SpecError(
                        where,
                        f"found a circle {' → '.join([*names, names[0]])}, expected none",
                        "Break it: a stage may not read what reads it.",
                    )

    def _every_reference(self) -> Iterator[tuple[_Reads, Stage]]:
        known: dict[int, list[Reference]] = {}
        for instance in self._expansion.instances:
            for name, stage in instance.stages.items():
                if id(stage) not in known:
                    known[id(stage)] = list(references(stage.body))
                for reference in known[id(stage)]:
                    path = (stage.kind.value, *reference.path)
                    yield _Reads(instance=instance, stage=name, reference=reference, path=path), stage

    def _circles_from(
        self, start: tuple[str, str], done: set[tuple[str, str]]
    ) -> Iterator[tuple[_Reads, ...]]:
        """Walk depth first, without recursion: a chain may be as long as the arms are many."""
        if start in done:
            return
        done.add(start)
        way = {start: 0}  # what is underway, and how many steps lead there
        steps: list[_Reads] = []
        branches = [iter(self._edges.get(start, ()))]
        while branches:
            target, reads = next(branches[-1], (None, None))
            if target is None or reads is None:
                branches.pop()
                way.popitem()
                del steps[-1:]
            elif target in way:
                yield (*steps[way[target] :], reads)
            elif target not in done:
                done.add(target)
                steps.append(reads)
                way[target] = len(steps)
                branches.append(iter(self._edges.get(target, ())))

    def _where(self, instance: Instance, stage: str, path: Path, value: str) -> str:
        """Return the field in which an instance's stage got a value: its arm's, an axis's or the pipeline's."""
        for start, words in self._origins(instance, stage):
            for place, found in walk(words):
                if found == value and _names(place) == _names(path):
                    return self._written.where((*start, *place))
        inside = ".".join(str(part) for part in path)
        return f"arm {instance.arm}, stage {stage}, {inside}"

    def _origins(self, instance: Instance, stage: str) -> Iterator[tuple[Path, Any]]:
        spec = self._written.value["spec"]
        arms = [index for index, arm in enumerate(spec["arms"]) if arm.get("name") == instance.arm]
        lists: list[tuple[Path, list[Any]]] = []
        for index in arms:
            lists += _of_axes(("spec", "arms", index, "matrix"), spec["arms"][index].get("matrix"))
        lists += _of_axes(("spec", "matrix"), spec.get("matrix"))
        lists += [
            (("spec", "arms", index, "stages"), spec["arms"][index].get("stages") or []) for index in arms
        ]
        lists.append((("spec", "pipeline"), spec["pipeline"]))
        for start, stages in lists:
            for index, words in enumerate(stages):
                if words.get("name") == stage:
                    yield (*start, index), words


def _of_axes(start: Path, axes: list[Any] | None) -> list[tuple[Path, list[Any]]]:
    return [
        ((*start, index, "values", place, "stages"), value.get("stages") or [])
        for index, axis in enumerate(axes or [])
        for place, value in enumerate(axis.get("values") or [])
    ]


def _names(path: Path) -> list[str]:
    """A path without the positions of items, which merging changes."""
    return [part for part in path if isinstance(part, str)]


def _folded(told: Told) -> Iterator[SpecError]:
    for where, (fault, labels) in told.items():
        yield SpecError(where, f"{fault.found} (in {_some(labels)})", fault.do)


def _some(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
