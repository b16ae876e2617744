"""What is known before of the GPU-hours that a plan takes: from its Profile, its models' folders, and what is done in the store."""

import contextlib
from collections.abc import Iterator, Mapping
from itertools import islice

from assay.api.execution import Execution
from assay.api.memory import gpu_name
from assay.api.profile import ProfileSpec
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.errors import StoreError
from assay.plan.expected import Earlier, Expected, Machines, expected_of
from assay.plan.fit import Folder
from assay.plan.plan import Plan
from assay.stores.claims import read_claim
from assay.stores.records import load_record
from assay.stores.store import Store
from assay.workloads.carrier import pool_of
from assay.workloads.execution import gpus_of

_MOST = 200  # stages of each kind that are looked at, beside the plan's own
_MOST_KEPT = 5000


class EarlierStages:
    """What stages took that are done. Records never change, so what was read once is kept."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ArtifactRef], Earlier] = {}

    def of(self, plan: Plan, kinds: list[Kind], store: Store) -> Iterator[Earlier]:
        """Yield the plan's own, and others of these kinds in the store."""
        refs = dict.fromkeys(stage.ref for stage in plan.stages if stage.kind in kinds)
        for kind in kinds:
            names = islice(store.children(f"stages/{kind.value}/"), _MOST)
            refs |= dict.fromkeys(ArtifactRef(f"{kind.value}/{name}") for name in names)
        for ref in refs:
            with contextlib.suppress(StoreError):  # what is damaged tells nothing
                if (found := self._read(store, ref)) is not None:
                    yield found

    def _read(self, store: Store, ref: ArtifactRef) -> Earlier | None:
        key = store.uri, ref
        if key in self._known:
            return self._known[key]
        record = load_record(store, ref)
        if record is None:
            return None
        told = record.provenance
        claimed = read_claim(store, ref, told.attempt).gpus
        gpus = told.gpus if claimed is None else claimed
        pace = told.figures.get("tokensPerSecond")
        found = Earlier(
            document=record.identity,
            gpu=told.gpu,
            gpu_hours=gpus * (told.finished_at - told.started_at).total_seconds() / 3600,
            pace=pace / gpus if pace and gpus else None,
        )
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = found
        return found


def machines_of(execution: Execution, profile: ProfileSpec) -> Machines:
    """Return what a Profile's pools have."""
    names = {kind: gpu_name(pool_of(kind, profile).selector, "") for kind in Kind}
    return Machines(gpus=gpus_of(execution, profile), names=names)


def expected_in(
    plan: Plan,
    machines: Machines,
    *,
    store: Store,
    folders: Mapping[str, Folder],
    earlier: EarlierStages,
) -> dict[ArtifactRef, Expected]:
    """Say of every stage that would hold GPUs there how many GPU-hours it takes."""
    kinds = [kind for kind, gpus in machines.gpus.items() if gpus]
    known = [item for item in earlier.of(plan, kinds, store) if item.gpu_hours] if kinds else []
    return expected_of(plan, machines, folders, known)
