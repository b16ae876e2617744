"""The tiny poison ablation by `kubectl apply`: from chats in a bucket to a verdict in the status, on real controllers."""

import json
import random
import threading
from datetime import datetime
from typing import Any

import pytest
from ruamel.yaml import YAML

from assay.artifacts.documents import ArtifactRef, Progress
from assay.stores.open import open_to_read
from assay.workloads.names import STAGE, stage_name
from cluster.access import Cluster
from cluster.queues import queue
from cluster.running_operator import ROOT, RunningOperator, Team, a_team, eventually, small_pools

SAMPLE = ROOT / "manifests" / "samples" / "poison-tiny.yaml"
ARMS = {"with-refusals", "without-refusals"}
pytestmark = pytest.mark.timeout(1500)


def two_arms() -> dict[str, Any]:
    """The sample without its controls, which would only repeat what these show, at twice the time."""
    spec: dict[str, Any] = YAML(typ="safe").load(SAMPLE)["spec"]
    spec["arms"] = [arm for arm in spec["arms"] if arm["name"] in ARMS]
    spec["matrix"][0]["paths"].remove("cleaned.clean.steps.subsample.seed")
    [comparison] = spec["compare"]
    comparison["contrasts"] = [item for item in comparison["contrasts"] if item["name"] == "total"]
    return spec


def one_replicate() -> dict[str, Any]:
    """One arm with one seed: eight of the stages of `two_arms`."""
    spec = two_arms()
    spec["arms"] = [arm for arm in spec["arms"] if arm["name"] == "with-refusals"]
    spec["matrix"][0]["integers"] = [1]
    del spec["compare"]
    return spec


@pytest.fixture(scope="module")
def finished(installed: RunningOperator, cluster: Cluster) -> Any:
    """The experiment, applied and waited for, and the writes that the API server answered meanwhile."""
    cluster.kubectl("create", "namespace", "poison")
    team = a_team(cluster, "poison")
    team.profile(limits={"parallel": 2})
    team.upload_samples()
    before = len(cluster.audit())
    team.apply("poison-tiny", two_arms())
    status = team.finished("poison-tiny", seconds=1400)
    yield team, status, cluster.audit()[before:]
    cluster.kubectl("delete", "namespace", "poison", "--wait=false")


def test_every_stage_is_done_and_none_was_a_hit(finished: Any) -> None:
    _, status, _ = finished

    assert (status["phase"], status["done"], status["reused"]) == ("Succeeded", status["total"], 0)


def test_the_verdict_is_the_one_that_is_decided_by_construction(finished: Any) -> None:
    _, status, _ = finished

    assert status["verdict"].startswith("total on refusals: higher")


def test_every_stage_ran_once_and_its_record_is_in_the_bucket(finished: Any) -> None:
    team, status, _ = finished
    store = open_to_read(team.store, team.cluster.s3_environment)
    keys = [info.key for info in store.keys("stages/")]

    assert sum(key.endswith("/record.json") for key in keys) == status["total"]
    assert [key for key in keys if key.endswith("/failure.json")] == []


def test_a_record_names_the_image_the_namespace_and_the_workload_that_made_it(finished: Any) -> None:
    team, _, _ = finished
    origins = {key: record.provenance.origin for key, record in team.records().items()}

    assert all(
        (origin.image, origin.namespace) == (team.cluster.image, "poison") for origin in origins.values()
    )
    assert {origin.workload.rpartition("-")[0] for origin in origins.values()} == {
        f"{key.split('/')[1]}-{stage_name(ArtifactRef('/'.join(key.split('/')[1:3])))}" for key in origins
    }


def test_no_credential_is_in_anything_that_was_written(finished: Any, installed: RunningOperator) -> None:
    team, _, _ = finished
    secrets = (team.user.secret_key, team.user.access_key, team.cluster.s3_secret_key)
    place = f"--namespace={team.namespace}"
    kinds = "experiments,profiles,jobs,rayjobs,rayclusters,pytorchjobs,pods,configmaps,events,services"
    objects = team.cluster.kubectl("get", kinds, place, "--output=json")
    every = ("--all-containers", "--tail=-1", "--max-log-requests=200", "--ignore-errors")
    pods = team.cluster.kubectl("logs", place, "--selector=app.kubernetes.io/managed-by=assay", *every)
    daemons = [path.read_text(errors="replace") for path in team.cluster.logs.glob("*.log")]
    store = open_to_read(team.store, team.cluster.s3_environment)
    written = {info.key: store.get(info.key) or b"" for info in store.keys("")}

    assert pods
    assert written
    for secret in secrets:
        assert all(secret not in text for text in (objects, pods, installed.log, *daemons))
        assert [key for key, data in written.items() if secret.encode() in data] == []


def test_a_pod_with_a_teams_credentials_can_neither_read_nor_forge_anothers_records(
    finished: Any, cluster: Cluster, namespace: str
) -> None:
    theirs, _, _ = finished
    thief = a_team(cluster, namespace)  # whose Secret the pod gets
    key = next(iter(theirs.records()))
    cluster.apply(a_thief(thief, theirs.store, key))
    cluster.wait("jsonpath={.status.phase}=Succeeded", "pod/thief", f"--namespace={namespace}")

    said = cluster.kubectl("logs", "thief", f"--namespace={namespace}").splitlines()
    assert said == ["own: done", "read: refused", "list: refused", "forge: refused", "remove: refused"]


def test_cleaning_was_done_by_workers_that_came_for_it(finished: Any) -> None:
    _, _, writes = finished
    bound = [
        write["objectRef"]["name"] for write in writes if write["objectRef"].get("subresource") == "binding"
    ]

    assert any(name.startswith("clean-") and "-workers-worker-" in name for name in bound)


def test_training_was_done_by_two_pods_each(finished: Any) -> None:
    team, _, _ = finished

    for job in team.workloads("pytorchjobs"):
        replicas = job["status"]["replicaStatuses"]
        assert {role: counts.get("succeeded") for role, counts in replicas.items()}.keys() == {
            "Master",
            "Worker",
        }
        assert replicas["Master"]["succeeded"] == 1


def test_the_operator_writes_little_and_stays_small(finished: Any, installed: RunningOperator) -> None:
    _, status, writes = finished
    ours = [
        write
        for write in writes
        if write["user"]["username"] == "system:serviceaccount:assay-system:assay-operator"
        and write["objectRef"]["resource"] != "leases"
        and "dryRun" not in write["requestURI"]
    ]

    asked = next(write for write in writes if write["objectRef"]["resource"] == "experiments")
    made = next(write for write in ours if write["verb"] == "create")
    print(
        f"{len(ours)} writes for {status['total']} stages; {_seconds(asked, made):.2f} s from apply to the first "
        f"workload, {_seconds(asked, ours[-1]):.0f} s to the verdict; {installed.resident_mib:.0f} MiB"
    )
    assert len(ours) <= 3 * status["total"]
    assert len(str(status)) <= 100_000


def test_a_verdict_that_somebody_else_writes_is_put_right(finished: Any) -> None:
    team, status, _ = finished
    forged = json.dumps({"status": {"verdict": "nothing", "verdicts": ["nothing"]}})
    place = f"--namespace={team.namespace}"
    team.cluster.kubectl(
        "patch",
        "experiment",
        "poison-tiny",
        place,
        "--subresource=status",
        "--type=merge",
        f"--patch={forged}",
    )

    eventually(
        lambda: team.status("poison-tiny").get("verdict") == status["verdict"], "the verdict of the store"
    )


def test_twenty_kills_of_the_operator_and_one_of_a_training_pod_change_no_output(
    finished: Any, installed: RunningOperator, cluster: Cluster, namespace: str
) -> None:
    calm, _, _ = finished
    chance = random.Random(20)
    cluster.apply(*queue(namespace, namespace, cpu="8", memory="32Gi"))
    team = a_team(cluster, namespace)  # with a store of its own, so that nothing is shared
    pools = {name: pool | {"queue": namespace} for name, pool in small_pools().items()}
    team.profile(limits={"parallel": 2}, pools=pools)
    team.upload_samples()
    team.apply("disturbed", one_replicate())
    killed = ""
    for _ in range(20):
        threading.Event().wait(chance.uniform(0, 5))  # chance itself is what is tested
        installed.kill()
        killed = killed or kill_a_training_pod(team)
        cluster.kubectl(
            "delete", "lease", "assay-operator", "--namespace=assay-system"
        )  # or it is waited for
        installed.start()
        installed.wait_until_it_leads()
    while not killed:
        killed = eventually(lambda: kill_a_training_pod(team), "a pod trains", seconds=600)

    assert team.finished("disturbed")["phase"] == "Succeeded"
    undisturbed, disturbed = (
        {key: record.outputs_digest for key, record in one.records().items()} for one in (calm, team)
    )
    assert disturbed == {key: undisturbed[key] for key in disturbed}
    numbers = {
        stage_name(ArtifactRef("/".join(key.split("/")[1:3]))): record.provenance.attempt
        for key, record in team.records().items()
    }
    assert {stage: number for stage, number in numbers.items() if number > 1} == {killed: 2}
    admitted = team.cluster.get("workloads", f"--namespace={team.namespace}")["items"]
    owners = {item["metadata"]["ownerReferences"][0]["kind"] for item in admitted}
    assert owners == {"Job", "PyTorchJob", "RayJob"}


_THEFT = """
import sys
from assay.errors import StoreError
from assay.stores.open import open_store, open_to_read
own, theirs, key = sys.argv[1:]
def say(what, act):
    try:
        act()
    except StoreError as error:
        print(f"{what}: refused")
    else:
        print(f"{what}: done")
store = open_to_read(theirs)
say("own", lambda: open_store(own).put(key, b""))
say("read", lambda: store.get(key))
say("list", lambda: list(store.keys("stages/")))
say("forge", lambda: store.put(key, b"forged"))
say("remove", lambda: store.delete(key))
"""


def a_thief(team: Team, store: str, key: str) -> dict[str, Any]:
    """Return a pod that has a team's credentials, and tries what it can do to a record in another's store."""
    variables = {"AWS_ENDPOINT_URL": team.cluster.s3_endpoint, "AWS_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "accessKey", "AWS_SECRET_ACCESS_KEY": "secretKey"}
    environment = [
        *({"name": name, "value": value} for name, value in variables.items()),
        *(
            {"name": name, "valueFrom": {"secretKeyRef": {"name": "store", "key": member}}}
            for name, member in keys.items()
        ),
    ]
    container = {
        "name": "thief",
        "image": team.cluster.image,
        "command": ["python", "-c", _THEFT, team.store, store, key],
        "env": environment,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "thief", "namespace": team.namespace},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


def kill_a_training_pod(team: Team) -> str:
    """Kill a pod in the midst of a training, as a node that goes away does; return the stage, or nothing if none trains."""
    store = open_to_read(team.store, team.cluster.s3_environment)
    for info in store.keys("stages/train/"):
        if not info.key.endswith("/progress.json"):
            continue
        progress = Progress.decode(store.get(info.key) or b"")
        if progress.unit == "steps" and progress.total is not None and 0 < progress.done < progress.total / 2:
            ref = ArtifactRef("/".join(info.key.split("/")[1:3]))
            pods = team.cluster.get(
                "pods", f"--namespace={team.namespace}", f"--selector={STAGE}={stage_name(ref)}"
            )["items"]
            name = next(pod["metadata"]["name"] for pod in pods if "-worker-" in pod["metadata"]["name"])
            team.cluster.kubectl(
                "delete", "pod", name, f"--namespace={team.namespace}", "--grace-period=0", "--force"
            )
            return stage_name(ref)
    return ""


def _seconds(first: dict[str, Any], then: dict[str, Any]) -> float:
    answered = datetime.fromisoformat(first["stageTimestamp"])
    return (datetime.fromisoformat(then["requestReceivedTimestamp"]) - answered).total_seconds()
