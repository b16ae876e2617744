"""The pod of a team's own program: what its container is given, and what is read from the pod's status."""

import pytest
from kubernetes.client import ApiClient, V1Job

from assay.api.profile import ProfileSpec
from assay.artifacts.exchange import variables
from assay.artifacts.kinds import Kind
from assay.workloads import job
from assay.workloads.program import ending, runs
from orders import PROFILES, PROGRAM, a_cpu_profile, a_gpu_profile, an_order

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def pod_of(profile, **execution):
    return job.manifest(an_order(Kind.PROGRAM, profile, execution={"program": execution}))["spec"][
        "template"
    ]["spec"]


def parts(profile, **execution):
    pod = pod_of(profile, **execution)
    return {one["name"]: one for one in (*pod["initContainers"], *pod["containers"])}


def a_pod(*conditions, running=(), **ended):
    statuses = [{"name": name, "state": {"running": {}}} for name in running]
    statuses += [
        {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason}}}
        for name, (code, reason) in ended.items()
    ]
    conditions = [{"type": kind, "status": "True"} for kind in conditions]
    return {"status": {"initContainerStatuses": statuses, "conditions": conditions}}


@every_profile
def test_the_command_stands_between_what_is_read_and_what_is_published(profile):
    pod = pod_of(profile)

    assert [one["name"] for one in pod["initContainers"]] == ["read", "stand-by", "program"]
    assert [one["name"] for one in pod["containers"]] == ["publish"]
    assert [one["name"] for one in pod["initContainers"] if one.get("restartPolicy") == "Always"] == [
        "stand-by"
    ]


@every_profile
def test_the_commands_container_holds_no_credential_and_no_folder_of_assays_own(profile):
    found = parts(profile)
    command = found.pop("program")

    names = {one["name"] for one in command["env"]}
    assert set(variables("", 1)) <= names
    assert not any(name.startswith("AWS") or "valueFrom" in name for name in names)
    assert all(set(one) == {"name", "value"} for one in command["env"])
    assert pod_of(profile)["automountServiceAccountToken"] is False
    assert not pod_of(profile).get("shareProcessNamespace")
    mounts = {mount["name"] for mount in command["volumeMounts"]}
    for name, own in found.items():
        shared = mounts & {mount["name"] for mount in own["volumeMounts"]}
        assert shared == (
            set() if name == "stand-by" else {"exchange"}
        )  # which is there while the command runs
        assert own["image"] == profile.images.evaluate


def test_the_command_is_that_of_its_stage_in_its_own_image_and_starts_in_its_code():
    command = parts(a_cpu_profile(), threads=3)["program"]

    assert (command["image"], command["command"]) == (PROGRAM["image"], PROGRAM["command"])
    assert command["workingDir"] == "/exchange/code"
    assert {"name": "OMP_NUM_THREADS", "value": "3"} in command["env"]


def test_a_command_is_not_read_as_the_kubelet_reads_references():
    order = an_order(Kind.PROGRAM, a_cpu_profile())
    spec = {**order.spec, "command": ["sh", "-c", "echo $(HOME) $HOME"]}
    *_, command = job.manifest(order.__class__(**vars(order) | {"spec": spec}))["spec"]["template"]["spec"][
        "initContainers"
    ]

    assert command["command"][-1] == "echo $$(HOME) $$HOME"  # two stand for one


def test_gpus_and_shared_memory_are_the_commands_alone():
    pools = {"program": {"gpus": 2, "memoryGib": 64, "sharedMemoryGib": 8, "queue": "own"}}
    found = parts(a_gpu_profile(pools=pools))

    assert {name for name, one in found.items() if "nvidia.com/gpu" in one["resources"]["limits"]} == {
        "program"
    }
    pod = pod_of(a_gpu_profile(pools=pools))
    shared = next(volume for volume in pod["volumes"] if volume["name"] == "shared-memory")
    assert shared["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}


@every_profile
def test_the_job_comes_back_from_the_clients_model_as_it_went_in(profile: ProfileSpec):
    found = job.manifest(an_order(Kind.PROGRAM, profile))
    assert ApiClient().sanitize_for_serialization(V1Job.from_dict(found)) == found


@every_profile
def test_a_pod_has_the_deadline_that_execution_gives_programs_and_its_job_none(profile):
    assert "activeDeadlineSeconds" not in pod_of(profile)
    assert pod_of(profile, deadlineHours=0.0001)["activeDeadlineSeconds"] == 1
    order = an_order(Kind.PROGRAM, profile, execution={"program": {"deadlineHours": 12}})
    assert "activeDeadlineSeconds" not in job.manifest(order)["spec"]
    assert job.manifest(order)["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 12 * 3600


def test_logs_are_those_of_the_command_unless_another_container_is_named():
    template = job.manifest(an_order(Kind.PROGRAM))["spec"]["template"]
    assert template["metadata"]["annotations"] == {"kubectl.kubernetes.io/default-container": "program"}


@pytest.mark.parametrize(
    ("pods", "reason", "retry", "told"),
    [
        (
            [a_pod(read=(0, ""), program=(3, "Error"))],
            "ProgramFailed",
            "never",
            "found exit code 3, expected 0",
        ),
        ([a_pod(program=(75, "Error"))], "ProgramFailed", "later", "found exit code 75"),
        ([a_pod(program=(137, "OOMKilled"))], "OutOfMemory", "later", "pool program give more memoryGib"),
        ([a_pod("DisruptionTarget", program=(143, "Error"))], "Interrupted", "later", "taken away"),
        ([], "Interrupted", "later", "taken away"),
        (
            [{"status": {**a_pod(program=(143, "Error"))["status"], "reason": "DeadlineExceeded"}}],
            "DeadlineExceeded",
            "never",
            "execution.program.deadlineHours",
        ),
    ],
)
def test_how_a_command_ended_is_told_from_its_pod(pods, reason, retry, told):
    found = ending(pods)

    assert (found.reason, found.retry) == (reason, retry)
    assert told in found.message


@pytest.mark.parametrize(
    "pod", [a_pod(read=(1, "Error")), a_pod(program=(0, "Completed")), {}, {"status": []}]
)
def test_what_was_not_the_commands_doing_is_left_to_who_did_it(pod):
    assert ending([pod]) is None


def test_a_pod_has_begun_its_work_once_any_of_its_containers_runs():
    assert runs(a_pod(running=["read"]))
    assert runs(a_pod(running=["program", "stand-by"]))
    assert not runs({"status": {"initContainerStatuses": [{"name": "read", "state": {"waiting": {}}}]}})
