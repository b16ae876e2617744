"""What one experiment of a namespace does takes nothing from another that shares its stages, in whatever order all happens."""

import pytest
from hypothesis import HealthCheck, settings

from two_owners import TwoOwners

TestTwoOwners = TwoOwners.TestCase
TestTwoOwners.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


BOTH = ("begin_together", {"plans": (1, 1), "woken": ("first", "second")})
SCHEDULES = {
    "an edit leaves what the other wants": [
        BOTH,
        ("apply", {"name": "first", "plan": 0}),
        ("wake", {"name": "first"}),
    ],
    "what nobody wants ends": [
        BOTH,
        *(("apply", {"name": name, "plan": 0}) for name in ("first", "second")),
    ],
    "one leaves amid the other's leave": [
        BOTH,
        *(("apply", {"name": name, "plan": 0}) for name in ("first", "second")),
        ("wake_both", {"name": "first", "amid": True}),
    ],
    "one joins amid the launcher's leave": [
        ("begin_together", {"plans": (1, 0), "woken": ("first", "second")}),
        ("apply", {"name": "first", "plan": 0}),
        ("apply", {"name": "second", "plan": 1}),
        ("wake_both", {"name": "first", "amid": True}),
    ],
    "two join at once": [
        ("apply", {"name": "first", "plan": 0}),
        ("wake", {"name": "first"}),
        ("delete", {"name": "first"}),
        ("begin_together", {"plans": (1, 1), "woken": ("second", "first")}),
        ("wake_both", {"name": "second", "amid": True}),
    ],
    "the launcher is deleted and the other goes on": [
        BOTH,
        ("begin", {"which": 0}),
        ("wait", {"seconds": 200}),
        ("delete", {"name": "first"}),
        ("collect", {}),
        ("wake", {"name": "second"}),
    ],
    "an attempt that began since another look is seen before it counts as silent": [
        ("begin_together", {"plans": (2, 2), "woken": ("first", "second")}),
        ("end_badly", {"which": 0, "told": True}),
        ("wait", {"seconds": 20}),
        ("wake", {"name": "first"}),
        ("wait", {"seconds": 200}),
        ("wake", {"name": "second"}),
    ],
    "what a cancelled attempt held until it ended is told to both": [
        ("begin_together", {"plans": (0, 1), "woken": ("first", "second")}),
        ("begin", {"which": 1}),
        ("restart", {}),
        ("end_well", {"which": 1}),
        ("apply", {"name": "first", "plan": 1}),
        ("wake_both", {"name": "first", "amid": False}),
        ("begin", {"which": 0}),
        ("apply", {"name": "second", "plan": 0}),
        ("wake_both", {"name": "first", "amid": False}),
        ("apply", {"name": "second", "plan": 1}),
    ],
    "an attempt that began and ended well between two looks is told to whoever looked twice": [
        ("begin_together", {"plans": (0, 0), "woken": ("first", "second")}),
        ("begin", {"which": 0}),
        ("wait", {"seconds": 20}),
        ("end_well", {"which": 0}),
        *(("wake", {"name": name}) for name in ("first", "second", "second")),
        ("begin", {"which": 0}),
        ("wait", {"seconds": 20}),
        ("wake", {"name": "second"}),
        ("end_badly", {"which": 0, "told": True}),
        ("wait", {"seconds": 20}),
        ("wake", {"name": "first"}),
        ("begin", {"which": 0}),
        ("wait", {"seconds": 200}),
        ("end_well", {"which": 0}),
    ],
    "a claim of long ago is not acted upon when others may have taken the stage over": [
        ("begin_together", {"plans": (2, 0), "woken": ("first", "second")}),
        ("apply", {"name": "first", "plan": 0}),
        ("wake", {"name": "first"}),
        ("apply", {"name": "first", "plan": 2}),
        ("tell", {}),
        ("wait", {"seconds": 20}),
        ("look", {"name": "first"}),
        ("wait", {"seconds": 200}),
        ("apply", {"name": "second", "plan": 2}),
        ("wake", {"name": "second"}),
        ("act", {"name": "first"}),
    ],
    "one that is suspended keeps what it owns": [
        BOTH,
        ("suspend", {"name": "first", "suspended": True}),
        ("wake", {"name": "first"}),
        ("delete", {"name": "second"}),
        ("collect", {}),
        ("restart", {}),
    ],
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_that_is_worth_naming_ends_well(schedule):
    machine = TwoOwners()
    for step, named in schedule:
        getattr(machine, step)(**named)
        machine.one_attempt_at_a_stage_is_live()
    machine.teardown()
