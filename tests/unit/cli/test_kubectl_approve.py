"""What `kubectl assay approve` approves, and what it does not."""

import pytest

from assay.api.execution import Execution
from assay.api.status import Condition, ExperimentStatus, PlanStatus
from assay.cli.kubectl.approve import awaiting
from assay.errors import ClusterError
from assay.settings.kubectl import Applied

ASKED = Condition(type="Approved", status="False", reason="ApprovalRequired", message="plan d…: 8 stages")


def applied(*conditions, generation=1):
    return Applied(
        namespace="team",
        name="study",
        generation=generation,
        profile="default",
        suspended=False,
        execution=Execution(),
        status=ExperimentStatus(
            phase="AwaitingApproval",
            observed_generation=1,
            plan=PlanStatus(digest="d" * 64),
            conditions=conditions,
        ),
    )


def test_what_awaits_approval_is_told_with_its_digest():
    assert awaiting(applied(ASKED)) == ("d" * 64, "plan d…: 8 stages")


def test_an_edit_that_the_operator_has_not_seen_is_not_approved():
    with pytest.raises(ClusterError, match="not looked at what was applied last"):
        awaiting(applied(ASKED, generation=2))


def test_nothing_is_approved_that_nobody_asks_for():
    with pytest.raises(ClusterError, match="none of its plans awaiting approval"):
        awaiting(applied())
