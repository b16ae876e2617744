"""What `kubectl assay approve` approves, and what it does not."""

import pytest

from assay.api.status import Condition, PlanStatus
from assay.cli.kubectl.approve import awaiting
from assay.errors import ClusterError
from builders import an_applied

ASKED = Condition(type="Approved", status="False", reason="ApprovalRequired", message="plan d…: 8 stages")


def awaits(*conditions, generation=1):
    plan = PlanStatus(digest="d" * 64)
    return an_applied(generation, phase="AwaitingApproval", plan=plan, conditions=conditions)


def test_what_awaits_approval_is_told_with_its_digest():
    assert awaiting(awaits(ASKED)) == ("d" * 64, "plan d…: 8 stages")


def test_an_edit_that_the_operator_has_not_seen_is_not_approved():
    with pytest.raises(ClusterError, match="not looked at what was applied last"):
        awaiting(awaits(ASKED, generation=2))


def test_nothing_is_approved_that_nobody_asks_for():
    with pytest.raises(ClusterError, match="none of its plans awaiting approval"):
        awaiting(awaits())
