"""batch/v1 Job: carries generate, evaluate, program and compare, one pod each, or an evaluation in several.

Kubernetes tries nothing twice (`backoffLimit` 0), and replaces no pod before it is gone for good (`podReplacementPolicy`):
every restart is a new attempt of ours.

Of an evaluation's pods the first leads. The Job ends well with it (`successPolicy`), and goes on without another that is lost
(`backoffLimitPerIndex`), whose share the first takes over.

Where an experiment lets code run that models write, an evaluation's pod has a second container for it: of the same image, with
no environment, no token and no mount but a folder of two named pipes. It is a sidecar, which the kubelet ends with the program.
"""

from assay.api.execution import EvaluateExecution
from assay.api.profile import Pool
from assay.artifacts.kinds import Kind
from assay.reconcile.facts import Sight
from assay.workloads.names import metadata
from assay.workloads.objects import Object, at, number
from assay.workloads.order import Order
from assay.workloads.pods import Size, container, program, template
from assay.workloads.program import pod as program_pod
from assay.workloads.sights import by_conditions, held_back

SANDBOX = "ASSAY_SANDBOX"  # the variable that tells the program where the pipes are
POD = "ASSAY_POD"  # the variable that tells the program which pod of several it is in
_INDEX = {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}
_EXCHANGE = {"name": "exchange", "mountPath": "/exchange"}
_PIPES_ALONE = "1Mi"  # nothing else is kept there
_SANDBOX = Size(cpus=0.1, memory_gib=2.5)  # works while the program waits; two processes of 1 GiB at most
_COMPARE = Size(cpus=1, memory_gib=4)  # scores and outcomes of one comparison; no model


def manifest(order: Order) -> Object:
    """Return the Job to create.

    Raises:
        SpecError: the profile names no images.

    """
    if order.ref.kind is Kind.PROGRAM:
        return _job(order, order.profile.pools.program, program_pod(order))
    pool = order.profile.pools.evaluate
    size = Size(cpus=pool.cpus, memory_gib=pool.memory_gib, gpus=pool.gpus)
    if order.ref.kind is Kind.COMPARE:
        size = Size(cpus=_COMPARE.cpus, memory_gib=min(_COMPARE.memory_gib, pool.memory_gib))
    one = container(order, order.ref.kind.value, size, command=["python", "-m", *program(order)])
    asked = EvaluateExecution()
    if order.ref.kind is Kind.EVALUATE:
        asked = EvaluateExecution.model_validate(order.attempt.execution)
    if asked.pods > 1:
        one = {**one, "env": [*one["env"], {"name": POD, "valueFrom": {"fieldRef": dict(_INDEX)}}]}
    pod = template(order, pool, one)
    if asked.code_execution:
        pod = {**pod, "spec": _with_sandbox(order, pod["spec"])}
    return _job(order, pool, pod, count=asked.pods)


def _job(order: Order, pool: Pool, pod: Object, *, count: int = 1) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(order, pool.queue),
        "spec": {
            "suspend": pool.queue is not None,
            **_pods(count),
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": order.profile.kept_seconds,
            "template": pod,
        },
    }


def _pods(count: int) -> Object:
    pods = {"parallelism": count, "completions": count}
    if count == 1:
        return {**pods, "backoffLimit": 0}
    return {
        **pods,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 0,
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]},
    }


def _with_sandbox(order: Order, pod: Object) -> Object:
    [one] = pod["containers"]
    sandbox = container(
        order,
        "sandbox",
        _SANDBOX,
        command=["python", "-m", "assay_pipelines.sandbox", _EXCHANGE["mountPath"]],
        env=[],
        volumeMounts=[dict(_EXCHANGE)],
        restartPolicy="Always",
    )
    program = {
        **one,
        "env": [*one["env"], {"name": SANDBOX, "value": _EXCHANGE["mountPath"]}],
        "volumeMounts": [*one["volumeMounts"], dict(_EXCHANGE)],
    }
    exchange = {"name": _EXCHANGE["name"], "emptyDir": {"sizeLimit": _PIPES_ALONE}}
    return {
        **pod,
        "initContainers": [sandbox],
        "containers": [program],
        "volumes": [*pod["volumes"], exchange],
    }


def sight(workload: Object) -> Sight:
    """Say whether the Job's program runs: it has ended once the Job is `Complete` or `Failed`, not while pods still go."""
    return by_conditions(workload, done="Complete", waiting=_waiting(workload))


def _waiting(workload: Object) -> str:
    if at(workload, "spec", "suspend") is True:
        return held_back(workload)
    return "" if number(workload, "status", "ready") else "its pod is not ready yet"
