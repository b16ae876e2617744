"""One workload and one attempt, however many experiments want a stage, and wherever they are."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.stores.open import open_to_read
from cluster.access import Cluster
from cluster.running_operator import Team, eventually, scores


@pytest.fixture
def no_node(cluster: Cluster) -> Iterator[None]:
    """Pods wait until `uncordon`: what is tested happens before they run."""
    cluster.kubectl("cordon", "node")
    yield
    cluster.kubectl("uncordon", "node")


def attempts(team: Team) -> list[str]:
    store = open_to_read(team.store, team.cluster.s3_environment)
    return [info.key for info in store.keys("stages/") if info.key.endswith("/attempt.json")]


def owners(team: Team) -> list[list[str]]:
    return [
        sorted(owner["name"] for owner in job["metadata"].get("ownerReferences", ()))
        for job in team.workloads("jobs")
    ]


@pytest.mark.usefixtures("no_node")
def test_two_experiments_at_once_own_one_workload_together(team: Team) -> None:
    for name in ("first", "second"):
        team.apply(name, scores("same"))
    eventually(lambda: owners(team) == [["first", "second"]], "one Job with two owners")
    team.cluster.kubectl("uncordon", "node")

    assert [team.finished(name)["phase"] for name in ("first", "second")] == ["Succeeded", "Succeeded"]
    assert len(attempts(team)) == 1


@pytest.mark.usefixtures("no_node")
def test_deleting_one_owner_leaves_the_work_to_the_other(team: Team) -> None:
    for name in ("first", "second"):
        team.apply(name, scores("same"))
    eventually(lambda: owners(team) == [["first", "second"]], "one Job with two owners")
    [before] = team.workloads("jobs")
    team.cluster.kubectl("delete", "experiment", "first", f"--namespace={team.namespace}")
    team.cluster.kubectl("uncordon", "node")

    assert team.finished("second")["phase"] == "Succeeded"
    assert [job["metadata"]["uid"] for job in team.workloads("jobs")] == [before["metadata"]["uid"]]
    assert len(attempts(team)) == 1


@pytest.mark.usefixtures("no_node")
def test_an_edit_leaves_what_is_not_wanted_any_more(team: Team) -> None:
    team.apply("first", scores("old"))
    team.apply("second", scores("old"))
    eventually(lambda: owners(team) == [["first", "second"]], "one Job with two owners")
    team.apply("first", scores("new"))

    eventually(lambda: sorted(owners(team)) == [["first"], ["second"]], "each owns its own Job")
    team.apply("second", scores("new"))
    eventually(lambda: owners(team) == [["first", "second"]], "the old Job is gone, the new one is shared")


@pytest.mark.usefixtures("no_node")
def test_two_namespaces_of_one_trust_domain_make_one_attempt(
    team: Team, cluster: Cluster, tiny_model: Path
) -> None:
    other_namespace = f"test-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", other_namespace)
    other = Team(cluster, other_namespace, team.store)
    other.profile()
    team.apply("here", scores("same"))
    eventually(lambda: owners(team) == [["here"]], "a Job")
    other.apply("there", scores("same"))
    eventually(
        lambda: other.condition("there", "Progressing").get("status") == "True", "the other sees that it runs"
    )
    cluster.kubectl("uncordon", "node")

    assert [team.finished("here")["phase"], other.finished("there")["phase"]] == ["Succeeded", "Succeeded"]
    assert (len(attempts(team)), other.workloads("jobs")) == (1, [])
    cluster.kubectl("delete", "namespace", other_namespace, "--wait=false")


def test_an_experiment_applied_again_reuses_everything(team: Team) -> None:
    team.apply("first", scores("same"))
    team.finished("first")
    team.apply("second", scores("same"))
    status = team.finished("second")

    assert (status["phase"], status["reused"], len(attempts(team))) == ("Succeeded", status["total"], 1)
