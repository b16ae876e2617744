"""Whatever is killed, nothing that is finished is done again, and what comes out is what comes out undisturbed."""

import random
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.artifacts.documents import Record
from assay.stores.open import open_to_read
from cluster.access import Cluster
from cluster.running_operator import RunningOperator, Team, a_team, cleaning, eventually, scores

STAGES = tuple(f"part-{number}" for number in range(5))


def records(team: Team) -> dict[str, Record]:
    store = open_to_read(team.store, team.cluster.s3_environment)
    found = [info.key for info in store.keys("stages/") if info.key.endswith("/record.json")]
    return {key: Record.decode(store.get(key) or b"") for key in found}


def outputs(team: Team) -> dict[str, str]:
    return {key: record.outputs_digest for key, record in records(team).items()}


def attempts_of(team: Team) -> list[int]:
    return [record.provenance.attempt for record in records(team).values()]


def daemon(cluster: Cluster, name: str) -> psutil.Process:
    """Return one of the cluster's own daemons."""
    folder = str(cluster.logs.parent)
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if words and Path(words[0]).name.startswith(name) and any(folder in word for word in words):
            return process
    raise AssertionError(f"found no {name} of {folder}, expected one")


def a_job(team: Team) -> dict[str, Any]:
    return eventually(lambda: team.workloads("jobs"), "a Job")[0]  # type: ignore[no-any-return]


@pytest.mark.timeout(1200)
def test_an_operator_that_is_killed_at_twenty_moments_changes_nothing(
    team: Team, cluster: Cluster, installed: RunningOperator, tiny_model: Path
) -> None:
    chance = random.Random(20)
    calm_namespace = f"{team.namespace}-calm"
    cluster.kubectl("create", "namespace", calm_namespace)
    calm = a_team(cluster, calm_namespace)  # with a store of its own, so that nothing is shared
    calm.prepare(tiny_model)
    calm.apply("calm", scores(*STAGES))
    calm.finished("calm")
    team.apply("disturbed", scores(*STAGES))
    for _ in range(20):
        threading.Event().wait(chance.uniform(0, 2))  # chance itself is what is tested
        installed.kill()
        cluster.kubectl(
            "delete", "lease", "assay-operator", "--namespace=assay-system"
        )  # or it waits for its expiry
        installed.start()
        installed.wait_until_it_leads()

    assert team.finished("disturbed")["phase"] == "Succeeded"
    assert outputs(team) == outputs(calm)
    cluster.kubectl("delete", "namespace", calm_namespace, "--wait=false")
    assert attempts_of(team) == [1] * len(STAGES)


def test_a_workload_that_is_deleted_by_hand_is_followed_by_another_attempt(team: Team) -> None:
    team.apply("one", scores("one"))
    name = a_job(team)["metadata"]["name"]
    team.cluster.wait("jsonpath={.status.ready}=1", f"job/{name}", f"--namespace={team.namespace}")
    team.cluster.kubectl("delete", "job", name, f"--namespace={team.namespace}")

    assert team.finished("one")["phase"] == "Succeeded"
    assert attempts_of(team) in ([1], [2])  # a program that was done before it heard of it stays done


def test_a_pod_that_is_killed_is_infrastructure_and_is_tried_again(team: Team) -> None:
    team.apply("one", scores("one"))
    where = (f"--namespace={team.namespace}", "--selector=assay.dev/kind=evaluate")
    eventually(lambda: team.cluster.get("pods", *where)["items"], "a pod")
    team.cluster.kubectl("delete", "pods", *where, "--grace-period=0", "--force")

    assert team.finished("one")["phase"] == "Succeeded"
    assert attempts_of(team) == [2]


def test_an_api_server_that_is_restarted_is_waited_for(team: Team, cluster: Cluster) -> None:
    team.apply("one", scores(*STAGES[:2]))
    a_job(team)
    daemon(cluster, "kube-apiserver").kill()
    eventually(lambda: _answers(cluster), "the API server is back")

    assert team.finished("one")["phase"] == "Succeeded"


@pytest.mark.timeout(600)
def test_a_store_that_is_away_for_a_minute_is_waited_for(team: Team, cluster: Cluster) -> None:
    team.apply("one", scores(*STAGES[:2]))
    a_job(team)
    minio = daemon(cluster, "minio")
    minio.send_signal(signal.SIGSTOP)
    try:
        threading.Event().wait(60)
    finally:
        minio.send_signal(signal.SIGCONT)

    assert team.finished("one")["phase"] == "Succeeded"


def test_a_namespace_goes_away_cleanly_with_its_experiments_when_the_operator_is_gone(
    team: Team, installed: RunningOperator
) -> None:
    team.apply("one", cleaning("one"))
    eventually(lambda: team.workloads("rayjobs"), "a RayJob")
    installed.stop()
    try:
        team.cluster.kubectl("delete", "namespace", team.namespace, "--timeout=120s")
    finally:
        installed.start()


def _answers(cluster: Cluster) -> bool:
    try:
        return bool(cluster.get("nodes")["items"])
    except RuntimeError:
        return False
