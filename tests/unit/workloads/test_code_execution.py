"""The second container of an evaluation that runs what models write."""

import pytest
from kubernetes.client import ApiClient, V1Job

from assay.artifacts.kinds import Kind
from assay.workloads import job
from assay_pipelines.sandbox.exchange import FOLDER
from orders import PROFILES, an_order

ALLOWED = {"evaluate": {"codeExecution": True}}
every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def pod_of(kind, profile, execution=ALLOWED):
    return job.manifest(an_order(kind, profile, execution=execution))["spec"]["template"]["spec"]


@every_profile
@pytest.mark.parametrize(
    ("kind", "execution"), [(Kind.EVALUATE, {}), (Kind.GENERATE, ALLOWED), (Kind.COMPARE, ALLOWED)]
)
def test_a_pod_that_runs_no_code_of_models_has_one_container(profile, kind, execution):
    pod = pod_of(kind, profile, execution)
    assert "initContainers" not in pod
    assert len(pod["containers"]) == 1


@every_profile
def test_the_sandbox_has_no_environment_no_token_and_no_mount_but_the_exchange(profile):
    pod = pod_of(Kind.EVALUATE, profile)
    [sandbox] = pod["initContainers"]

    assert sandbox["command"] == ["python", "-m", "assay_pipelines.sandbox", "/exchange"]
    assert sandbox["env"] == []
    assert sandbox["volumeMounts"] == [{"name": "exchange", "mountPath": "/exchange"}]
    assert "nvidia.com/gpu" not in sandbox["resources"]["limits"]
    assert pod["automountServiceAccountToken"] is False
    assert not pod.get("shareProcessNamespace")


@every_profile
def test_the_sandbox_ends_with_the_program_and_may_do_no_more_than_it(profile):
    pod = pod_of(Kind.EVALUATE, profile)
    [sandbox], [program] = pod["initContainers"], pod["containers"]

    assert sandbox["restartPolicy"] == "Always"  # which makes it a sidecar
    assert sandbox["securityContext"] == program["securityContext"]
    assert sandbox["image"] == program["image"]


@every_profile
def test_the_program_shares_the_exchange_alone_with_its_sandbox(profile):
    pod = pod_of(Kind.EVALUATE, profile)
    [sandbox], [program] = pod["initContainers"], pod["containers"]
    mounts = [{mount["name"] for mount in one["volumeMounts"]} for one in (sandbox, program)]

    assert mounts[0] & mounts[1] == {"exchange"}
    assert {"name": FOLDER, "value": "/exchange"} in program["env"]
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == "exchange"]
    assert volume == {"name": "exchange", "emptyDir": {"sizeLimit": "1Mi"}}


@every_profile
def test_the_job_comes_back_from_the_clients_model_as_it_went_in(profile):
    found = job.manifest(an_order(Kind.EVALUATE, profile, execution=ALLOWED))
    assert ApiClient().sanitize_for_serialization(V1Job.from_dict(found)) == found
