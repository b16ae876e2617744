"""What an operator told in a status, beside what the store says."""

from datetime import UTC, datetime

import pytest

from assay.adapters.told import ToldBackend, by_ref, informed
from assay.api.status import StageStatus
from assay.artifacts.documents import Attempt
from assay.reconcile.decide import Decision, Judgement, State
from assay.reconcile.facts import Phase
from builders import a_plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = a_plan()
STAGE = PLAN.stages[0]


def told(state, attempt=1, message="", name=STAGE.label):
    return StageStatus(name=name, kind="clean", state=state, attempt=attempt, message=message)


def judged(judgement, status):
    decision = Decision(actions=(), judgements={STAGE.ref: judgement}, finished=False, wake_at=NOW)
    return informed(decision, {STAGE.ref: status})


def test_stages_whose_names_a_status_cut_are_found_where_only_one_fits():
    cut, ambiguous = told("done", name=f"{STAGE.label[:-2]}…"), told("done", name="with…")

    assert by_ref(PLAN, [cut]) == {STAGE.ref: cut}
    assert by_ref(PLAN, [ambiguous, told("done", name="gone/cleaned")]) == {}


@pytest.mark.parametrize("state", ["waiting", "failed", "blocked"])
def test_what_only_the_operator_knows_is_added(state):
    ready = Judgement(state=State.READY, reason="Ready", attempt=1)

    decision = judged(ready, told(state, message="no image"))

    assert decision.judgements[STAGE.ref].state == state
    assert decision.judgements[STAGE.ref].message == "no image"
    assert decision.finished == (state != "waiting")


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.BLOCKED])
def test_what_is_final_in_the_store_is_newer_than_a_status(state):
    final = Judgement(state=state, reason="x", attempt=1)

    assert judged(final, told("waiting", message="a queue")).judgements[STAGE.ref] == final


def test_a_status_that_does_not_know_of_an_attempt_says_nothing_of_it():
    second = Judgement(state=State.RUNNING, reason="Running", attempt=2)

    assert judged(second, told("failed", message="broken")).judgements[STAGE.ref] == second


def test_a_reason_from_the_store_is_kept():
    waiting = Judgement(state=State.WAITING, reason="OutOfMemory", message="killed", attempt=1)

    assert judged(waiting, told("waiting", message="killed")).judgements[STAGE.ref] == waiting


def test_an_attempt_runs_if_the_status_says_so_of_this_very_one():
    backend = ToldBackend({STAGE.ref: told("running", attempt=2, message="a queue")})
    claims = [Attempt(number=number, owner="x", claimed_at=NOW) for number in (1, 2)]

    sights = backend.sights((STAGE.ref, claim) for claim in claims)

    assert list(sights) == [(STAGE.ref, 2)]
    assert sights[STAGE.ref, 2].phase is Phase.RUNNING
    assert sights[STAGE.ref, 2].note == "a queue"
