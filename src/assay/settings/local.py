"""A spec's file and a store's URI become everything that a local run needs."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.adapters.expected_inputs import ExpectedSources, unasked
from assay.adapters.local import LocalBackend
from assay.adapters.sources import FileSources
from assay.api.execution import Execution
from assay.api.expectation import parse_expected
from assay.api.experiment import Experiment
from assay.api.parse import parse_profile
from assay.api.profile import ProfileSpec
from assay.api.written import read
from assay.artifacts.documents import ArtifactRef, StageDocument
from assay.artifacts.kinds import Kind
from assay.control.control import Control
from assay.errors import SpecError, StoreError
from assay.plan.compile import Resolved, compile_plan, wanted_inputs
from assay.plan.examine import Examined, examine
from assay.plan.plan import Plan
from assay.ports.sources import Sources
from assay.reconcile.facts import Need, Policy
from assay.reconcile.terms import Terms
from assay.report.seen import contrasts_seen, primary_power
from assay.settings.common import now
from assay.settings.inputs import resolved_inputs
from assay.stores.claims import read_stage
from assay.stores.open import open_store, open_to_read
from assay.stores.store import Store


@dataclass(frozen=True, kw_only=True)
class Local:
    """An experiment, its plan, and the store that it lives in."""

    experiment: Experiment
    plan: Plan
    store: Store

    def control(self, backend: LocalBackend) -> Control:
        """Return the loop that carries the plan out here."""
        execution = self.experiment.spec.execution
        policy = Policy(
            since=now(),
            retries=execution.retries,
            suspended=self.experiment.spec.suspend,
            needs=_needs(execution),
            terms=self._terms(),
        )
        return Control(self.plan, store=self.store, backend=backend, policy=policy, clock=now)

    def _terms(self) -> Terms:
        digest, manual = self.plan.digest, self.experiment.spec.execution.approval == "manual"
        power = primary_power(contrasts_seen(self.plan, self.store)) if manual else None
        return Terms(digest=digest, manual=manual, power=power)


def examined_file(path: Path) -> Examined:
    """Read a spec's file and judge it.

    Raises:
        SpecError: it cannot be read.

    """
    return examine(read(_bytes(path), str(path)))


def profile_file(path: Path) -> ProfileSpec:
    """Read a Profile's file.

    Raises:
        SpecError: it cannot be read.
        SpecErrors: all that is wrong with it.

    """
    return parse_profile(_bytes(path), str(path)).spec


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(
            str(path), f"found {error.strerror}, expected a readable file", "Check the path."
        ) from error


def compile_file(path: Path, *, expected: Path | None = None) -> tuple[Experiment, Plan]:
    """Read a spec's file, resolve its outside inputs relative to it, and compile it; `expected` tells of inputs that are not there."""
    examined = examined_file(path)
    experiment, expansion = examined.sound(), examined.expansion
    if expected is None:
        return experiment, compile_plan(experiment, expansion, resolved_file(path, examined))
    told = parse_expected(_bytes(expected), str(expected))
    left = unasked(told, wanted_inputs(expansion))
    sources = ExpectedSources(told, expected.parent, _sources(path))
    plan = compile_plan(experiment, expansion, resolved_inputs(expansion, examined.written, sources))
    note = (
        f"{len(left)} of {len(told)} inputs in {expected.name} are none of this spec, such as {left[0]}"
        if left
        else ""
    )
    return experiment, plan.model_copy(update={"notes": (*plan.notes, note)}) if note else plan


def resolved_file(path: Path, examined: Examined) -> dict[str, Resolved]:
    """Return what the outside inputs of a sound spec's file hold now, by their keys."""
    return resolved_inputs(examined.expansion, examined.written, _sources(path))


def _sources(path: Path) -> Sources:
    return FileSources(path.absolute().parent, hub_access=os.environ.get("HF_HUB_OFFLINE") == "0")


def open_local(path: Path, store_uri: str, *, writing: bool = False, expected: Path | None = None) -> Local:
    """Compile a spec's file against a store, which is not even made unless it is opened for writing."""
    experiment, plan = compile_file(path, expected=expected)
    opened = open_store if writing else open_to_read
    return Local(experiment=experiment, plan=plan, store=opened(store_uri))


def backend_for(
    experiment: Experiment, parallel: int | None, approved: frozenset[str] = frozenset()
) -> LocalBackend:
    """Return a backend on this machine; threads are fixed, because their number moves figures in the last digits."""
    execution = experiment.spec.execution
    environment = {
        "OMP_NUM_THREADS": str(
            max(execution.train.threads, execution.generate.threads, execution.evaluate.threads)
        ),
        "OPENBLAS_NUM_THREADS": "1",
    }
    return LocalBackend(parallel=parallel or execution.parallel, environment=environment, approved=approved)


def stored_stages(store: Store, kind: Kind) -> Iterator[StageDocument]:
    """Yield every stage of one kind that the store knows; what is damaged is nobody's neighbour."""
    for fingerprint in store.children(f"stages/{kind.value}/"):
        with contextlib.suppress(StoreError):
            yield read_stage(store, ArtifactRef(f"{kind.value}/{fingerprint}"))


def _needs(execution: Execution) -> dict[Kind, Need]:
    train = execution.train
    return {
        Kind.CLEAN: Need(cpus=execution.clean.cpus, memory_gib=execution.clean.memory_gib),
        Kind.TRAIN: Need(cpus=train.threads * train.processes_per_node, memory_gib=train.memory_gib),
        Kind.GENERATE: Need(cpus=execution.generate.threads, memory_gib=execution.generate.memory_gib),
        Kind.EVALUATE: Need(cpus=execution.evaluate.threads, memory_gib=execution.evaluate.memory_gib),
        Kind.PROGRAM: Need(cpus=execution.program.threads, memory_gib=execution.program.memory_gib),
        Kind.COMPARE: Need(cpus=1, memory_gib=1),
    }
