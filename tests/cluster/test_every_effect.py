"""An operator that is killed, refused, not answered, not told or deceived by its clock at any effect leaves what an undisturbed one leaves.

Two experiments on a real API server and a real MinIO (`two_experiments`). Here every sixteenth effect is tried; all of them with
ASSAY_EVERY_EFFECT=1.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from kubernetes import client

from assay.adapters.cluster_api import ClusterApi
from assay.errors import ClusterError, StoreError
from assay_operator.api import ApiClient
from effects import Effects, Killed
from s3servers import S3Server
from two_experiments import Ended, Hearing, World

STEP = 1 if os.environ.get("ASSAY_EVERY_EFFECT") else 16
TURNS = {"ahead": timedelta(minutes=10), "behind": timedelta(minutes=-10)}
UNHEARD = ("lost", "deaf", "late", "anew")
# The API server's certificate is its own.
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
FAULTS: dict[str, Callable[[str], BaseException]] = {
    "killed": Killed,
    "throttled": lambda told: ClusterError(told, "found 429", "Wait.", status=429),
    "failing": lambda told: ClusterError(told, "found 500", "Wait.", status=500),
    "conflict": lambda told: ClusterError(told, "found 409", "Wait.", status=409),
    "silent": lambda told: ClusterError(told, "found no answer", "Wait.", status=0),
    "store": lambda told: StoreError(told, "found 503", "Wait."),
}


@dataclass(frozen=True, kw_only=True)
class Calm:
    """What an undisturbed run did and left."""

    ended: Ended
    effects: Effects
    changes: int  # that the watch told


Worlds = Callable[[], World]


@pytest.fixture
def world(bare: client.Configuration, minio_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Worlds:
    for name, value in minio_server.environment.items():
        monkeypatch.setenv(name, value)
    return lambda: World(ClusterApi(ApiClient(bare)), minio_server)


@pytest.fixture(scope="module")
def calm(bare: client.Configuration, minio_server: S3Server) -> Calm:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in minio_server.environment.items():
            monkeypatch.setenv(name, value)
        hearing = Hearing()
        ended, effects = disturbed(
            lambda: World(ClusterApi(ApiClient(bare)), minio_server), monkeypatch, hearing=hearing
        )
    assert set(ended.tries.values()) == {1}
    assert [status["phase"] for status in ended.statuses.values()] == ["Succeeded", "Succeeded"]
    assert len(ended.outputs) == 12
    return Calm(ended=ended, effects=effects, changes=hearing.count)


def disturbed(
    world: Worlds,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hearing: Hearing | None = None,
    turn: timedelta | None = None,
    **fault: Any,
) -> tuple[Ended, Effects]:
    effects = Effects(**fault)
    with monkeypatch.context() as patched:
        made = world()
        if turn is not None:
            effects.fault = lambda _: made.turn(turn)
        patched.setattr("assay.settings.cluster.now", made.now)
        effects.patch(patched)
        return made.run(effects, hearing or Hearing()), effects


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_any_effect_changes_nothing_in_the_end(
    world: Worlds, calm: Calm, monkeypatch: pytest.MonkeyPatch, kind: str, *, after: bool
) -> None:
    for number in chosen(calm, kind):
        ended, effects = disturbed(world, monkeypatch, number=number, after=after, fault=FAULTS[kind])
        assert effects.count >= number
        assert ended == calm.ended, (
            f"{kind} {'after' if after else 'before'} effect {number}: {effects.seen[number - 1]}"
        )


@pytest.mark.timeout(3600)
def test_a_write_to_the_store_whose_answer_is_lost_is_the_one_that_is_sent_again(
    world: Worlds, calm: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in chosen(calm, "store"):
        ended, effects = disturbed(world, monkeypatch, number=number, loses_answer=True)
        assert effects.lost
        assert ended == calm.ended, f"no answer to effect {number}: {effects.seen[number - 1]}"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", TURNS)
def test_a_clock_that_is_turned_by_minutes_at_any_effect_changes_nothing_in_the_end(
    world: Worlds, calm: Calm, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    for number in chosen(calm, "killed"):
        ended, effects = disturbed(world, monkeypatch, number=number, turn=TURNS[way])
        assert effects.count >= number
        assert ended == calm.ended, f"{way} from effect {number} on: {effects.seen[number - 1]}"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", UNHEARD)
def test_a_change_that_the_watch_does_not_tell_or_not_in_order_changes_nothing_in_the_end(
    world: Worlds, calm: Calm, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    for number in range(1 + UNHEARD.index(fault) % STEP, calm.changes + 1, STEP):
        hearing = Hearing(number=number, fault=fault)
        ended, _ = disturbed(world, monkeypatch, hearing=hearing)
        assert hearing.count >= number
        assert ended == calm.ended, f"{fault} from change {number} on"


def test_heartbeats_and_progress_that_are_cut_short_change_nothing(
    world: Worlds, calm: Calm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def truncating() -> World:
        made = world()
        made.truncated = True
        return made

    assert disturbed(truncating, monkeypatch)[0] == calm.ended


def chosen(calm: Calm, kind: str) -> list[int]:
    """Return the numbers of the effects that this fault may befall, or of some of them."""
    fits = [
        number
        for number, seen in enumerate(calm.effects.seen, start=1)
        if kind == "killed" or seen.startswith("store") == (kind == "store")
    ]
    return fits[list(FAULTS).index(kind) % STEP :: STEP]
