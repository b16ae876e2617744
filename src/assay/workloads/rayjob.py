"""ray.io/v1 RayJob: carries clean and train, on a Ray cluster of its own.

Cleaning's workers come when there is work and go when idle. A training's are as many as its nodes, and each counts as many
of Ray's CPUs as it is to have processes, so that Ray Train deals them out evenly.

Read in KubeRay v1.6.2; what decided the shape:

* `submissionMode: K8sJobMode`, though HTTPMode needs one pod less. In HTTPMode a job that the dashboard does not know is
  submitted anew: a lost head is replaced and the program runs again, under the same attempt and without end; and where the
  head is not replaced, the RayJob stays `Running` for ever. SidecarMode ends well too, but its container takes no security
  context, so namespaces that enforce the restricted standard refuse the head. A submitter that is tried again follows
  the job that is there (it asks for it first, and Ray refuses a second job of one id), and gives up when there is none.
* `ray.io/disable-provisioned-head-restart` (annotations of a RayJob are copied to its RayCluster): a head that is lost once
  the cluster stood is not replaced, so the program never runs twice; the submitter gives up, and the RayJob is `Failed`.
* `shutdownAfterJobFinishes` with `ttlSecondsAfterFinished` 0 deletes the cluster, not the RayJob, and at once: its nodes
  are free, and a program that outlived its submitter ends. The submitter's pod keeps the log.
* KubeRay makes a service account per cluster for its autoscaler. The pod does not mount its token everywhere
  (`automountServiceAccountToken` false); the autoscaler's container alone gets it, at the place where clients look.
* `authOptions` token: without it, whoever reaches the head's port runs programs with the store's credentials. It needs
  `rayVersion`, which also makes KubeRay probe by HTTP instead of by `wget`, which a lean image lacks.
* KubeRay adds /tmp/ray to head and autoscaler, as a volume below our /tmp.
* The program itself, Ray's driver, runs in the head, which gets no tasks (`num-cpus` 0). In a cleaning it joins what the
  workers found, and has a worker's memory; in a training it waits.
"""

import shlex

from assay.api.execution import TrainExecution
from assay.api.profile import Pool
from assay.artifacts.kinds import Kind
from assay.reconcile.facts import Phase, Sight
from assay.workloads.execution import worker_cpus
from assay.workloads.names import metadata
from assay.workloads.objects import Object, at, clipped, text
from assay.workloads.order import Order
from assay.workloads.pods import (
    HOMELESS,
    TMP,
    Size,
    container,
    environment,
    near,
    program,
    resources,
    security,
    template,
    variable_list,
)
from assay.workloads.sights import held_back, running
from assay.workloads.torchrun import with_pool

RAY_VERSION = "2.60.0"  # in the images, as uv.lock has it
WORKERS = "workers"  # the only group; "head" is taken
_ELASTIC = {"kueue.x-k8s.io/elastic-job": "true"}  # Kueue refuses an autoscaled RayJob without it
_NO_SECOND_HEAD = {"ray.io/disable-provisioned-head-restart": "true"}
_STORE_SHARE = (
    0.4  # of a pod's memory for /dev/shm: Ray takes 0.3 for its object store, and at most 0.95 of /dev/shm
)
_IDLE_SECONDS = 60  # after which a worker goes
_SUBMITTER_TRIES = 2  # more; each follows the same job again
_HEAD_CPUS = 1
_DRIVER_GIB = 4  # of a head that only waits
_SMALL_STORE = {"object-store-memory": str(100 << 20)}  # a training uses none; /dev/shm is NCCL's
_DRIVER_SHARED_GIB = 0.25
_SIDE = Size(cpus=0.2, memory_gib=0.5)  # autoscaler, submitter: a Ray client each
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
_TOKEN = "autoscaler-token"  # noqa: S105 -- the name of a volume
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 -- where clients look for one
_TOKEN_SECONDS = 3607  # what the API server itself gives pods, and renews

_ENDED = frozenset({"Complete", "Failed", "ValidationFailed"})
_NOT_YET = {
    "": "KubeRay has not begun with it",
    "Initializing": "its Ray cluster starts",
    "Suspending": "its Ray cluster is taken down",
    "Suspended": "suspended",
    "Retrying": "its Ray cluster is made anew",
    "Waiting": "waits for a job to be submitted",
}


def manifest(order: Order) -> Object:
    """Return the RayJob to create.

    Raises:
        SpecError: the profile names no images.

    """
    trains = order.ref.kind is Kind.TRAIN
    pools = order.profile.pools
    pool = pools.train if trains else pools.clean
    about = metadata(order, pool.queue)
    about["annotations"] |= _NO_SECOND_HEAD | (_ELASTIC if pool.queue and not trains else {})
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": about,
        "spec": {
            "suspend": pool.queue is not None,
            "entrypoint": shlex.join(["python", "-m", *(_training(order) if trains else program(order))]),
            "submissionMode": "K8sJobMode",
            "submitterConfig": {"backoffLimit": _SUBMITTER_TRIES},
            "submitterPodTemplate": _submitter(order, pool),
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 0,
            "backoffLimit": 0,
            "rayClusterSpec": {
                "rayVersion": RAY_VERSION,
                "authOptions": {"mode": "token"},
                **(_fixed(order) if trains else _elastic(order)),
            },
        },
    }


def _elastic(order: Order) -> Object:
    """Return a cluster that cleans."""
    pool = order.profile.pools.clean
    sizes = [Size(cpus=cpus, memory_gib=pool.memory_gib) for cpus in (min(_HEAD_CPUS, pool.cpus), pool.cpus)]
    shared = pool.memory_gib * _STORE_SHARE
    env = environment(order) + variable_list(_QUIET)
    head, worker = (
        template(order, pool, container(order, name, size, env=env), shared_memory_gib=shared)
        for name, size in zip(("ray-head", "ray-worker"), sizes, strict=True)
    )
    head["spec"]["volumes"].append({"name": _TOKEN, "projected": {"sources": _token_sources()}})
    return {
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": _autoscaler(),
        "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": head},
        "workerGroupSpecs": [
            {
                "groupName": WORKERS,
                "replicas": 0,
                "minReplicas": 0,
                "maxReplicas": pool.max_workers,
                "rayStartParams": {"num-cpus": str(worker_cpus(pool))},
                "template": worker,
            }
        ],
    }


def _fixed(order: Order) -> Object:
    """Return a cluster that trains."""
    pool = order.profile.pools.train
    execution = TrainExecution.model_validate(order.attempt.execution)
    env = with_pool(order, environment(order) + variable_list(_QUIET))
    node = Size(cpus=pool.cpus, memory_gib=pool.memory_gib, gpus=pool.gpus_per_node)
    driver = Size(cpus=min(_HEAD_CPUS, pool.cpus), memory_gib=min(_DRIVER_GIB, pool.memory_gib))
    head = container(order, "ray-head", driver, env=env)
    worker = template(
        order,
        pool,
        container(order, "ray-worker", node, env=env),
        grace_seconds=pool.grace_seconds,
        shared_memory_gib=pool.shared_memory_gib,
    )
    return {
        "enableInTreeAutoscaling": False,
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0", **_SMALL_STORE},
            "template": template(order, pool, head, shared_memory_gib=_DRIVER_SHARED_GIB),
        },
        "workerGroupSpecs": [
            {
                "groupName": WORKERS,
                "replicas": execution.nodes,
                "minReplicas": execution.nodes,
                "maxReplicas": execution.nodes,
                "rayStartParams": {"num-cpus": str(execution.processes_per_node), **_SMALL_STORE},
                "template": near(worker, pool),
            }
        ],
    }


def _training(order: Order) -> list[str]:
    module, *arguments = program(order)
    gpus = ["--gpus"] if order.profile.pools.train.gpus_per_node else []
    return [f"{module}.on_ray", *gpus, *arguments]


def _token_sources() -> list[Object]:
    """Return what a pod gets of its service account where nobody says otherwise."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]


def _autoscaler() -> Object:
    """Return what KubeRay adds to the autoscaler's container; it shares the head's volumes and has no store credentials."""
    return {
        "version": "v2",
        "idleTimeoutSeconds": _IDLE_SECONDS,
        "resources": resources(_SIDE),
        "securityContext": security(),
        "env": variable_list(HOMELESS | _QUIET),
        "volumeMounts": [dict(TMP), {"name": _TOKEN, "mountPath": _TOKEN_PATH, "readOnly": True}],
    }


def _submitter(order: Order, pool: Pool) -> Object:
    """Return the pod that submits the program and prints its log; it has no store credentials."""
    one = container(order, "ray-job-submitter", _SIDE, env=variable_list(HOMELESS | _QUIET))
    return template(order, pool, one)


def sight(workload: Object) -> Sight:
    """Say whether the RayJob's program runs.

    `jobDeploymentStatus` alone decides: `jobStatus` is `FAILED` while a retry is on its way, and stays what it was when a
    cluster is lost.
    """
    status = text(workload, "status", "jobDeploymentStatus")
    if status in _ENDED:
        return Sight(phase=Phase.ENDED, note="" if status == "Complete" else _why(workload, status))
    is_suspended = at(workload, "spec", "suspend") is True
    return running(held_back(workload) if is_suspended else _NOT_YET.get(status, ""))


def _why(workload: Object, status: str) -> str:
    parts = (text(workload, "status", "reason") or status, text(workload, "status", "message"))
    return clipped(": ".join(part for part in parts if part))
