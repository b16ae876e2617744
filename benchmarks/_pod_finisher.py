"""All nodes and programs of a cluster, in a process: each pod that a watch shows has ended well at once.

`python benchmarks/_pod_finisher.py FILE`, with a kubeconfig in the environment and a namespace in ASSAY_TEAM. It patches the pod's status
and tells Argo that nothing was left to report, as the executor in each pod does: two requests to the API server. How many ended is in
the file, anew every second.
"""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _finisher import run

from assay.adapters.cluster_api import ClusterApi, path_of

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


def main() -> None:
    run([(path_of("v1", "pods", os.environ["ASSAY_TEAM"]), f"{ARGO}/completed=false")], finish)


if __name__ == "__main__":
    main()
