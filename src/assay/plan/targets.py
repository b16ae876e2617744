"""Which stage a reference means: of the same arm, or of another at the same coordinates on all shared axes."""

from assay.api.clean import Clean
from assay.api.experiment import Stage
from assay.api.faults import did_you_mean
from assay.api.program import Program
from assay.api.train import Train
from assay.errors import SpecError
from assay.plan.arms import Instance
from assay.plan.identity import Reference


class Targets:
    """Looks references up among instances."""

    def __init__(self, instances: tuple[Instance, ...]) -> None:
        self._arms: dict[str, list[Instance]] = {}
        self._points: dict[tuple[str, frozenset[tuple[str, str]]], Instance] = {}
        # by their ids; they are kept, so that no other has them
        self._fitting: dict[tuple[int, int], tuple[Reference, Stage]] = {}
        for instance in instances:
            self._arms.setdefault(instance.arm, []).append(instance)
            self._points[instance.arm, frozenset(instance.coordinates)] = instance

    def of(self, instance: Instance, stage: Stage, reference: Reference) -> tuple[Instance, str]:
        """Return the instance and the name of the stage that a reference means.

        Raises:
            SpecError: it leads nowhere, to the wrong kind, or asks for what its stage does not keep.

        """
        arm, _, name = reference.target.rpartition("/")
        target = self._at(instance, arm, _place(instance, stage, reference)) if arm else instance
        found = target.stages.get(name)
        key = (id(reference), id(found))
        if key in self._fitting:
            return target, name
        where = _place(instance, stage, reference)
        if found is None:
            names = list(target.stages)
            raise SpecError(
                where,
                f"found {reference.target!r}, expected a stage of {target.arm}: {', '.join(names)}",
                did_you_mean(name, names, "Name one of them."),
            )
        if found.kind not in reference.refers.kinds:
            *others, last = (kind.value for kind in reference.refers.kinds)
            kinds = f"{', '.join(others)} or {last}" if others else last
            raise SpecError(
                where,
                f"found {reference.target!r}, a {found.kind.value} stage, expected a {kinds} stage",
                "Name another stage.",
            )
        _check_output(reference, found, where)
        _check_kept(reference, found, where)
        self._fitting[key] = reference, found
        return target, name

    def _at(self, instance: Instance, arm: str, where: str) -> Instance:
        candidates = self._arms.get(arm)
        if candidates is None:
            raise SpecError(
                where,
                f"found arm {arm!r}, expected one of {', '.join(self._arms)}",
                did_you_mean(arm, list(self._arms), "Name an arm."),
            )
        shared = {axis for axis, _ in candidates[0].coordinates} & {axis for axis, _ in instance.coordinates}
        point = frozenset(item for item in instance.coordinates if item[0] in shared)
        exact = self._points.get((arm, point))
        if exact is not None:
            return exact
        raise SpecError(
            where,
            f"found no single {arm} at {dict(point) or 'the same coordinates'}, expected one: it varies over "
            f"{', '.join(axis for axis, _ in candidates[0].coordinates)}",
            "Refer to an arm that varies over the same axes and values, or give both the same axis.",
        )


def _place(instance: Instance, stage: Stage, reference: Reference) -> str:
    return f"{instance.label}, stage {stage.name}, {'.'.join(str(part) for part in reference.path)}"


def _check_output(reference: Reference, target: Stage, where: str) -> None:
    """Refuse a program that writes something else than is to be read."""
    wanted = reference.refers.output
    if isinstance(target.body, Program) and wanted not in (None, target.body.output):
        raise SpecError(
            where,
            f"found {reference.target!r}, a program whose output is {target.body.output}, expected {wanted}",
            "Name another stage.",
        )


def _check_kept(reference: Reference, target: Stage, where: str) -> None:
    """Refuse a reference to a split or a checkpoint that its stage does not make."""
    split = getattr(reference.holder, "split", None)
    if split is not None:
        steps = target.body.steps if isinstance(target.body, Clean) else ()
        parts = [part.name for step in steps if step.split for part in step.split.parts]
        if split not in parts:
            raise SpecError(
                where,
                f"found split {split!r} of {target.name}, expected one of {', '.join(parts) or 'none: it has no split step'}",
                "Name one, or add a split step.",
            )
    checkpoint = getattr(reference.holder, "checkpoint", None)
    if checkpoint is not None and not isinstance(target.body, Train):
        raise SpecError(
            where,
            f"found a checkpoint of {target.name}, a {target.kind.value} stage, expected one of a train stage",
            "Leave `checkpoint` out.",
        )
    if checkpoint is not None:
        kept = target.body.checkpoints
        fits = kept is not None and (
            (
                checkpoint.epoch is not None
                and kept.every_epochs is not None
                and _reached(checkpoint.epoch, kept.every_epochs, target.body)
            )
            or (checkpoint.rows is not None and kept.rows is not None and checkpoint.rows in kept.rows)
            or (checkpoint.slice is not None and kept.slices is not None and checkpoint.slice <= kept.slices)
        )
        if not fits:
            raise SpecError(
                where,
                f"found checkpoint {checkpoint.model_dump(exclude_none=True)} of {target.name}, which does not keep it",
                f"Let {target.name} keep it by train.checkpoints.",
            )


def _reached(epoch: float, every: float, train: Train) -> bool:
    """Whether a training keeps a model after so many epochs: a multiple of `every`, and not beyond the last."""
    times = epoch / every
    return abs(times - round(times)) < 1e-9 and (
        train.steps_of is not None or epoch <= (train.epochs or 1) + 1e-9
    )
