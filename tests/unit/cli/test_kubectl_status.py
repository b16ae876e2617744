"""What `kubectl assay status` says of an experiment as a whole."""

from datetime import UTC, datetime

import pytest

from assay.api.status import Condition, CostStatus, ExperimentStatus, GpuHoursStatus, StageStatus
from assay.cli.kubectl.status import header, remarkable, tell_all, told_rows, waiting
from builders import an_applied


def condition(kind, status, reason, message=""):
    return Condition(type=kind, status=status, reason=reason, message=message)


def test_a_header_counts_what_there_is_to_count():
    assert header(an_applied(total=9, done=4, reused=2, failed=1)) == [
        "team/study: Running, 4 of 9 stages done, 2 of them reused, 1 failed"
    ]


def test_a_header_tells_of_gpu_hours_and_where_the_operator_does_of_money():
    hours = GpuHoursStatus(spent=10.1, saved=16)
    cost = CostStatus(currency="EUR", gpu_hour=2.5, spent=25.25, saved=40)

    assert header(an_applied(gpu_hours=hours)) == [
        "team/study: Running, 10.1 GPU-hours spent, 16 GPU-hours saved by what others ran"
    ]
    assert header(an_applied(gpu_hours=hours, cost=cost)) == [
        "team/study: Running, 10.1 GPU-hours (25.2 EUR) spent, 16 GPU-hours (40 EUR) saved by what others ran"
    ]


def test_a_list_says_what_each_experiment_has_spent_where_any_held_a_gpu(capsys):
    hours = GpuHoursStatus(spent=10.1, saved=16)
    cost = CostStatus(currency="EUR", gpu_hour=2.5, spent=25.25, saved=40)

    tell_all([an_applied(), an_applied(gpu_hours=hours, cost=cost)], everywhere=False, output="text")
    assert "10.1 GPU-hours (25.2 EUR)" in capsys.readouterr().out

    tell_all([an_applied()], everywhere=False, output="text")
    assert "SPENT" not in capsys.readouterr().out


def test_every_verdict_is_a_line():
    lines = header(an_applied(verdict="one", verdicts=("one", "two")))

    assert lines[1:] == ["verdict: one", "verdict: two"]
    assert header(an_applied(verdict="one"))[1:] == ["verdict: one"]


def test_an_edit_that_the_operator_has_not_seen_is_told():
    assert "has not looked at what was applied last" in header(an_applied(generation=2))[1]


def test_what_no_operator_has_looked_at_is_told_as_such():
    lines = header(an_applied(phase=None, observed_generation=None))

    assert lines[0] == "team/study: Pending"
    assert "No operator" in lines[1]


@pytest.mark.parametrize(
    "expected",
    [
        ("Accepted", "True", "Valid"),
        ("Planned", "True", "Frozen"),
        ("Progressing", "True", "Running"),
        ("Progressing", "False", "Finished"),
        ("Complete", "False", "StagesLeft"),
        ("Complete", "True", "AllDone"),
    ],
)
def test_conditions_of_an_experiment_that_goes_its_way_are_not_told(expected):
    assert remarkable([condition(*expected)]) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (("Accepted", "False", "Invalid", "spec.arms: …"), "Accepted is False (Invalid): spec.arms: …"),
        (("Planned", "False", "ProfileNotFound"), "Planned is False (ProfileNotFound)"),
        (
            ("Progressing", "False", "QueueNotHonoured", "no Kueue"),
            "Progressing is False (QueueNotHonoured): no Kueue",
        ),
        (("Complete", "True", "StagesFailed", "2 failed"), "Complete is True (StagesFailed): 2 failed"),
        (("Approved", "Unknown", "AboveLimit"), "Approved is Unknown (AboveLimit)"),
    ],
)
def test_any_other_condition_is_told_with_reason_and_message(found, line):
    assert header(an_applied(conditions=(condition(*found),)))[1:] == [line]


AT = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("2030-01-01T11:59:30Z", "queue gpu is full, for 30 s"),
        ("2030-01-01T11:47:10Z", "queue gpu is full, for 12 min"),
        ("2029-12-31T09:00:00Z", "queue gpu is full, for 27 h"),
        ("2029-12-29T09:00:00Z", "queue gpu is full, for 3 days"),
        ("2030-01-01T12:00:05Z", "queue gpu is full, for 0 s"),  # another clock's
    ],
)
def test_a_stage_that_waits_tells_for_how_long(since, told):
    stage = StageStatus(
        name="a/sft", kind="train", state="running", attempt=1, message="queue gpu is full", since=since
    )
    [row] = told_rows(ExperimentStatus(stages=(stage,)), AT)

    assert (row["detail"], row["since"]) == (told, since)


def test_a_stage_that_does_something_else_than_the_status_told_has_not_waited():
    stage = StageStatus(
        name="a/sft",
        kind="train",
        state="running",
        attempt=1,
        message="no node",
        since="2030-01-01T11:00:00Z",
    )
    row = {"state": "running", "detail": "training 12/500 steps"}

    assert waiting(row, stage, AT) == row
    assert waiting(row, None, AT) == row
