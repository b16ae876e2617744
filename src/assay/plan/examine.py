"""What is wrong with an experiment: all that can be said without looking outside it.

The one judgement that `assay validate`, the webhook and the operator share. It parses, checks what no schema can say,
expands arms and axes, follows every reference, and names what no program can do yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from assay.api.experiment import Experiment, Stage
from assay.api.parse import experiment_of
from assay.api.train import Train
from assay.api.validate import check
from assay.api.written import Path, Written
from assay.errors import SpecError, SpecErrors
from assay.plan.arms import Expansion, Instance, expanded
from assay.plan.identity import Reference, references
from assay.plan.origins import Origins
from assay.plan.targets import Targets

Told = dict[
    str, tuple[SpecError, list[str]]
]  # by field path: the first fault there, and the instances that have it


@dataclass(frozen=True, kw_only=True)
class Examined:
    """An experiment and what is wrong with it.

    Attributes:
        written: the document.
        experiment: absent where it could not be parsed.
        expansion: the instances of the arms that are not at fault.
        faults: what its author must mend; each begins with a field path.

    """

    written: Written
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
        return Examined(written=written, experiment=None, expansion=nothing, faults=tuple(error.faults))
    expansion, faults = expanded(experiment)
    inside = _Inside(experiment, written, expansion)
    return Examined(
        written=written,
        experiment=experiment,
        expansion=expansion,
        faults=(
            *check(experiment, written),
            *map(written.placed, faults),
            *inside.dangling(),
            *inside.circles(),
            *inside.beyond_context(),
        ),
    )


def examine_object(value: Mapping[str, Any]) -> Examined:
    """Examine an object as an API server stores it: its status and metadata are Kubernetes' own."""
    return examine(Written(value=dict(value)))


class _Reads(NamedTuple):
    """One stage of one instance names another; there are as many as instances have stages."""

    instance: Instance
    stage: str
    reference: Reference
    path: Path  # of the reference within the stage


class _Inside:
    """Follows what the stages of an expansion say."""

    def __init__(self, experiment: Experiment, written: Written, expansion: Expansion) -> None:
        self._expansion = expansion
        self._by_label = {instance.label: instance for instance in expansion.instances}
        self._origins = Origins(written)
        arms = {instance.arm for instance in expansion.instances}
        self._untold = {arm.name for arm in experiment.spec.arms} - arms  # their faults are told already
        self._bodies: dict[int, Any] = {}
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
                where = self._origins.where(reads.instance, reads.stage, reads.path, reads.reference.target)
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
                where = self._origins.where(first.instance, first.stage, first.path, first.reference.target)
                if where not in told:
                    told.add(where)
                    names = [f"{reads.instance.arm}/{reads.stage}" for reads in circle]
                    yield SpecError(
                        where,
                        f"found a circle {' → '.join([*names, names[0]])}, expected none",
                        "Break it: a stage may not read what reads it.",
                    )

    def beyond_context(self) -> Iterator[SpecError]:
        """Yield a fault for every training whose sequences are longer than its model takes, where the spec makes that model."""
        told: Told = {}
        for instance in self._expansion.instances:
            for name, stage in instance.stages.items():
                body = self._body(stage)
                if not isinstance(body, Train):
                    continue
                length, context = body.sequence_length, self._context(instance, name)
                if context is None or length <= context:
                    continue
                where = self._origins.where(instance, name, ("train", "sequenceLength"), length)
                error = SpecError(
                    where,
                    f"found {length}, expected at most the model's context of {context} tokens",
                    "Lower it, or raise the context of the new model that it begins with.",
                )
                told.setdefault(where, (error, []))[1].append(instance.label)
        yield from _folded(told)

    def _context(self, instance: Instance, name: str) -> int | None:
        """Return the context of the new model that a training, or the first of those that it goes on from, begins with."""
        at, passed = (instance.label, name), set[tuple[str, str]]()
        while at not in passed:
            passed.add(at)
            label, stage = at
            body = self._body(self._by_label[label].stages[stage])
            if isinstance(body, Train) and body.model.llama is not None:
                return body.model.llama.context
            edges = self._edges.get(at, ())
            at = next((target for target, reads in edges if reads.reference.path == ("model", "from")), at)
        return None

    def _body(self, stage: Stage) -> Any:
        """Return what a stage does, found once for all instances that share it."""
        known = self._bodies.get(id(stage))
        if known is None:
            known = self._bodies[id(stage)] = stage.body
        return known

    def _every_reference(self) -> Iterator[tuple[_Reads, Stage]]:
        known: dict[int, list[tuple[Reference, Path]]] = {}
        for instance in self._expansion.instances:
            for name, stage in instance.stages.items():
                found = known.get(id(stage))
                if found is None:
                    kind = stage.kind.value
                    found = [(reference, (kind, *reference.path)) for reference in references(stage.body)]
                    known[id(stage)] = found
                for reference, path in found:
                    yield _Reads(instance, name, reference, path), stage

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


def _folded(told: Told) -> Iterator[SpecError]:
    for where, (fault, labels) in told.items():
        yield SpecError(where, f"{fault.found} (in {_some(labels)})", fault.do)


def _some(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
