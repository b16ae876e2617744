"""What to do next follows from the facts alone."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.artifacts.documents import INTERRUPTED, ArtifactRef, Failure
from assay.artifacts.kinds import Kind
from assay.errors import Retry
from assay.reconcile.decide import REUSED, Join, Launch, Leave, State, decide, settled
from assay.reconcile.facts import (
    AttemptFact,
    Capacity,
    Need,
    Observed,
    Obstacle,
    Phase,
    Policy,
    Sight,
    StageFact,
)
from builders import a_plan

NOW = datetime(2030, 1, 1, tzinfo=UTC)
POLICY = Policy(since=NOW - timedelta(hours=1))
ROOM = Capacity(cpus=100, memory_gib=100, stages=100)
CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}
PLAN = a_plan(
    compare=[CONTRAST],
    matrix=[{"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2]}],
)
CLEANS = [stage for stage in PLAN.stages if stage.kind is Kind.CLEAN]
COMPARE = PLAN.stages[-1]


def an_attempt(
    number=1, *, phase=Phase.UNKNOWN, age=0.0, retry=None, mine=False, claimed=None, started=True,
    reason="Because", **sight
):  # fmt: skip
    failure = Failure(reason=reason, message="m", retry=retry) if retry else None
    seen = NOW - timedelta(seconds=age)
    return AttemptFact(
        number=number,
        claimed_at=claimed or seen,
        last_sign_of_life=seen,
        sight=Sight(phase=phase, **sight),
        mine=mine,
        started=started,
        failure=failure,
    )


def observed(facts=None, capacity=ROOM):
    return Observed(stages=facts or {}, capacity=capacity)


def launched(facts=None, *, plan=PLAN, policy=POLICY, capacity=ROOM):
    decision = decide(plan, observed(facts, capacity), NOW, policy)
    return [(action.stage.ref, action.number) for action in decision.actions if isinstance(action, Launch)]


def judged(ref, facts, policy=POLICY):
    return decide(PLAN, observed(facts), NOW, policy).judgements[ref]


def test_with_an_empty_store_what_reads_nothing_is_launched():
    assert launched() == [(stage.ref, 1) for stage in CLEANS]


def test_a_suspended_experiment_launches_nothing():
    assert launched(policy=replace(POLICY, suspended=True)) == []


def test_a_stage_that_runs_is_not_launched_again():
    facts = {CLEANS[0].ref: StageFact(attempts=(an_attempt(phase=Phase.RUNNING, age=10_000, mine=True),))}

    assert launched(facts) == [(CLEANS[1].ref, 1)]


def test_an_attempt_elsewhere_is_left_alone_while_it_shows_signs_of_life():
    facts = {CLEANS[0].ref: StageFact(attempts=(an_attempt(age=59),))}

    assert judged(CLEANS[0].ref, facts).reason == "RunningElsewhere"


def test_an_attempt_elsewhere_without_a_sign_of_life_is_taken_over_as_the_next():
    facts = {CLEANS[0].ref: StageFact(attempts=(an_attempt(age=61, claimed=NOW - timedelta(days=1)),))}

    assert (CLEANS[0].ref, 2) in launched(facts)


def test_a_failure_that_another_attempt_may_mend_is_tried_again_after_a_pause():
    recent = {CLEANS[0].ref: StageFact(attempts=(an_attempt(age=1, retry=Retry.LATER),))}
    older = {CLEANS[0].ref: StageFact(attempts=(an_attempt(age=3, retry=Retry.LATER),))}

    assert judged(CLEANS[0].ref, recent).wake_at == NOW + timedelta(seconds=1)
    assert (CLEANS[0].ref, 2) in launched(older)


def test_a_failure_that_no_attempt_can_mend_is_final():
    facts = {CLEANS[0].ref: StageFact(attempts=(an_attempt(age=1000, retry=Retry.NEVER),))}

    assert judged(CLEANS[0].ref, facts).state is State.FAILED


def test_a_program_that_a_queue_stopped_runs_until_what_carries_it_has_ended():
    stopped = {"age": 10, "retry": Retry.LATER, "mine": True}
    waits = an_attempt(phase=Phase.RUNNING, waits=True, note="queue gpu: evicted", **stopped)
    ended = an_attempt(phase=Phase.ENDED, **stopped)

    waiting = {CLEANS[0].ref: StageFact(attempts=(waits,))}
    assert judged(CLEANS[0].ref, waiting).reason == "Pending"
    assert launched(waiting) == [(CLEANS[1].ref, 1)]
    assert (CLEANS[0].ref, 2) in launched({CLEANS[0].ref: StageFact(attempts=(ended,))})


def test_a_failure_that_no_attempt_can_mend_is_final_though_its_workload_be_there():
    facts = {CLEANS[0].ref: StageFact(attempts=(an_attempt(phase=Phase.RUNNING, age=10, retry=Retry.NEVER),))}

    assert judged(CLEANS[0].ref, facts).state is State.FAILED


def test_a_failure_from_before_the_user_asked_again_does_not_count():
    facts = {
        CLEANS[0].ref: StageFact(attempts=(an_attempt(retry=Retry.NEVER, claimed=NOW - timedelta(hours=2)),))
    }

    assert (CLEANS[0].ref, 2) in launched(facts)


def test_after_the_last_retry_a_stage_has_failed():
    tries = tuple(an_attempt(n, age=100 * (5 - n), retry=Retry.LATER) for n in range(1, 5))

    assert judged(CLEANS[0].ref, {CLEANS[0].ref: StageFact(attempts=tries)}).state is State.FAILED


def test_programs_that_were_asked_to_stop_use_up_no_retry():
    failed = {"retry": Retry.LATER, "phase": Phase.ENDED}
    stopped = [an_attempt(n, age=100 * (12 - n), reason=INTERRUPTED, **failed) for n in range(1, 8)]
    others = [an_attempt(n, age=100 * (12 - n), **failed) for n in range(8, 12)]

    assert (CLEANS[0].ref, 11) in launched({CLEANS[0].ref: StageFact(attempts=(*stopped, *others[:-1]))})
    assert (
        judged(CLEANS[0].ref, {CLEANS[0].ref: StageFact(attempts=(*stopped, *others))}).state is State.FAILED
    )


def test_a_program_that_ended_without_a_word_is_tried_again():
    facts = {CLEANS[0].ref: StageFact(attempts=(an_attempt(phase=Phase.ENDED, age=10),))}

    assert judged(CLEANS[0].ref, facts).reason == "Vanished"
    assert (CLEANS[0].ref, 2) in launched(facts)


def test_a_record_whose_artifact_is_gone_is_discarded_before_anything_else():
    facts = {CLEANS[0].ref: StageFact(done=True, damage="chats.parquet is missing")}
    decision = decide(PLAN, observed(facts), NOW, POLICY)

    assert not decision.finished
    assert (CLEANS[0].ref, 1) not in launched(facts)


def test_one_failure_stops_only_what_needs_it():
    facts = {
        CLEANS[0].ref: StageFact(attempts=(an_attempt(age=9, retry=Retry.NEVER),)),
        CLEANS[1].ref: StageFact(done=True),
    }
    decision = decide(PLAN, observed(facts), NOW, POLICY)

    for stage in PLAN.stages:
        if CLEANS[0].ref in stage.reads:
            assert decision.judgements[stage.ref].state is State.BLOCKED
    assert any(
        isinstance(action, Launch) and CLEANS[1].ref in action.stage.reads for action in decision.actions
    )


def test_a_comparison_runs_over_what_is_there_and_says_what_is_not():
    facts = {stage.ref: StageFact(done=True) for stage in PLAN.stages if stage.kind is not Kind.COMPARE}
    lost = COMPARE.reads[0]
    facts[lost] = StageFact(attempts=(an_attempt(age=9, retry=Retry.NEVER),))

    narrowed = settled(PLAN, observed(facts), NOW, POLICY).stages[-1]

    assert set(narrowed.reads) == set(COMPARE.reads) - {lost}
    assert narrowed.ref == narrowed.document.ref != COMPARE.ref
    assert [list(run["stages"].values()) for run in narrowed.document.spec["missing"]] == [[lost]]
    assert launched(facts, plan=settled(PLAN, observed(facts), NOW, POLICY)) == [(narrowed.ref, 1)]


def test_capacity_bounds_what_runs_at_once():
    needs = {Kind.CLEAN: Need(cpus=1, memory_gib=1)}

    assert (
        len(launched(capacity=Capacity(cpus=1, memory_gib=8, stages=9), policy=replace(POLICY, needs=needs)))
        == 1
    )
    assert (
        len(
            launched(capacity=Capacity(cpus=8, memory_gib=1.5, stages=9), policy=replace(POLICY, needs=needs))
        )
        == 1
    )
    assert (
        len(launched(capacity=Capacity(cpus=8, memory_gib=8, stages=1), policy=replace(POLICY, needs=needs)))
        == 1
    )


def test_a_stage_that_needs_more_than_the_machine_has_runs_alone():
    needs = {Kind.CLEAN: Need(cpus=64, memory_gib=1)}

    assert (
        len(launched(capacity=Capacity(cpus=2, memory_gib=8, stages=9), policy=replace(POLICY, needs=needs)))
        == 1
    )


def test_an_attempt_that_was_claimed_and_never_made_is_made_under_the_same_number():
    only_claimed = an_attempt(phase=Phase.ABSENT, age=10, mine=True, started=False)
    facts = {CLEANS[0].ref: StageFact(attempts=(only_claimed,))}
    decision = decide(PLAN, observed(facts), NOW, POLICY)

    assert Launch(stage=CLEANS[0], number=1, claimed=True) in decision.actions


def test_an_attempt_whose_workload_was_taken_away_is_followed_by_the_next():
    taken = an_attempt(phase=Phase.ABSENT, age=10, mine=True, started=True)

    assert (CLEANS[0].ref, 2) in launched({CLEANS[0].ref: StageFact(attempts=(taken,))})


def test_an_absent_workload_of_another_launcher_may_still_come():
    elsewhere = StageFact(attempts=(an_attempt(phase=Phase.ABSENT, age=10, mine=False, started=False),))

    assert judged(CLEANS[0].ref, {CLEANS[0].ref: elsewhere}).reason == "RunningElsewhere"


def test_what_another_launcher_runs_is_joined_once():
    joined = {CLEANS[0].ref: StageFact(attempts=(an_attempt(phase=Phase.RUNNING),))}
    unjoined = {CLEANS[0].ref: StageFact(attempts=(an_attempt(phase=Phase.RUNNING, joined=False),))}

    assert Join(ref=CLEANS[0].ref, number=1) in decide(PLAN, observed(unjoined), NOW, POLICY).actions
    assert not any(isinstance(action, Join) for action in decide(PLAN, observed(joined), NOW, POLICY).actions)


def test_what_the_plan_does_not_want_is_left():
    stray = (ArtifactRef(f"clean/{'0' * 64}"), 3)
    seen = replace(observed(), held=frozenset({stray}))

    assert Leave(ref=stray[0], number=3) in decide(PLAN, seen, NOW, POLICY).actions


def test_a_kind_that_cannot_be_launched_waits_and_says_why():
    obstacle = Obstacle(reason="QueueNotHonoured", message="nobody honours the queue gpu")
    decision = decide(PLAN, replace(observed(), obstacles={Kind.CLEAN: obstacle}), NOW, POLICY)

    assert not any(isinstance(action, Launch) for action in decision.actions)
    assert decision.judgements[CLEANS[0].ref].state is State.WAITING
    assert decision.judgements[CLEANS[0].ref].reason == "QueueNotHonoured"


def test_what_was_done_before_the_launcher_asked_is_reused():
    before = an_attempt(phase=Phase.ENDED, claimed=NOW - timedelta(hours=2))
    after = an_attempt(phase=Phase.ENDED)

    for attempt, reason in ((before, REUSED), (after, "RecordFound")):
        facts = {CLEANS[0].ref: StageFact(done=True, attempts=(attempt,))}
        assert judged(CLEANS[0].ref, facts).reason == reason


def test_a_record_of_an_image_that_is_not_trusted_is_never_used():
    trusted = "sha256:" + "1" * 64
    policy = replace(POLICY, trusted=frozenset({trusted}))
    for image in ("", "registry.example/forged@sha256:" + "2" * 64):
        judgement = judged(CLEANS[0].ref, {CLEANS[0].ref: StageFact(done=True, image=image)}, policy)
        assert (judgement.state, judgement.reason) == (State.FAILED, "RecordNotTrusted")
    image = f"registry.example/clean@{trusted}"
    assert (
        judged(CLEANS[0].ref, {CLEANS[0].ref: StageFact(done=True, image=image)}, policy).state is State.DONE
    )
    assert judged(CLEANS[0].ref, {CLEANS[0].ref: StageFact(done=True)}).state is State.DONE


def test_what_was_made_of_a_record_that_is_not_trusted_is_not_used_either():
    trusted = "sha256:" + "1" * 64
    clean, train = CLEANS[0].ref, next(stage.ref for stage in PLAN.stages if CLEANS[0].ref in stage.reads)
    facts = {
        clean: StageFact(done=True),
        train: StageFact(done=True, image=f"registry.example/train@{trusted}"),
    }
    policy = replace(POLICY, trusted=frozenset({trusted}))

    judgement = judged(train, facts, policy)
    assert (judgement.state, judgement.reason) == (State.BLOCKED, "InputNotTrusted")
    assert judged(train, facts).state is State.DONE


def test_what_waits_to_run_is_looked_at_again_soon():
    pending = an_attempt(phase=Phase.RUNNING, waits=True, note="queue gpu: 8 of 8 in use")
    judgement = judged(CLEANS[0].ref, {CLEANS[0].ref: StageFact(attempts=(pending,))})

    assert (judgement.reason, judgement.message) == ("Pending", "queue gpu: 8 of 8 in use")
    assert judgement.wake_at == NOW + timedelta(seconds=POLICY.poll_seconds)


attempts = st.lists(
    st.builds(
        an_attempt,
        phase=st.sampled_from(Phase),
        age=st.floats(0, 10_000),
        retry=st.sampled_from([None, *Retry]),
        mine=st.booleans(),
        started=st.booleans(),
        joined=st.booleans(),
    ),
    max_size=5,
).map(lambda items: tuple(replace(item, number=number + 1) for number, item in enumerate(items)))
facts_of_a_stage = st.builds(
    StageFact, done=st.booleans(), damage=st.sampled_from([None, "gone"]), attempts=attempts
)
any_facts = st.fixed_dictionaries({}, optional={stage.ref: facts_of_a_stage for stage in PLAN.stages})


@given(any_facts)
def test_deciding_twice_on_the_same_facts_is_the_same(facts):
    assert decide(PLAN, observed(facts), NOW, POLICY) == decide(PLAN, observed(facts), NOW, POLICY)


@given(any_facts)
def test_nothing_is_launched_before_its_inputs_exist_or_when_it_is_done(facts):
    decision = decide(PLAN, observed(facts), NOW, POLICY)
    for action in decision.actions:
        if isinstance(action, Launch):
            assert not facts.get(action.stage.ref, StageFact()).done
            if action.stage.kind is not Kind.COMPARE:
                assert all(decision.judgements[ref].state is State.DONE for ref in action.stage.reads)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_every_plan_ends_under_a_fair_cluster(seed, parallel):
    """Programs end in any order, some vanish, some fail for good; time passes; in the end all is final."""
    chance, facts, now = random.Random(seed), {}, NOW
    for _ in range(1000):
        seen = Observed(stages=dict(facts), capacity=Capacity(cpus=99, memory_gib=99, stages=parallel))
        plan = settled(PLAN, seen, now, POLICY)
        decision = decide(plan, seen, now, POLICY)
        if decision.finished:
            return
        for action in decision.actions:
            fact = facts.get(action.stage.ref, StageFact())
            attempt = AttemptFact(
                number=action.number,
                claimed_at=now,
                last_sign_of_life=now,
                sight=Sight(phase=Phase.RUNNING),
                mine=True,
            )
            facts[action.stage.ref] = replace(fact, attempts=(*fact.attempts, attempt))
        running = [
            ref for ref, fact in facts.items() if not fact.done and fact.attempts[-1].phase is Phase.RUNNING
        ]
        assert len(running) <= parallel
        for ref in running:
            ending = chance.choice(["runs on", "done", "done", "vanishes", "fails"])
            last = facts[ref].attempts[-1]
            if ending == "done":
                facts[ref] = replace(facts[ref], done=True)
            elif ending != "runs on":
                failure = Failure(reason="R", message="m", retry=Retry.NEVER) if ending == "fails" else None
                facts[ref] = replace(
                    facts[ref],
                    attempts=(
                        *facts[ref].attempts[:-1],
                        replace(last, sight=Sight(phase=Phase.ENDED), failure=failure),
                    ),
                )
        now += timedelta(seconds=30)
    raise AssertionError("the plan did not end")
