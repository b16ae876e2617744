"""A training that is stopped in the midst of its steps goes on from its last state, and ends with the weights of one that was not."""

import json
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from assay.artifacts.layout import resume_key
from assay.stores.claims import attempts
from assay.stores.open import open_to_read
from cluster.access import Cluster
from cluster.running_operator import RunningOperator, Team, eventually
from cluster.trainings import (
    SPEC,
    Trained,
    a_team_that_trains_by,
    paused,
    processes,
    training_pods,
    what_a_team_left,
)

EVERY_STEP = {**SPEC, "execution": {"train": {"resumeEveryMinutes": 0}}}
EVICTED, KILLED = "evicted", "killed"
KIND = "PyTorchJob"  # its pods' hostnames are their names
WORLD = 2
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def teams(installed: RunningOperator, cluster: Cluster, here: Trained) -> Iterator[dict[str, Team]]:
    """Teams that train."""
    made = {name: a_team_that_trains_by(KIND, cluster, here) for name in (EVICTED, KILLED)}
    yield made
    for team in made.values():
        cluster.kubectl("delete", "namespace", team.namespace, "--wait=false")
        cluster.kubectl("delete", "clusterqueue", team.namespace, "--wait=false")


@pytest.fixture(scope="module")
def held(teams: dict[str, Team], here: Trained) -> dict[str, int]:
    """Stop each in the midst of its steps; return the step of the last state that it had then."""
    steps: dict[str, int] = {}
    for name, team in teams.items():
        team.apply("stopped", EVERY_STEP)
        eventually(lambda team=team: last_state(team, here) > 1, f"{name} trains", seconds=300)
        training = processes(team)
        with paused(training):
            steps[name] = last_state(team, here)
            if name == EVICTED:
                hold(team, "HoldAndDrain")
                eventually(lambda team=team: leaves(team), "its pods are asked to end")
            else:
                [one] = [process for process in training if is_rank(process, 1)]
                one.kill()
    return steps


@pytest.fixture(scope="module")
def ended(teams: dict[str, Team], held: dict[str, int], installed: RunningOperator) -> dict[str, Trained]:
    """What they left after the queue opened again; in between the operator forgot all that it knew."""
    evicted = teams[EVICTED]
    eventually(lambda: waits(evicted), f"{evicted.namespace} is out of its queue, and says so")
    installed.stop()
    installed.start()
    hold(evicted, "None")
    for name in held:
        assert teams[name].finished("stopped")["phase"] == "Succeeded"
    return {name: what_a_team_left(team) for name, team in teams.items()}


@pytest.mark.parametrize("name", [EVICTED, KILLED])
def test_it_goes_on_from_its_last_state_and_ends_with_the_bytes_of_an_undisturbed_one(
    ended: dict[str, Trained], held: dict[str, int], here: Trained, name: str
) -> None:
    record = ended[name].record

    assert record.outputs == here.record.outputs
    assert record.provenance.figures["stepsBefore"] >= held[name]


def test_what_a_queue_stopped_is_no_failure_and_goes_on_as_the_same_attempt(
    teams: dict[str, Team], ended: dict[str, Trained]
) -> None:
    [attempt] = attempts(ended[EVICTED].store, ended[EVICTED].record.identity.ref)

    assert (attempt.number, attempt.failure) == (1, None)
    assert len(teams[EVICTED].workloads(f"{KIND.lower()}s")) == 1


def test_what_lost_a_process_is_followed_by_another_attempt(ended: dict[str, Trained]) -> None:
    tries = attempts(ended[KILLED].store, ended[KILLED].record.identity.ref)

    assert [attempt.number for attempt in tries] == [1, 2]


def last_state(team: Team, here: Trained) -> int:
    """Return the last step of which a training has a whole state in the store."""
    store, root = (
        open_to_read(team.store, team.cluster.s3_environment),
        resume_key(here.record.identity.ref, ""),
    )
    paths = [info.key.removeprefix(root).split("/") for info in store.keys(root)]
    shares = Counter(int(step) for _, step, name in paths if name.endswith(".json"))
    return max((step for step, count in shares.items() if count == WORLD), default=0)


def is_rank(process: psutil.Process, rank: int) -> bool:
    """Whether a process is one that torchrun started, of that rank."""
    variables = process.environ()
    return "LOCAL_RANK" in variables and variables["RANK"] == str(rank)


def hold(team: Team, policy: str) -> None:
    """Set what a team's queue does with its workloads."""
    patch = json.dumps({"spec": {"stopPolicy": policy}})
    team.cluster.kubectl("patch", "clusterqueue", team.namespace, "--type=merge", f"--patch={patch}")


def leaves(team: Team) -> bool:
    """Whether every pod of a team that still trains has been asked to end."""
    return all("deletionTimestamp" in pod for pod in training_pods(team))


def waits(team: Team) -> bool:
    """Whether a team has no pod any more, and the status of its experiment tells why."""
    pods = team.cluster.get("pods", f"--namespace={team.namespace}")["items"]
    told = team.condition("stopped", "Progressing").get("message", "")
    return not pods and "evicted" in told
