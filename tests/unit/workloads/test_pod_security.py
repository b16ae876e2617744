"""Namespaces that enforce the restricted Pod Security Standard admit whatever carries a stage, the code sandbox too."""

import copy

import pytest

from assay.artifacts.kinds import Kind
from assay.workloads.carrier import carrier_of
from orders import PROFILES, TRAININGS, an_order, nodes
from pod_security import violations

ALL = {**PROFILES, **TRAININGS}
ASKED = {
    "plainly": {},
    "with-code": {"evaluate": {"codeExecution": True}},
    "on-pods": {"evaluate": {"pods": 2}},
}


def pods_of(kind, profile, execution):
    """Return what becomes a pod's spec: KubeRay puts the autoscaler into the head's, a TrainJob patches its runtime's."""
    workload = carrier_of(kind, profile).manifest(an_order(kind, profile, execution=execution))
    for node in nodes(copy.deepcopy(workload)):
        if "containers" in node:
            yield node
        if "autoscalerOptions" in node:
            head = copy.deepcopy(node["headGroupSpec"]["template"]["spec"])
            yield {**head, "containers": [{"name": "autoscaler", **node["autoscalerOptions"]}]}


@pytest.mark.parametrize("execution", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("profile", ALL.values(), ids=ALL)
@pytest.mark.parametrize("kind", Kind)
def test_a_workloads_pods_satisfy_the_restricted_standard(kind, profile, execution):
    pods = list(pods_of(kind, profile, execution))

    assert pods
    assert [why for pod in pods for why in violations(pod)] == []


@pytest.mark.parametrize(
    ("member", "value", "why"),
    [
        ("allowPrivilegeEscalation", True, "evaluate may escalate privileges"),
        ("runAsNonRoot", False, "evaluate may run as root"),
        ("capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}, "evaluate keeps capabilities"),
        ("seccompProfile", {"type": "Unconfined"}, "evaluate has no seccomp profile"),
    ],
)
def test_a_pod_that_may_do_more_is_found(member, value, why):
    [pod] = pods_of(Kind.EVALUATE, ALL["cpu-plain"], {})
    pod["containers"][0]["securityContext"][member] = value

    assert violations(pod) == [why]


def test_a_pod_with_a_folder_of_the_host_is_found():
    [pod] = pods_of(Kind.EVALUATE, ALL["cpu-plain"], {})
    pod["volumes"].append({"name": "root", "hostPath": {"path": "/"}})

    assert violations(pod) == ["volume root is ['hostPath']"]
