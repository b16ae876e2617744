"""What workloads ask of a cluster, and what they never do."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from assay.api.execution import (
    CleanExecution,
    EvaluateExecution,
    Execution,
    InferenceExecution,
    ProgramExecution,
    TrainExecution,
)
from assay.api.profile import ProfileSpec
from assay.artifacts.kinds import Kind
from assay.errors import SpecError
from assay.workloads import rayjob, trainjob
from assay.workloads.carrier import CARRIERS, carrier_of, carriers_of, cluster_faults
from assay.workloads.execution import gpus_of, settled_execution
from orders import IMAGES, PROFILES, TRAININGS, a_cpu_profile, a_gpu_profile, an_order, nodes, trained_by

TMP = "/tmp"  # noqa: S108 -- in a container
ROOT = Path(__file__).parents[3]
TRAINERS = ["PyTorchJob", "RayJob", "TrainJob"]
kinds = st.sampled_from(Kind)
names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
gib = st.floats(min_value=0.001, max_value=4096)
common = {
    "cpus": st.integers(1, 256),
    "memoryGib": gib,
    "queue": st.none() | names,
    "priorityClass": st.none() | names,
    "selector": st.dictionaries(names, names, max_size=2),
    "tolerations": st.lists(st.fixed_dictionaries({"key": names, "operator": st.just("Exists")}), max_size=2),
}
profiles = st.fixed_dictionaries(
    {
        "store": st.fixed_dictionaries(
            {
                "uri": st.just("s3://assay/research"),
                "endpoint": st.none() | st.just("https://store.example:9000"),
                "region": st.none() | st.just("eu-central-1"),
                "secret": st.none() | names,
            }
        ),
        "images": st.just(IMAGES),
        "pools": st.fixed_dictionaries(
            {
                "clean": st.fixed_dictionaries({**common, "maxWorkers": st.integers(1, 64)}),
                "train": st.fixed_dictionaries(
                    {
                        **common,
                        "workload": st.sampled_from(["PyTorchJob", "RayJob", "TrainJob"]),
                        "nodes": st.integers(1, 8),
                        "gpusPerNode": st.integers(0, 8),
                        "sharedMemoryGib": gib,
                        "environment": st.dictionaries(names.map(str.upper), names, max_size=3),
                        "graceSeconds": st.integers(0, 86400),
                    }
                ),
                "evaluate": st.fixed_dictionaries({**common, "gpus": st.integers(0, 8)}),
                "program": st.fixed_dictionaries(
                    {**common, "gpus": st.integers(0, 8), "sharedMemoryGib": gib}
                ),
            }
        ),
        "limits": st.fixed_dictionaries({"hubAccess": st.booleans()}),
    }
).map(ProfileSpec.model_validate)


def made(kind, profile, **order):
    workload = carrier_of(kind, profile).manifest(an_order(kind, profile, **order))
    return with_its_pods(workload) if workload["kind"] == "TrainJob" else workload


def with_its_pods(workload):
    """Put a TrainJob's trainer and patch into its runtime's pod, as Trainer does, and the runtime's spec into it."""
    runtime = YAML(typ="safe").load((ROOT / "manifests" / "trainjob-runtime.yaml").read_text())
    trainer, [patch] = workload["spec"].pop("trainer"), workload["spec"].pop("runtimePatches")
    [job] = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    [patched] = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert job["name"] == patched["name"]
    template, pod = patched["template"]["spec"]["template"], job["template"]["spec"]["template"]["spec"]
    [bare], [one] = pod["containers"], template["spec"]["containers"]
    assert bare["name"] == one["name"]
    from_trainer = {name: trainer[name] for name in ("image", "command", "env")}
    container = bare | one | from_trainer | {"resources": trainer["resourcesPerNode"]}
    job["template"]["spec"]["template"] = template | {
        "spec": pod | template["spec"] | {"containers": [container]}
    }
    return workload | {"runtime": runtime}


def containers(workload):
    """Yield what becomes a container: those of pod templates, and what KubeRay is told of its own."""
    for node in nodes(workload):
        yield from node.get("initContainers", [])
        yield from node.get("containers", [])
        if "autoscalerOptions" in node:
            yield node["autoscalerOptions"]


def pods(workload):
    return [node for node in nodes(workload) if "containers" in node]


def values(container):
    return {one["name"]: one.get("value") for one in container["env"]}


@given(kinds, profiles)
def test_every_container_is_nobody_with_a_read_only_root(kind, profile):
    for container in containers(made(kind, profile)):
        context = container["securityContext"]
        assert context["runAsNonRoot"]
        assert context["runAsUser"] == 65532
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert TMP in {mount["mountPath"] for mount in container["volumeMounts"]}


@given(kinds, profiles)
def test_no_pod_mounts_a_token_and_only_the_autoscaler_is_given_one(kind, profile):
    workload = made(kind, profile)
    assert all(pod["automountServiceAccountToken"] is False for pod in pods(workload))
    with_token = [
        container
        for container in containers(workload)
        if any(mount["name"] == "autoscaler-token" for mount in container["volumeMounts"])
    ]
    autoscalers = [node["autoscalerOptions"] for node in nodes(workload) if "autoscalerOptions" in node]
    assert with_token == autoscalers


@given(kinds, profiles)
def test_credentials_are_references_and_images_have_digests(kind, profile):
    workload = made(kind, profile)
    for node in nodes(workload):
        if str(node.get("name", "")).startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION")):
            assert set(node) == {"name", "valueFrom"}
            assert node["valueFrom"]["secretKeyRef"]["name"] == profile.store.secret
        if "image" in node:
            assert re.search(r"@sha256:[0-9a-f]{64}$", node["image"])


@given(kinds, profiles)
def test_memory_is_requested_as_it_is_limited_and_cores_are_not_limited(kind, profile):
    for container in containers(made(kind, profile)):
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert limits == {name: amount for name, amount in requests.items() if name != "cpu"}
        assert re.fullmatch(r"[1-9][0-9]*[GM]i", limits["memory"])


@given(kinds, profiles)
def test_every_mount_has_its_volume_and_no_variable_is_set_twice(kind, profile):
    for pod in pods(made(kind, profile)):
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            variables = [one["name"] for one in container["env"]]
            assert len(variables) == len(set(variables))


@given(kinds, profiles)
def test_a_workload_is_suspended_exactly_when_it_waits_in_a_queue(kind, profile):
    workload = made(kind, profile)
    pools = {
        Kind.CLEAN: profile.pools.clean,
        Kind.TRAIN: profile.pools.train,
        Kind.PROGRAM: profile.pools.program,
    }
    pool = pools.get(kind, profile.pools.evaluate)
    spec = workload["spec"]
    suspended = spec["runPolicy"]["suspend"] if workload["kind"] == "PyTorchJob" else spec["suspend"]
    assert suspended is (pool.queue is not None)
    assert workload["metadata"]["labels"].get("kueue.x-k8s.io/queue-name") == pool.queue


@given(kinds, profiles)
def test_an_order_gives_the_same_workload_whenever_it_is_made(kind, profile):
    assert made(kind, profile) == made(kind, profile)


@given(profiles)
def test_programs_read_the_settled_execution_as_they_read_a_laptops(profile):
    settled = settled_execution(Execution(), profile)
    models = {
        "clean": CleanExecution,
        "train": TrainExecution,
        "generate": InferenceExecution,
        "evaluate": EvaluateExecution,
        "program": ProgramExecution,
    }
    assert settled.keys() == models.keys()
    for kind, model in models.items():
        assert model.model_validate(settled[kind]).model_dump(mode="json", by_alias=True) == settled[kind]


def test_pools_decide_what_machines_there_are_and_the_experiment_the_rest():
    asked = {
        "train": {
            "deadlineHours": 48,
            "nodes": 5,
            "processesPerNode": 3,
            "threads": 4,
            "zeroStage": 2,
            "microBatch": 1,
        },
        "evaluate": {"threads": 7, "batch": 9, "pods": 5},
    }
    execution = Execution.model_validate(asked)
    on_gpus, on_cpus = (settled_execution(execution, profile) for profile in PROFILES.values())

    assert on_gpus["clean"] == {"cpus": 8 * 16, "memoryGib": 32, "deadlineHours": None}
    assert on_gpus["train"] == {
        "nodes": 2, "processesPerNode": 8, "threads": 4, "zeroStage": 2, "microBatch": 1, "memoryGib": 900, "deadlineHours": 48,
        "activationCheckpointing": False, "deterministic": True, "compile": False, "resumeEveryMinutes": 10,
    }  # fmt: skip
    assert on_gpus["evaluate"] == {
        "engine": "transformers", "threads": 7, "batch": 9, "memoryGib": 120, "pods": 5, "codeExecution": False,
        "deadlineHours": None,
    }  # fmt: skip
    assert (on_cpus["train"]["nodes"], on_cpus["train"]["processesPerNode"]) == (1, 3)


def test_gpus_are_counted_of_all_nodes_and_pods_that_a_stage_holds():
    execution = Execution.model_validate({"evaluate": {"pods": 5}})
    pools = {"train": {"nodes": 2, "gpusPerNode": 8}, "evaluate": {"gpus": 2}, "program": {"gpus": 3}}
    found = gpus_of(execution, a_gpu_profile(pools=pools))

    assert found == {
        Kind.CLEAN: 0, Kind.TRAIN: 16, Kind.GENERATE: 2, Kind.EVALUATE: 10, Kind.PROGRAM: 3, Kind.COMPARE: 0,
    }  # fmt: skip
    assert set(found) == set(Kind)


@pytest.mark.parametrize("kind", [Kind.EVALUATE, Kind.TRAIN])
def test_a_finished_workload_stays_as_long_as_the_profile_says(kind):
    spec = made(kind, a_gpu_profile(keptSeconds=7200))["spec"]

    assert spec.get("runPolicy", spec)["ttlSecondsAfterFinished"] == 7200


def test_a_training_of_one_node_has_no_worker_and_one_of_three_has_two():
    one, three = (
        made(Kind.TRAIN, a_gpu_profile(pools={"train": {"nodes": nodes, "gpusPerNode": 8}}))["spec"]
        for nodes in (1, 3)
    )
    assert list(one["pytorchReplicaSpecs"]) == ["Master"]
    assert {role: spec["replicas"] for role, spec in three["pytorchReplicaSpecs"].items()} == {
        "Master": 1,
        "Worker": 2,
    }
    assert three["nprocPerNode"] == "8"


@pytest.mark.parametrize("workload", TRAINERS)
def test_a_pools_variables_reach_the_training_and_replace_none_of_ours(workload):
    *_, container = containers(made(Kind.TRAIN, trained_by(workload, a_gpu_profile())))
    assert values(container)["NCCL_DEBUG"] == "WARN"
    assert values(container)["HOME"] == TMP  # the profile says /not/taken


@pytest.mark.parametrize(("workload", "seconds"), [("PyTorchJob", 900), ("TrainJob", 600)])
def test_torchrun_waits_for_a_checkpoint_as_long_as_the_pod_may(workload, seconds):
    pod, *_ = pods(made(Kind.TRAIN, trained_by(workload, a_gpu_profile())))
    assert pod["terminationGracePeriodSeconds"] == seconds
    assert values(pod["containers"][0])["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] == str(seconds - 10)


def test_a_trainjob_is_as_many_nodes_and_processes_as_its_pool():
    workload = carrier_of(Kind.TRAIN, TRAININGS["gpu-queued-trainjob"]).manifest(
        an_order(Kind.TRAIN, TRAININGS["gpu-queued-trainjob"])
    )
    trainer = workload["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (2, 8)
    assert trainer["command"][:3] == ["torchrun", "-m", "assay_pipelines.train"]


def test_nothing_foreign_tries_a_trainjob_again_and_nobody_takes_its_pods_away():
    runtime = made(Kind.TRAIN, TRAININGS["gpu-queued-trainjob"])["runtime"]
    jobset = runtime["spec"]["template"]["spec"]
    [job] = jobset["replicatedJobs"]
    assert runtime["metadata"]["name"] == trainjob.RUNTIME
    assert jobset["failurePolicy"] == {"maxRestarts": 0}
    assert job["template"]["spec"]["backoffLimit"] == 0
    assert job["template"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert not any("ttlSecondsAfterFinished" in node for node in nodes(runtime))


def test_a_training_on_ray_has_all_its_nodes_at_once_and_a_slot_for_each_process():
    spec = made(Kind.TRAIN, TRAININGS["gpu-queued-rayjob"])["spec"]
    cluster = spec["rayClusterSpec"]
    [group] = cluster["workerGroupSpecs"]
    head = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert cluster["enableInTreeAutoscaling"] is False
    assert [group[name] for name in ("replicas", "minReplicas", "maxReplicas")] == [2, 2, 2]
    assert group["rayStartParams"]["num-cpus"] == "8"
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert head["resources"]["limits"] == {"memory": "4Gi"}  # it only waits
    assert spec["entrypoint"].startswith("python -m assay_pipelines.train.on_ray --gpus --stage ")


def test_a_training_on_ray_without_gpus_asks_ray_for_none():
    spec = made(Kind.TRAIN, TRAININGS["cpu-plain-rayjob"])["spec"]
    assert spec["entrypoint"].startswith("python -m assay_pipelines.train.on_ray --stage ")


def test_threads_are_those_of_the_stages_own_execution():
    asked = {"train": {"threads": 3}, "evaluate": {"threads": 5}}
    found = {
        kind: values(next(containers(made(kind, a_cpu_profile(), execution=asked))))["OMP_NUM_THREADS"]
        for kind in (Kind.TRAIN, Kind.EVALUATE, Kind.COMPARE)
    }
    assert found == {Kind.TRAIN: "3", Kind.EVALUATE: "5", Kind.COMPARE: "1"}


def test_the_hub_is_out_of_reach_unless_the_profile_opens_it():
    found = [
        values(next(containers(made(Kind.GENERATE, a_cpu_profile(limits={"hubAccess": access})))))
        for access in (False, True)
    ]
    assert [(one["HF_HUB_OFFLINE"], one["TRANSFORMERS_OFFLINE"]) for one in found] == [("1", "1"), ("0", "0")]


def test_a_comparison_asks_for_no_gpu():
    [generate] = containers(made(Kind.GENERATE, a_gpu_profile()))
    [compare] = containers(made(Kind.COMPARE, a_gpu_profile()))
    assert generate["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert compare["resources"] == {
        "requests": {"cpu": "1", "memory": "4Gi"},
        "limits": {"memory": "4Gi"},
    }


def test_only_what_runs_the_program_is_given_the_stores_credentials():
    spec = made(Kind.CLEAN, a_gpu_profile())["spec"]
    for bystander in (
        spec["rayClusterSpec"]["autoscalerOptions"],
        spec["submitterPodTemplate"]["spec"]["containers"][0],
    ):
        assert not any(name.startswith("AWS") for name in values(bystander))


def test_a_queued_cleaning_may_grow_under_kueue_and_an_unqueued_one_need_not_say_so():
    found = [
        made(Kind.CLEAN, profile)["metadata"]["annotations"].get("kueue.x-k8s.io/elastic-job")
        for profile in PROFILES.values()
    ]
    assert found == ["true", None]


def test_the_ray_that_kuberay_is_told_of_is_the_locked_one():
    assert f'name = "ray"\nversion = "{rayjob.RAY_VERSION}"' in (ROOT / "uv.lock").read_text()


@pytest.mark.parametrize("workload", TRAINERS)
def test_a_profile_says_what_carries_a_training(workload):
    assert made(Kind.TRAIN, trained_by(workload, a_cpu_profile()))["kind"] == workload


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_the_pods_of_a_training_are_placed_together_where_kueue_can_group_them(nodes):
    pools = {"train": {"nodes": nodes, "queue": "gpu", "topology": {"level": "rack", "required": False}}}
    roles = made(Kind.TRAIN, a_cpu_profile(pools=pools))["spec"]["pytorchReplicaSpecs"]

    found = [role["template"]["metadata"]["annotations"] for role in roles.values()]
    assert [one["kueue.x-k8s.io/podset-preferred-topology"] for one in found] == ["rack"] * min(nodes, 2)
    together = {one.get("kueue.x-k8s.io/podset-group-name") for one in found}
    assert together == ({None} if nodes == 1 else {"pytorch"})  # a group is of two, and one has one pod


def test_a_training_that_began_under_another_profile_is_looked_for_too():
    found = [carrier.kind for carrier in carriers_of(Kind.TRAIN, trained_by("TrainJob", a_cpu_profile()))]
    assert found == ["TrainJob", "PyTorchJob", "RayJob"]
    assert [carrier.kind for carrier in carriers_of(Kind.EVALUATE, a_cpu_profile())] == ["Job"]


def test_a_profile_without_images_is_refused():
    with pytest.raises(SpecError) as told:
        made(Kind.EVALUATE, a_cpu_profile(images=None))
    assert told.value.where == "profile spec.images"


def test_what_keeps_a_laptops_profile_from_a_cluster_is_told_at_once():
    laptop = ProfileSpec.model_validate(
        {
            "store": {"uri": "file:///data"},
            "pools": {"train": {"workload": "TrainJob", "priorityClass": "research", "graceSeconds": 601}},
        }
    )
    assert [fault.where for fault in cluster_faults(laptop)] == [
        "profile spec.images",
        "profile spec.store.uri",
        "profile spec.store.secret",
        "profile spec.pools.train.priorityClass",
        "profile spec.pools.train.graceSeconds",
    ]
    assert all(cluster_faults(profile) == [] for profile in (PROFILES | TRAININGS).values())


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_stage_has_a_carrier_that_is_watched(kind):
    carrier = carrier_of(kind, a_cpu_profile())
    assert carrier in CARRIERS
    assert made(kind, a_cpu_profile())["kind"] == carrier.kind
