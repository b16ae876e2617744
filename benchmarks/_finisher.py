"""All controllers, nodes and programs of a cluster, in a process: each workload that a watch shows ends well at once, with a record.

`python benchmarks/_finisher.py FILE`, with a kubeconfig and a store's variables in the environment. It reads a stage's identity, writes
its record and patches the workload's status: two requests to the store, one to the API server. What it did is in the file, anew
every second: how many ended, how long each took from being seen, and the seconds of the processor.
"""

import json
import os
import queue
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import urllib3

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.artifacts.documents import ArtifactRef, Outputs, Provenance, Record
from assay.artifacts.kinds import Kind
from assay.errors import AssayError
from assay.stores.claims import read_stage
from assay.stores.open import open_store
from assay.stores.records import publish
from assay.stores.store import Store
from assay.workloads.carrier import CARRIERS
from assay.workloads.names import MANAGED_BY, MANAGER, attempt_of
from assay_operator.api import ApiClient, configuration
from builders import SUMMARIES
from finisher import ended

Finish = Callable[[ClusterApi, dict[str, Any]], None]

WORKERS = 8
DIGESTS: dict[str, str] = {}  # of outputs, by stage
TOOK: list[float] = []
ENDED: set[tuple[int, str]] = set()  # attempts
TWICE: list[str] = []  # stages that were launched again


def watch(client: ApiClient, path: str, selector: str, seen: queue.Queue) -> None:
    """Put every object into the queue once, in the order in which they came to be."""
    chosen = {"labelSelector": selector}
    version = "0"
    known: set[str] = set()
    while True:
        query = list({**chosen, "watch": "true", "resourceVersion": version}.items())
        request = client.param_serialize(
            "GET", path, query_params=query, header_params={}, auth_settings=["BearerToken"]
        )
        try:
            answer = client.call_api(*request, _request_timeout=(5, 300)).response
        except urllib3.exceptions.HTTPError:
            time.sleep(1)
            continue
        for line in lines(answer):
            event = json.loads(line)
            if event["type"] == "ERROR":
                version = "0"
                break
            found = event["object"]
            version = found["metadata"]["resourceVersion"]
            if event["type"] == "ADDED" and found["metadata"]["uid"] not in known:
                known.add(found["metadata"]["uid"])
                seen.put((time.monotonic(), found))


def lines(answer: urllib3.BaseHTTPResponse) -> Any:
    rest = b""
    try:
        for chunk in answer.stream(2**16, decode_content=True):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
    except urllib3.exceptions.HTTPError:
        return


def work(api: ClusterApi, finish: Finish, seen: queue.Queue) -> None:
    while True:
        came, found = seen.get()
        try:
            finish(api, found)
        except AssayError as error:  # a server that has no time
            print(error, file=sys.stderr)
            seen.put((came, found))
        else:
            TOOK.append(time.monotonic() - came)


def finish(store: Store, api: ClusterApi, found: dict[str, Any]) -> None:
    ref, number = attempt_of(found) or (ArtifactRef(), 0)
    stage, now = read_stage(store, ref), datetime.now(UTC)
    record = Record(
        identity=stage,
        outputs=Outputs(files={}, summary=SUMMARIES[Kind(ref.kind)]),
        provenance=Provenance(
            attempt=number,
            inputs={read: DIGESTS[read] for read in stage.reads},  # KeyError: launched before what it reads
            execution={},
            environment={},
            started_at=now,
            finished_at=now,
        ),
    )
    if (number, str(ref)) not in ENDED and str(ref) in DIGESTS:
        TWICE.append(str(ref))
    ENDED.add((number, str(ref)))
    DIGESTS[str(ref)] = publish(store, record).outputs_digest
    carrier = next(item for item in CARRIERS if item.kind == found["kind"])
    metadata = found["metadata"]
    path = path_of(carrier.api_version, carrier.plural, metadata["namespace"], metadata["name"])
    api.merge(f"{path}/status", {"status": ended(found)})


def tell(file: Path, seen: queue.Queue) -> None:
    processor = time.process_time()
    took = TOOK[:]
    words = {
        "ended": len(took),
        "twice": TWICE,
        "waiting": seen.qsize(),
        "median": statistics.median(took) if took else 0.0,
        "longest": max(took, default=0.0),
        "processor": processor,
    }
    part = file.with_suffix(".part")
    part.write_text(json.dumps(words))
    part.rename(file)


def run(followed: Iterable[tuple[str, str]], finish: Finish) -> None:
    """Finish whatever is at some paths and has their labels, until SIGTERM; tell of it in the file that was named."""
    file = Path(sys.argv[1])
    reached = configuration()
    reached.connection_pool_maxsize = WORKERS + 4
    client = ApiClient(reached)
    api, seen = ClusterApi(client), queue.Queue()
    for path, selector in followed:
        threading.Thread(target=watch, args=(client, path, selector, seen), daemon=True).start()
    for _ in range(WORKERS):
        threading.Thread(target=work, args=(api, finish, seen), daemon=True).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.wait(1.0):
        tell(file, seen)
    tell(file, seen)


def main() -> None:
    team, store = os.environ["ASSAY_TEAM"], open_store(os.environ["ASSAY_STORE"])
    ours = f"{MANAGED_BY}={MANAGER}"
    run(
        [(path_of(carrier.api_version, carrier.plural, team), ours) for carrier in CARRIERS],
        partial(finish, store),
    )


if __name__ == "__main__":
    main()
