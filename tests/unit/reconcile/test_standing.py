"""A status says how an experiment stands, in bounded room."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from assay.api.profile import Prices
from assay.api.status import Condition, ExperimentStatus, GpuHoursStatus, PlanStatus
from assay.reconcile.decide import decide
from assay.reconcile.facts import AttemptFact, Capacity, Observed, Obstacle, Phase, Policy, Sight, StageFact
from assay.reconcile.standing import standing, with_conditions, with_cost, with_since
from assay.reconcile.terms import Terms
from builders import a_plan

NOW = datetime(2030, 1, 1, tzinfo=UTC)
POLICY = Policy(since=NOW - timedelta(hours=1))
PLAN = a_plan()


def stands(facts=None, *, plan=PLAN, policy=POLICY, **observed):
    seen = Observed(stages=facts or {}, capacity=Capacity(cpus=99, memory_gib=99, stages=99), **observed)
    decision = decide(plan, seen, NOW, policy)
    return standing(
        plan,
        decision,
        frozen=PlanStatus(digest="0" * 64, uri="s3://bucket/plan.json"),
        generation=3,
        suspended=policy.suspended,
    )


def running(note=""):
    sight = Sight(phase=Phase.RUNNING, note=note)
    attempt = AttemptFact(number=1, claimed_at=NOW, last_sign_of_life=NOW, sight=sight, mine=True)
    return StageFact(attempts=(attempt,))


def condition(status, kind):
    return next(item for item in status.conditions if item.type == kind)


def test_a_fresh_experiment_runs_and_counts_its_stages():
    status = stands()

    assert (status.phase, status.progress, status.observed_generation) == (
        "Running",
        f"0/{len(PLAN.stages)}",
        3,
    )


def test_when_all_is_done_it_has_succeeded():
    status = stands({stage.ref: StageFact(done=True) for stage in PLAN.stages})

    assert (status.phase, status.done, status.reused) == ("Succeeded", len(PLAN.stages), len(PLAN.stages))
    assert condition(status, "Complete").reason == "AllDone"


def test_what_everything_waits_for_is_said():
    first = PLAN.stages[0]
    others = {
        stage.ref: StageFact(done=True) for stage in PLAN.stages if not stage.reads and stage is not first
    }
    status = stands({**others, first.ref: running("ClusterQueue gpu: 8 of 8 in use")})

    if all(stage.ref in others or stage is first for stage in PLAN.stages if not stage.reads):
        assert condition(status, "Progressing").message in ("ClusterQueue gpu: 8 of 8 in use", "1 stage runs")


def test_an_obstacle_to_all_that_could_start_is_said():
    first = PLAN.stages[0]
    obstacles = {kind: Obstacle(reason="QueueNotHonoured", message="nobody does") for kind in {first.kind}}
    status = stands(obstacles=obstacles)

    assert status.phase == "Waiting"
    assert condition(status, "Progressing").reason == "QueueNotHonoured"


def test_a_suspended_experiment_says_so():
    assert stands(policy=Policy(since=NOW, suspended=True)).phase == "Suspended"


def test_what_still_runs_of_a_suspended_experiment_is_said():
    status = stands({PLAN.stages[0].ref: running()}, policy=Policy(since=NOW, suspended=True))

    assert status.phase == "Running"
    assert condition(status, "Progressing").message == "1 stage runs to the end, spec.suspend is true"


def test_what_needs_attention_comes_first():
    last = PLAN.stages[-1]
    status = stands({**{stage.ref: StageFact(done=True) for stage in PLAN.stages[:-1]}, last.ref: running()})

    assert status.stages[0].state == "running"


def test_a_status_of_a_thousand_stages_is_small():
    seeds = list(range(1, 251))
    plan = a_plan(
        matrix=[{"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": seeds}]
    )
    status = stands({stage.ref: running("x" * 5000) for stage in plan.stages}, plan=plan)

    assert len(plan.stages) > 1000
    assert len(json.dumps(status.model_dump(mode="json", by_alias=True))) < 100_000


def test_the_time_of_a_condition_is_that_of_its_last_change():
    old = Condition(
        type="Complete", status="False", reason="StagesLeft", last_transition_time="2029-01-01T00:00:00Z"
    )
    unchanged = with_conditions(stands(), (), {"Complete": old}, NOW)
    changed = with_conditions(
        stands({stage.ref: StageFact(done=True) for stage in PLAN.stages}), (), {"Complete": old}, NOW
    )

    assert condition(unchanged, "Complete").last_transition_time == "2029-01-01T00:00:00Z"
    assert condition(changed, "Complete").last_transition_time == "2030-01-01T00:00:00Z"


MANUAL = Policy(since=POLICY.since, terms=Terms(digest="0" * 64, manual=True))


def test_a_plan_that_is_not_approved_says_what_is_asked_for():
    status = stands(policy=MANUAL)

    assert status.phase == "AwaitingApproval"
    assert condition(status, "Progressing").reason == "AwaitingApproval"
    assert condition(status, "Approved").reason == "ApprovalRequired"
    assert f"plan {'0' * 64}: 8 of 8 stages to run" in condition(status, "Approved").message


def test_a_plan_that_is_approved_says_so_and_runs():
    status = stands(policy=MANUAL, approved=frozenset({"0" * 64}))

    assert (status.phase, condition(status, "Approved").status) == ("Running", "True")


def test_approval_is_no_matter_where_nobody_asks_for_it():
    assert "Approved" not in {item.type for item in stands().conditions}


def test_what_runs_before_approval_does_not_hide_that_it_is_asked_for():
    status = stands({PLAN.stages[0].ref: running()}, policy=MANUAL)

    assert (status.phase, condition(status, "Approved").status) == ("Running", "False")
    assert (
        condition(status, "Progressing").message
        == "1 stage runs; nothing more is launched: the plan is not approved"
    )


def test_what_was_spent_and_saved_is_told_in_tenths_and_not_what_grows_while_it_is_looked_at():
    def held(hours, *, mine, **fact):
        began = NOW - timedelta(hours=hours)
        attempt = AttemptFact(
            number=1, claimed_at=began, last_sign_of_life=NOW, sight=Sight(phase=Phase.ENDED), mine=mine, gpus=8, began=began
        )  # fmt: skip
        return StageFact(attempts=(attempt,), **fact)

    first, second, third, fourth, *_ = PLAN.stages
    runs = held(5, mine=True)
    runs = replace(runs, attempts=(replace(runs.attempts[0], sight=Sight(phase=Phase.RUNNING)),))
    status = stands(
        {
            first.ref: held(1.26, mine=True),
            second.ref: held(2, mine=False, done=True),
            third.ref: held(3, mine=False),
            fourth.ref: runs,
        }
    )

    assert (status.gpu_hours.spent, status.gpu_hours.saved) == (10.1, 16.0)
    assert stands().gpu_hours is None
    cost = with_cost(status, Prices.model_validate({"currency": "EUR", "gpuHour": 2.5})).cost
    assert (cost.spent, cost.saved) == (25.25, 40)
    assert (cost.currency, cost.gpu_hour) == ("EUR", 2.5)


def test_no_money_is_told_without_a_price_or_without_gpu_hours():
    spent = stands().model_copy(update={"gpu_hours": GpuHoursStatus(spent=1, saved=0)})

    assert with_cost(spent, Prices()).cost is None
    assert with_cost(stands(), Prices.model_validate({"gpuHour": 2})).cost is None


def test_what_approval_is_asked_for_is_told_until_it_is_given():
    assert stands(policy=MANUAL).asked.stages == 8
    assert stands(policy=MANUAL, approved=frozenset({"0" * 64})).asked is None


def test_a_wait_keeps_its_beginning_whatever_it_is_for_and_running_begins_anew():
    [ref] = [stage.ref for stage in PLAN.stages if not stage.reads][:1]
    hour = timedelta(hours=1)
    begun = with_since(stands({ref: running("queue gpu: 8 of 8 in use")}), ExperimentStatus(), NOW)
    waits = with_since(stands({ref: running("queue gpu: 7 of 8 in use")}), begun, NOW + hour)
    runs = with_since(stands({ref: running()}), waits, NOW + 2 * hour)

    assert [status.stages[0].since for status in (begun, waits, runs)] == [
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
        "2030-01-01T02:00:00Z",
    ]
    assert with_since(stands({ref: running()}), runs, NOW + 3 * hour) == runs  # nothing to write


def test_a_stage_of_another_plan_began_when_that_plan_did_whatever_its_name():
    waits = {PLAN.stages[0].ref: running("queue gpu: 8 of 8 in use")}
    edited = PlanStatus(digest="1" * 64, uri="s3://bucket/plan.json")
    begun = with_since(stands(waits), ExperimentStatus(), NOW)
    later = with_since(stands(waits).model_copy(update={"plan": edited}), begun, NOW + timedelta(hours=1))

    assert {stage.since for stage in later.stages} == {"2030-01-01T01:00:00Z"}


def test_what_has_ended_is_since_never():
    ended = stands({stage.ref: StageFact(done=True) for stage in PLAN.stages})

    assert {stage.since for stage in with_since(ended, ExperimentStatus(), NOW).stages} == {None}
