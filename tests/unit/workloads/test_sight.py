"""What an object that exists says of its attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.artifacts.kinds import Kind
from assay.reconcile.facts import Phase
from assay.workloads.carrier import CARRIERS, JOB, PYTORCHJOB, RAYJOB, TRAINJOB, carrier_of
from orders import a_gpu_profile, an_order

QUEUED = {"labels": {"kueue.x-k8s.io/queue-name": "gpu"}}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "status", "spec", "conditions", "type", "reason", "message", "suspend", "runPolicy",
                    "jobDeploymentStatus", "jobsStatus", "ready", "metadata", "labels",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip
objects = st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), anything)


def a_condition(kind, status="True", reason="", message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message}


def a_job(*conditions, suspend=False, **status):
    return {
        "metadata": QUEUED,
        "spec": {"suspend": suspend},
        "status": {"conditions": list(conditions), **status},
    }


def a_pytorchjob(*conditions, suspend=False):
    return {
        "metadata": QUEUED,
        "spec": {"runPolicy": {"suspend": suspend}},
        "status": {"conditions": list(conditions)},
    }


def a_rayjob(deployment="", *, suspend=False, **status):
    return {
        "metadata": QUEUED,
        "spec": {"suspend": suspend},
        "status": {"jobDeploymentStatus": deployment, **status},
    }


def a_trainjob(*conditions, suspend=False, **counts):
    return {
        "metadata": QUEUED,
        "spec": {"suspend": suspend},
        "status": {"conditions": list(conditions), "jobsStatus": [{"name": "node", **counts}]},
    }


def seen(carrier, workload):
    sight = carrier.sight(workload)
    return sight.phase, sight.note


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.kind)
@given(workload=objects)
def test_sight_is_total(carrier, workload):
    sight = carrier.sight(workload)
    assert sight.phase in {Phase.RUNNING, Phase.ENDED}
    assert isinstance(sight.note, str)


@pytest.mark.parametrize("kind", Kind)
def test_what_was_just_made_runs_and_says_what_it_waits_for(kind):
    profile = a_gpu_profile()
    carrier = carrier_of(kind, profile)
    workload = carrier.manifest(an_order(kind, profile))
    assert carrier.sight(workload).phase is Phase.RUNNING
    assert carrier.sight(workload).note.startswith("suspended: waits for queue ")


@pytest.mark.parametrize(
    ("workload", "phase", "note"),
    [
        (a_job(), Phase.RUNNING, "its pod is not ready yet"),
        (a_job(active=1, ready=0), Phase.RUNNING, "its pod is not ready yet"),
        (a_job(active=1, ready=1), Phase.RUNNING, ""),
        (a_job(suspend=True), Phase.RUNNING, "suspended: waits for queue gpu"),
        (a_job(a_condition("Suspended"), suspend=True), Phase.RUNNING, "suspended: waits for queue gpu"),
        (a_job(a_condition("FailureTarget"), ready=1), Phase.RUNNING, ""),
        (a_job(a_condition("SuccessCriteriaMet"), ready=1), Phase.RUNNING, ""),
        (a_job(a_condition("Complete"), a_condition("Suspended", "False")), Phase.ENDED, ""),
        (a_job(a_condition("Complete", "False"), ready=1), Phase.RUNNING, ""),
        (
            a_job(a_condition("Failed", reason="BackoffLimitExceeded", message="has reached the limit")),
            Phase.ENDED,
            "BackoffLimitExceeded: has reached the limit",
        ),
    ],
)
def test_a_job_has_ended_when_it_is_complete_or_failed(workload, phase, note):
    assert seen(JOB, workload) == (phase, note)


@pytest.mark.parametrize(
    ("workload", "phase", "note"),
    [
        (a_pytorchjob(), Phase.RUNNING, "its pods do not run yet"),
        (a_pytorchjob(a_condition("Created")), Phase.RUNNING, "its pods do not run yet"),
        (a_pytorchjob(a_condition("Created"), a_condition("Running")), Phase.RUNNING, ""),
        (a_pytorchjob(a_condition("Restarting")), Phase.RUNNING, "its pods do not run yet"),
        (a_pytorchjob(suspend=True), Phase.RUNNING, "suspended: waits for queue gpu"),
        (  # evicted: it ran, it will again
            a_pytorchjob(a_condition("Running", "False"), a_condition("Suspended"), suspend=True),
            Phase.RUNNING,
            "suspended: waits for queue gpu",
        ),
        (  # by type, not by place
            a_pytorchjob(a_condition("Succeeded"), a_condition("Running", "False")),
            Phase.ENDED,
            "",
        ),
        (a_pytorchjob(a_condition("Failed", reason="PyTorchJobFailed")), Phase.ENDED, "PyTorchJobFailed"),
    ],
)
def test_a_pytorchjob_has_ended_when_it_has_succeeded_or_failed(workload, phase, note):
    assert seen(PYTORCHJOB, workload) == (phase, note)


@pytest.mark.parametrize(
    ("workload", "phase", "note"),
    [
        (a_rayjob(), Phase.RUNNING, "KubeRay has not begun with it"),
        (a_rayjob("Initializing"), Phase.RUNNING, "its Ray cluster starts"),
        (a_rayjob("Running"), Phase.RUNNING, ""),
        (a_rayjob("Running", jobStatus="SUCCEEDED"), Phase.RUNNING, ""),
        (a_rayjob("Running", jobStatus="FAILED"), Phase.RUNNING, ""),
        (a_rayjob("Retrying", jobStatus="FAILED"), Phase.RUNNING, "its Ray cluster is made anew"),
        (a_rayjob("Waiting"), Phase.RUNNING, "waits for a job to be submitted"),
        (a_rayjob("Suspending"), Phase.RUNNING, "its Ray cluster is taken down"),
        (a_rayjob("Suspended"), Phase.RUNNING, "suspended"),
        (a_rayjob("Suspended", suspend=True), Phase.RUNNING, "suspended: waits for queue gpu"),
        (a_rayjob("Unheard"), Phase.RUNNING, ""),
        (a_rayjob("Complete", jobStatus="SUCCEEDED"), Phase.ENDED, ""),
        (
            a_rayjob("Failed", reason="AppFailed", message="exit code 64"),
            Phase.ENDED,
            "AppFailed: exit code 64",
        ),
        (a_rayjob("Failed"), Phase.ENDED, "Failed"),
        (
            a_rayjob("ValidationFailed", reason="ValidationFailed", message="name is too long"),
            Phase.ENDED,
            "ValidationFailed: name is too long",
        ),
    ],
)
def test_a_rayjob_has_ended_when_its_deployment_has(workload, phase, note):
    assert seen(RAYJOB, workload) == (phase, note)


@pytest.mark.parametrize(
    ("workload", "phase", "note"),
    [
        ({"metadata": {}, "spec": {}}, Phase.RUNNING, "its pods do not run yet"),
        (a_trainjob(active=1, ready=0), Phase.RUNNING, "its pods do not run yet"),
        (a_trainjob(active=1, ready=1), Phase.RUNNING, ""),
        (a_trainjob(suspend=True), Phase.RUNNING, "suspended: waits for queue gpu"),
        (a_trainjob(a_condition("Suspended"), suspend=True), Phase.RUNNING, "suspended: waits for queue gpu"),
        (a_trainjob(a_condition("Suspended", "False"), ready=1), Phase.RUNNING, ""),
        (a_trainjob(a_condition("Suspended", "False"), a_condition("Complete")), Phase.ENDED, ""),
        (
            a_trainjob(a_condition("Failed", reason="FailedJobs", message="jobset failed")),
            Phase.ENDED,
            "FailedJobs: jobset failed",
        ),
    ],
)
def test_a_trainjob_has_ended_when_it_is_complete_or_failed(workload, phase, note):
    assert seen(TRAINJOB, workload) == (phase, note)
