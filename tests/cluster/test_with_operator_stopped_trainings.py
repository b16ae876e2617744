"""A training that is stopped in the midst of its steps goes on from its last state, and ends with the weights of one that was not."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from assay.artifacts.layout import resume_key
from assay.stores.claims import attempts
from assay.stores.open import open_to_read
from cluster.access import Cluster
from cluster.running_operator import RunningOperator, Team, eventually
from cluster.trainings import PODS, SPEC, Trained, a_team_that_trains_by, what_a_team_left

EVERY_STEP = {**SPEC, "execution": {"train": {"resumeEveryMinutes": 0}}}
KILLED = "killed"  # by the kernel, beside those that a queue stops
WORLD = 2
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def teams(installed: RunningOperator, cluster: Cluster, here: Trained) -> Iterator[dict[str, Team]]:
    """Teams that train, one by each kind of workload, and one more."""
    made = {kind: a_team_that_trains_by(kind, cluster, here) for kind in PODS}
    made[KILLED] = a_team_that_trains_by("PyTorchJob", cluster, here)
    before = len(installed.log)
    for team in made.values():
        team.apply("stopped", EVERY_STEP)
    yield made
    print(installed.log[before:][-20_000:])
    for team in made.values():
        cluster.kubectl("delete", "namespace", team.namespace, "--wait=false")
        cluster.kubectl("delete", "clusterqueue", team.namespace, "--wait=false")


@pytest.fixture(scope="module")
def held(teams: dict[str, Team], here: Trained) -> dict[str, int]:
    """Stop each in the midst of its steps; return the step of the last state that it had then."""
    steps: dict[str, int] = {}
    while len(steps) < len(teams):
        open_ = [name for name in teams if name not in steps]
        name = eventually(
            lambda open_=open_: next((one for one in open_ if last_state(teams[one], here) > 1), None),
            f"one of {open_} trains",
            seconds=300,
        )
        if name == KILLED:
            a_process(teams[name], here, rank=1).kill()
        else:
            hold(teams[name], "HoldAndDrain")
        steps[name] = last_state(teams[name], here)
    return steps


@pytest.fixture(scope="module")
def ended(teams: dict[str, Team], held: dict[str, int], installed: RunningOperator) -> dict[str, Trained]:
    """What they left after their queues opened again; in between the operator forgot all that it knew."""
    evicted = [teams[kind] for kind in held if kind != KILLED]
    for team in evicted:
        eventually(lambda team=team: waits(team), f"{team.namespace} is out of its queue, and says so")
    installed.stop()
    installed.start()
    for team in evicted:
        hold(team, "None")
    for team in teams.values():
        assert team.finished("stopped")["phase"] == "Succeeded"
    return {name: what_a_team_left(team) for name, team in teams.items()}


@pytest.mark.parametrize("name", [*PODS, KILLED])
def test_it_goes_on_from_its_last_state_and_ends_with_the_bytes_of_an_undisturbed_one(
    ended: dict[str, Trained], held: dict[str, int], here: Trained, name: str
) -> None:
    record = ended[name].record

    assert record.outputs == here.record.outputs
    assert record.provenance.figures["stepsBefore"] >= held[name]


@pytest.mark.parametrize("kind", PODS)
def test_what_a_queue_stopped_is_no_failure_and_goes_on_as_the_same_attempt(
    teams: dict[str, Team], ended: dict[str, Trained], kind: str
) -> None:
    [attempt] = attempts(ended[kind].store, ended[kind].record.identity.ref)

    assert (attempt.number, attempt.failure) == (1, None)
    assert len(teams[kind].workloads(f"{kind.lower()}s")) == 1


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


def a_process(team: Team, here: Trained, *, rank: int) -> psutil.Process:
    """Return one of the processes of a training, in its pod."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words, variables = " ".join(process.cmdline()), process.environ()
            mine = team.store in words and here.record.identity.fingerprint in words
            if mine and "LOCAL_RANK" in variables and variables["RANK"] == str(rank):
                return process
    raise AssertionError(f"found no process of rank {rank} of {team.store}, expected one")


def hold(team: Team, policy: str) -> None:
    """Set what a team's queue does with its workloads."""
    patch = json.dumps({"spec": {"stopPolicy": policy}})
    team.cluster.kubectl("patch", "clusterqueue", team.namespace, "--type=merge", f"--patch={patch}")


def waits(team: Team) -> bool:
    """Whether a team has no pod any more, and the status of its experiment tells why."""
    pods = team.cluster.get("pods", f"--namespace={team.namespace}")["items"]
    told = team.condition("stopped", "Progressing").get("message", "")
    return not pods and "evicted" in told
