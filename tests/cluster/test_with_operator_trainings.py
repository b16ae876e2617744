"""A training is the same whatever carries it: this machine, a PyTorchJob, a RayJob or a TrainJob, of two pods, in a queue of Kueue."""

from collections.abc import Iterator
from copy import deepcopy

import pytest

from assay.workloads.names import workload_name
from cluster.access import Cluster
from cluster.running_operator import RunningOperator, Team, eventually
from cluster.trainings import (
    PODS,
    SPEC,
    Trained,
    a_team_that_trains_by,
    bound,
    by,
    training_pods,
    what_a_team_left,
)

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def teams(installed: RunningOperator, cluster: Cluster, here: Trained) -> Iterator[dict[str, Team]]:
    """Teams whose training is done, each by another kind of workload."""
    made = {kind: a_team_that_trains_by(kind, cluster, here) for kind in PODS}
    for team in made.values():
        team.apply("trained", SPEC)
    first = made["PyTorchJob"]
    eventually(lambda: first.workloads("pytorchjobs"), "the first trains")
    by(first, "TrainJob")  # while it runs as what it was made
    for team in made.values():
        assert team.finished("trained")["phase"] == "Succeeded"
    yield made
    for team in made.values():
        cluster.kubectl("delete", "namespace", team.namespace, "--wait=false")


@pytest.fixture(scope="module")
def trained(teams: dict[str, Team]) -> dict[str, Trained]:
    return {kind: what_a_team_left(team) for kind, team in teams.items()}


def test_whatever_carries_it_a_training_is_the_same_stage_with_the_same_losses(
    trained: dict[str, Trained], here: Trained
) -> None:
    assert here.metrics["loss"][-1] < here.metrics["loss"][0]
    for other in trained.values():
        assert other.record.identity == here.record.identity
        assert other.metrics["step"] == here.metrics["step"]
        assert other.metrics["loss"] == pytest.approx(here.metrics["loss"], abs=1e-4)
        assert sorted(other.record.outputs.files) == sorted(here.record.outputs.files)


@pytest.mark.parametrize("kind", PODS)
def test_two_pods_trained_as_the_first_attempt_of_a_workload_that_kueue_admitted(
    teams: dict[str, Team], trained: dict[str, Trained], cluster: Cluster, kind: str
) -> None:
    team, record = teams[kind], trained[kind].record
    name = workload_name(record.identity.ref, 1)
    training = [
        pod for pod in bound(team) if pod.startswith(name) and any(part in pod for part in PODS[kind])
    ]
    admitted = cluster.get("workloads.kueue.x-k8s.io", f"--namespace={team.namespace}")["items"]

    assert record.provenance.attempt == 1
    assert name in {item["metadata"]["name"] for item in team.workloads(f"{kind.lower()}s")}
    assert len(training) == 2, bound(team)
    assert kind in {item["metadata"]["ownerReferences"][0]["kind"] for item in admitted}


@pytest.mark.usefixtures("trained")
def test_a_training_goes_on_as_what_it_is_when_the_profile_names_another_kind(
    teams: dict[str, Team],
) -> None:
    assert teams["PyTorchJob"].workloads("trainjobs") == []


@pytest.mark.usefixtures("trained")
def test_a_pod_of_a_trainjob_that_is_lost_is_tried_again_by_nobody_but_us(
    teams: dict[str, Team], cluster: Cluster
) -> None:
    team, spec = teams["TrainJob"], deepcopy(SPEC)
    spec["pipeline"][1]["train"]["epochs"] = 1000
    team.apply("lost", spec)
    _, last = eventually(
        lambda: len(found := sorted(pod["name"] for pod in training_pods(team))) == 2 and found,
        "two pods train",
    )
    first = last.rpartition("-node-")[0]
    cluster.kubectl("delete", "pod", last, f"--namespace={team.namespace}", "--grace-period=0", "--force")
    again = f"{first.removesuffix('-1')}-2"
    eventually(lambda: sum(pod.startswith(again) for pod in bound(team)) == 2, "another attempt", seconds=300)
    cluster.kubectl("delete", "experiment", "lost", f"--namespace={team.namespace}")

    assert sum(pod.startswith(f"{first}-node-") for pod in bound(team)) == 2
