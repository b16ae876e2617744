"""All nodes and programs of a cluster, in a process: each pod that a watch shows has ended well at once.

`python benchmarks/_pod_finisher.py FILE`, with a kubeconfig in the environment and a namespace in ASSAY_TEAM. It patches the pod's status
and tells Argo that nothing was left to report, as the executor in each pod does: two requests to the API server. How many ended is in
the file, anew every second.
"""

import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _finisher import TOOK, WORKERS, tell, watch

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.errors import AssayError
from assay_operator.api import ApiClient, configuration

ARGO = "workflows.argoproj.io"
ENDED = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def finish(api: ClusterApi, found: dict[str, Any]) -> None:
    metadata = found["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    result = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTaskResult",
        "metadata": {
            "name": metadata["annotations"][f"{ARGO}/node-id"],
            "labels": {
                f"{ARGO}/workflow": metadata["labels"][f"{ARGO}/workflow"],
                f"{ARGO}/report-outputs-completed": "true",
            },
        },
    }
    api.create(path_of("argoproj.io/v1alpha1", "workflowtaskresults", namespace), result)
    containers = [
        {
            "name": item["name"],
            "image": item["image"],
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": ENDED,
        }
        for item in found["spec"]["containers"]
    ]
    status = {"phase": "Succeeded", "containerStatuses": containers}
    api.merge(f"{path_of('v1', 'pods', namespace, name)}/status", {"status": status})


def work(api: ClusterApi, seen: queue.Queue) -> None:
    while True:
        came, found = seen.get()
        try:
            finish(api, found)
        except AssayError as error:  # a server that has no time
            print(error, file=sys.stderr)
            seen.put((came, found))
        else:
            TOOK.append(time.monotonic() - came)


def main() -> None:
    file = Path(sys.argv[1])
    reached = configuration()
    reached.connection_pool_maxsize = WORKERS + 4
    client = ApiClient(reached)
    api, seen = ClusterApi(client), queue.Queue()
    path = path_of("v1", "pods", os.environ["ASSAY_TEAM"])
    asked = (client, path, f"{ARGO}/completed=false", seen)
    threading.Thread(target=watch, args=asked, daemon=True).start()
    for _ in range(WORKERS):
        threading.Thread(target=work, args=(api, seen), daemon=True).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.wait(1.0):
        tell(file, seen)
    tell(file, seen)


if __name__ == "__main__":
    main()
