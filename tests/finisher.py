"""What controllers and programs do, without any: workloads that are there end well, each with a record in the store.

The outputs of a stage are a digest of what it is and of what it read, so that a wrong or unfinished input would show in all
records after it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.artifacts.canonical import digest
from assay.artifacts.documents import ArtifactRef, OutputFile, Outputs, Provenance, Record
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key
from assay.reconcile.facts import Phase
from assay.stores.claims import read_stage
from assay.stores.records import load_record, publish
from assay.stores.store import Store
from assay.workloads.carrier import CARRIERS
from assay.workloads.names import attempt_of
from builders import SUMMARIES

Plain = dict[str, Any]


def workloads(api: ClusterApi, namespace: str) -> Iterator[Plain]:
    """Yield what is there, with its apiVersion and kind, which a list leaves out."""
    for carrier in CARRIERS:
        for found in api.items(path_of(carrier.api_version, carrier.plural, namespace)):
            yield {"apiVersion": carrier.api_version, "kind": carrier.kind, **found}


def finish(api: ClusterApi, namespace: str, store: Store) -> None:
    """Let every workload that has not ended end."""
    for found in workloads(api, namespace):
        carrier = next(item for item in CARRIERS if item.kind == found["kind"])
        if carrier.sight(found).phase is Phase.ENDED:
            continue
        ref, number = attempt_of(found) or (None, 0)
        assert ref is not None
        complete(store, ref, number)
        name = found["metadata"]["name"]
        api.merge(
            f"{path_of(carrier.api_version, carrier.plural, namespace, name)}/status",
            {"status": ended(found)},
        )


def complete(
    store: Store,
    ref: ArtifactRef,
    number: int,
    *,
    times: tuple[datetime, datetime] | None = None,
    environment: Plain | None = None,
) -> None:
    """Do as a stage's program does that began and ended then, by whichever clock, and in this class; now, if nobody says."""
    stage = read_stage(store, ref)
    inputs = {}
    for read in stage.reads:
        record = load_record(store, ArtifactRef(read))
        assert record is not None, f"{ref} was launched before {read} was done"
        inputs[read] = record.outputs_digest
    data = digest("test", [stage.spec, inputs]).encode()
    store.put(data_key(ref, number, "digest.txt"), data)
    started, finished = times or (datetime.now(UTC), datetime.now(UTC))
    publish(
        store,
        Record(
            identity=stage,
            outputs=Outputs(
                files={"digest.txt": OutputFile(size=len(data), sha256=data.decode())},
                summary=SUMMARIES[Kind(ref.kind)],
            ),
            provenance=Provenance(
                attempt=number,
                inputs=inputs,
                execution={},
                environment=environment or {},
                started_at=started,
                finished_at=finished,
            ),
        ),
    )


def ended(found: Plain) -> Plain:
    """Return the status of a workload that has ended well."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if found["kind"] == "RayJob":
        return {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
    types = ["SuccessCriteriaMet", "Complete"] if found["kind"] == "Job" else ["Succeeded"]
    conditions = [
        {"type": one, "status": "True", "reason": "Test", "message": "", "lastTransitionTime": now}
        for one in types
    ]
    if found["kind"] == "Job":
        return {"conditions": conditions, "startTime": now, "completionTime": now, "succeeded": 1}
    return {"conditions": conditions, "replicaStatuses": {}}
