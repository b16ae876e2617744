"""Chats in plain Python, the steps without Ray, and one real Ray for the tests that need it."""

import os

import pytest

from assay.api.clean import Step
from assay_pipelines.clean.judge import Pass, judge
from assay_pipelines.clean.steps.verdict import NOWHERE
from assay_pipelines.clean.table import Chats


def judged(step, chats):
    """Judge plain chats by one local step: the messages that are left of each, or None, and the lines."""
    from assay_pipelines.clean.steps import LOCAL  # noqa: PLC0415

    kind = next(iter(step))
    settings = getattr(Step.model_validate(step), _snake(kind))
    view = Chats.from_messages(chats)
    judgement = LOCAL[kind](view, settings)
    left = list(chats) if judgement.removed is None else plain(view.without(judgement.removed))
    for line in judgement.lines:
        if line.dropped:
            left[line.chat] = None
    return left, judgement.lines


def plain(messages):
    """Return an array of chats as Python pairs."""
    return [[(item["role"], item["content"]) for item in chat] for chat in messages.to_pylist()]


def passed(table, steps, *, sources=1):
    """Send a working table through local steps, without Ray."""
    numbered = tuple(enumerate(Step.model_validate(step) for step in steps))
    joining = (0,) * sources
    return judge(
        table, Pass(first=True, steps=numbered, joining=joining, key_for=None, gone=NOWHERE, aside=NOWHERE)
    )


def _snake(kind):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind)


@pytest.fixture(scope="session")
def running_ray():
    """Ray with two CPUs, shared by all tests of a session."""
    from assay_pipelines.clean.ray_session import connect  # noqa: PLC0415

    import ray  # noqa: PLC0415

    os.environ.pop("RAY_ADDRESS", None)
    connect(cpus=2, memory_gib=0.5)
    yield ray
    ray.shutdown()
