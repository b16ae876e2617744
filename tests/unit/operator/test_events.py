"""Events tell what a person would want to hear of, once."""

from assay_operator.events import news


def status(*conditions, **members):
    return {
        "conditions": [
            dict(zip(("type", "status", "reason", "message"), item, strict=True)) for item in conditions
        ],
        **members,
    }


def test_a_plan_that_is_frozen_is_told_once():
    after = status(("Planned", "True", "Frozen", "25 stages"))

    assert news({}, after) == [("Normal", "Frozen", "25 stages")]
    assert news(after, after) == []


def test_a_refusal_is_a_warning_with_its_message():
    after = status(
        ("Accepted", "False", "Invalid", "spec.arms: found none"), ("Planned", "False", "NotAccepted", "")
    )

    assert news({}, after) == [("Warning", "Invalid", "spec.arms: found none")]


def test_the_end_is_told_with_the_verdict():
    before = status(("Complete", "False", "StagesLeft", "1 of 2"))
    after = status(("Complete", "True", "AllDone", "all 2 stages are done"), verdict="total: higher")

    assert news(before, after) == [("Normal", "AllDone", "total: higher")]


def test_failed_stages_are_a_warning():
    after = status(("Complete", "True", "StagesFailed", "1 stages failed"), verdict="total: higher")

    assert news({}, after) == [("Warning", "StagesFailed", "1 stages failed")]


def test_waiting_for_pods_is_nothing_to_tell():
    assert news({}, status(("Progressing", "False", "Pending", "its pod is not ready yet"))) == []
