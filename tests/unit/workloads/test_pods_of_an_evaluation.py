"""An evaluation in several pods: one Job, which the first of them ends."""

import pytest
from kubernetes.client import ApiClient, V1Job

from assay.artifacts.kinds import Kind
from assay.workloads import job
from assay_pipelines.evaluate.dealing import POD
from orders import PROFILES, an_order

SEVERAL = {"evaluate": {"pods": 3, "codeExecution": True}}
every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def made(kind, profile, execution=SEVERAL):
    return job.manifest(an_order(kind, profile, execution=execution))


@every_profile
def test_the_job_has_as_many_pods_at_once_and_ends_well_with_the_first(profile):
    spec = made(Kind.EVALUATE, profile)["spec"]

    assert (spec["completionMode"], spec["parallelism"], spec["completions"]) == ("Indexed", 3, 3)
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}


@every_profile
def test_no_pod_is_tried_again_and_one_that_is_lost_ends_no_other(profile):
    spec = made(Kind.EVALUATE, profile)["spec"]

    assert spec["backoffLimitPerIndex"] == 0
    assert "backoffLimit" not in spec


@every_profile
def test_each_pod_is_told_its_number_and_has_a_sandbox_of_its_own(profile):
    pod = made(Kind.EVALUATE, profile)["spec"]["template"]["spec"]

    [program], [sandbox] = pod["containers"], pod["initContainers"]
    told = [one for one in program["env"] if one["name"] == POD]
    index = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    assert told == [{"name": POD, "valueFrom": {"fieldRef": {"fieldPath": index}}}]
    assert sandbox["env"] == []


@every_profile
@pytest.mark.parametrize(
    ("kind", "execution"), [(Kind.EVALUATE, {}), (Kind.GENERATE, SEVERAL), (Kind.COMPARE, SEVERAL)]
)
def test_all_else_has_one_pod_that_is_told_no_number(profile, kind, execution):
    spec = made(kind, profile, execution)["spec"]

    assert (spec["parallelism"], spec["completions"], spec["backoffLimit"]) == (1, 1, 0)
    assert "completionMode" not in spec
    assert POD not in {one["name"] for one in spec["template"]["spec"]["containers"][0]["env"]}


@every_profile
def test_the_job_comes_back_from_the_clients_model_as_it_went_in(profile):
    found = made(Kind.EVALUATE, profile)
    assert ApiClient().sanitize_for_serialization(V1Job.from_dict(found)) == found
