"""An experiment as its checks see it: what its pipeline, arms and axes could make, and where that is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assay.api.experiment import Experiment, Role
from assay.api.faults import did_you_mean
from assay.api.written import Path, Written
from assay.errors import SpecError


@dataclass(frozen=True)
class Subject:
    """An experiment, and what its arms and axes could make of it."""

    experiment: Experiment
    written: Written

    @cached_property
    def arms(self) -> list[str]:
        """Their names."""
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
        """Say what is wrong with a field."""
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
