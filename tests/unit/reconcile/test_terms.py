"""Nothing is launched on other terms than those of the experiment and its Profile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.api.profile import Prices
from assay.api.status import PowerStatus
from assay.artifacts.kinds import Kind
from assay.plan.expected import Expected
from assay.reconcile.decide import Join, Launch, State, decide
from assay.reconcile.facts import AttemptFact, Capacity, Observed, Phase, Policy, Sight, StageFact
from assay.reconcile.terms import APPROVAL_REQUIRED, GPU_HOURS_EXCEEDED, Terms
from builders import a_plan

NOW = datetime(2030, 1, 1, tzinfo=UTC)
POLICY = Policy(since=NOW - timedelta(hours=1))
ROOM = Capacity(cpus=100, memory_gib=100, stages=100)
PLAN = a_plan()
TRAININGS = [stage for stage in PLAN.stages if stage.kind is Kind.TRAIN]
DIGEST = "d" * 64
PRICES = Prices.model_validate({"gpuHour": 2})
POWER = PowerStatus(contrast="refusals", task="mmlu", detectable=0.017, margin=0.02, power=0.8, why="assumed")
CLEANED = {stage.ref: StageFact(done=True) for stage in PLAN.stages if stage.kind is Kind.CLEAN}


def terms(*hours, **said):
    """Return terms under which the trainings are expected to take so many GPU-hours, None: nobody knows."""
    expected = {
        stage.ref: Expected(gpu_hours=took, why="")
        for stage, took in zip(TRAININGS, hours or (40, 60), strict=True)
    }
    return Terms(digest=DIGEST, expected=expected, prices=PRICES, **said)


def decided(said, facts=None, *, approved=(), policy=POLICY):
    seen = Observed(stages=CLEANED if facts is None else facts, capacity=ROOM, approved=frozenset(approved))
    return decide(PLAN, seen, NOW, replace(policy, terms=said))


def launches(decision):
    return [action for action in decision.actions if isinstance(action, Launch)]


def an_attempt(number=1, *, hours=0.0, gpus=1, phase=Phase.RUNNING, mine=True, **sight):
    began = NOW - timedelta(hours=hours)
    return AttemptFact(
        number=number, claimed_at=began, last_sign_of_life=NOW, sight=Sight(phase=phase, **sight), mine=mine, gpus=gpus, began=began
    )  # fmt: skip


def test_a_manual_plan_is_launched_once_its_digest_is_approved():
    waiting, approved = decided(terms(manual=True)), decided(terms(manual=True), approved=[DIGEST])

    assert launches(waiting) == []
    assert waiting.withheld.reason == APPROVAL_REQUIRED
    assert {waiting.judgements[stage.ref].state for stage in TRAININGS} == {State.WAITING}
    assert (len(launches(approved)), approved.withheld) == (2, None)


def test_the_approval_of_another_plan_is_none():
    decision = decided(terms(manual=True), approved=["e" * 64])

    assert launches(decision) == []
    assert "what is approved is another plan" in decision.withheld.message


def test_what_is_asked_for_is_told():
    message = decided(terms(manual=True, power=POWER)).withheld.message

    assert message.startswith(f"plan {DIGEST}: ")
    for told in (
        "6 of 8 stages to run, 2 reused",
        "100 GPU-hours (200 USD)",
        "power of refusals on mmlu: a difference of 0.017 is mostly seen, one of 0.02 80% of the time (assumed)",
    ):
        assert told in message


def test_what_is_asked_for_is_told_to_programs_too():
    asked = decided(terms(40.004, None, approval_gpu_hours=1, power=POWER)).withheld.asked

    assert (asked.stages, asked.gpu_hours, asked.unknown) == (6, 40, 1)
    assert (asked.price, asked.currency) == (80.01, "USD")
    assert asked.power == POWER


def test_without_a_price_no_money_is_asked_for():
    asked = decided(replace(terms(manual=True), prices=Prices())).withheld.asked

    assert (asked.gpu_hours, asked.price, asked.currency) == (100, None, None)


def test_a_contrast_of_which_nothing_is_known_says_why():
    unknown = PowerStatus(contrast="refusals", task="mmlu", margin=0.02, why="too few runs")

    message = decided(terms(manual=True, power=unknown)).withheld.message

    assert "power of refusals on mmlu unknown: too few runs" in message


@pytest.mark.parametrize(("limit", "asked"), [(100, False), (99, True)])
def test_a_profile_s_limit_asks_for_approval_above_it(limit, asked):
    assert (decided(terms(approval_gpu_hours=limit)).withheld is not None) is asked


def test_what_is_left_counts_and_not_what_is_done():
    done = {**CLEANED, TRAININGS[0].ref: StageFact(done=True)}

    assert decided(terms(approval_gpu_hours=60), done).withheld is None


def test_what_nobody_knows_counts_as_more_and_is_said_to():
    message = decided(terms(1, None, approval_gpu_hours=1000)).withheld.message

    assert "1 GPU-hours (2 USD) and an unknown number, of 1 stage expected" in message
    assert "what is unknown counts as more" in message


def test_a_plan_that_is_done_asks_for_nothing():
    done = {stage.ref: StageFact(done=True) for stage in PLAN.stages}

    assert decided(terms(manual=True), done).finished


def test_another_s_workload_is_not_joined_before_approval():
    facts = {**CLEANED, TRAININGS[0].ref: StageFact(attempts=(an_attempt(mine=False, joined=False),))}

    assert not any(isinstance(action, Join) for action in decided(terms(manual=True), facts).actions)
    assert any(
        isinstance(action, Join) for action in decided(terms(manual=True), facts, approved=[DIGEST]).actions
    )


@pytest.mark.parametrize(("limit", "exceeded"), [(100, False), (99, True)])
def test_an_experiment_that_would_take_more_than_its_profile_allows_launches_nothing(limit, exceeded):
    decision = decided(terms(gpu_hours=limit))

    assert (launches(decision) == []) is exceeded
    assert (decision.withheld is not None and decision.withheld.reason == GPU_HOURS_EXCEEDED) is exceeded


def test_no_approval_lifts_a_profile_s_limit():
    assert decided(terms(gpu_hours=99, manual=True), approved=[DIGEST]).withheld.reason == GPU_HOURS_EXCEEDED


def test_what_runs_counts_as_long_as_it_is_expected_to():
    """Of 40 expected, 10 are spent and 30 ahead; another 60 are to come."""
    facts = {**CLEANED, TRAININGS[0].ref: StageFact(attempts=(an_attempt(hours=10),))}

    assert decided(terms(gpu_hours=100), facts).withheld is None
    assert decided(terms(gpu_hours=99), facts).withheld is not None


def test_what_failed_attempts_held_counts_too():
    failed = an_attempt(hours=10, gpus=2, phase=Phase.ENDED)
    facts = {**CLEANED, TRAININGS[0].ref: StageFact(attempts=(failed,))}

    assert decided(terms(gpu_hours=120), facts).withheld is None
    assert "20 GPU-hours (40 USD) spent" in decided(terms(gpu_hours=119), facts).withheld.message


def test_what_is_unknown_counts_as_none_until_it_is_spent():
    assert decided(terms(None, None, gpu_hours=1)).withheld is None


def test_a_spent_limit_does_not_keep_what_holds_no_gpu():
    spent = an_attempt(hours=500, phase=Phase.ENDED)
    done = {**CLEANED, **{stage.ref: StageFact(done=True, attempts=(spent,)) for stage in TRAININGS}}

    assert launches(decided(terms(gpu_hours=100), done))


def test_attempts_are_charged_to_who_launched_them():
    own = StageFact(attempts=(an_attempt(hours=3), ))  # fmt: skip
    other = StageFact(done=True, attempts=(an_attempt(hours=2, gpus=4, phase=Phase.ENDED, mine=False),))
    spent = decided(terms(), {**CLEANED, TRAININGS[0].ref: own, TRAININGS[1].ref: other}).spent

    assert (spent[TRAININGS[0].ref].own, spent[TRAININGS[0].ref].others) == (3, 0)
    assert (spent[TRAININGS[1].ref].own, spent[TRAININGS[1].ref].others) == (0, 8)


def test_what_waits_or_never_started_holds_nothing():
    waits = an_attempt(hours=3, waits=True)
    gone = replace(an_attempt(hours=3, phase=Phase.ABSENT), started=False)

    assert waits.gpu_hours(NOW) == 3  # it ran before the queue stopped it
    assert replace(waits, started=False).gpu_hours(NOW) == 0
    assert gone.gpu_hours(NOW) == 0


facts = st.fixed_dictionaries(
    {},
    optional={
        stage.ref: st.builds(
            StageFact,
            done=st.booleans(),
            attempts=st.lists(
                st.builds(
                    an_attempt, hours=st.floats(0, 100), phase=st.sampled_from(Phase), mine=st.booleans()
                ),
                max_size=2,
            ).map(tuple),
        )
        for stage in PLAN.stages
    },
)
said = st.builds(
    terms,
    st.sampled_from([None, 0.0, 40.0]),
    st.sampled_from([None, 60.0]),
    manual=st.booleans(),
    approval_gpu_hours=st.sampled_from([None, 1.0, 1000.0]),
    gpu_hours=st.sampled_from([None, 1.0, 1000.0]),
)


@given(said, facts, st.sampled_from([(), (DIGEST,), ("e" * 64,)]))
def test_what_is_withheld_is_not_launched_and_ends_nothing(said, facts, approved):
    decision, free = decided(said, facts, approved=approved), decided(Terms(), facts)

    assert decision.finished == free.finished
    assert not (decision.withheld and launches(decision))
    if decision.withheld is None:
        assert launches(decision) == launches(free)
    if said.manual and DIGEST not in approved:
        assert not launches(decision)
