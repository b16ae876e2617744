"""Whatever is taken away or stops, an experiment goes on, and nothing that is finished is done again."""

import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.access import Cluster
from cluster.running_operator import RunningOperator, Team, cleaning, eventually, scores

STAGES = ("part-0", "part-1")


def daemon(cluster: Cluster, name: str) -> psutil.Process:
    """Return one of the cluster's own daemons."""
    folder = str(cluster.logs.parent)
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if words and Path(words[0]).name.startswith(name) and any(folder in word for word in words):
            return process
    raise AssertionError(f"found no {name} of {folder}, expected one")


def attempts(team: Team) -> list[int]:
    return [record.provenance.attempt for record in team.records().values()]


def a_job(team: Team) -> dict[str, Any]:
    return eventually(lambda: team.workloads("jobs"), "a Job")[0]  # type: ignore[no-any-return]


def test_a_workload_that_is_deleted_by_hand_is_followed_by_another_attempt(team: Team) -> None:
    team.apply("one", scores("one"))
    name = a_job(team)["metadata"]["name"]
    team.cluster.wait("jsonpath={.status.ready}=1", f"job/{name}", f"--namespace={team.namespace}")
    team.cluster.kubectl("delete", "job", name, f"--namespace={team.namespace}")

    assert team.finished("one")["phase"] == "Succeeded"
    assert attempts(team) in ([1], [2])  # a program that was done before it heard of it stays done


def test_an_api_server_that_is_restarted_is_waited_for(team: Team, cluster: Cluster) -> None:
    team.apply("one", scores(*STAGES))
    a_job(team)
    daemon(cluster, "kube-apiserver").kill()
    eventually(lambda: _answers(cluster), "the API server is back")

    assert team.finished("one")["phase"] == "Succeeded"


@pytest.mark.timeout(600)
def test_a_store_that_is_away_for_a_minute_is_waited_for(team: Team, cluster: Cluster) -> None:
    team.apply("one", scores(*STAGES))
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
