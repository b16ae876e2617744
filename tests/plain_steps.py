"""Chats in plain Python, and the steps without Ray."""

import numpy as np
import pyarrow as pa

from assay.api.clean import Step
from assay_pipelines.chats import MESSAGES, Message, content_hash
from assay_pipelines.clean.judge import Pass, judge
from assay_pipelines.clean.steps import LOCAL, prepared
from assay_pipelines.clean.steps.verdict import NOWHERE
from assay_pipelines.clean.table import WORKING, Chats, lines_array


def judged(step, chats, files=()):
    """Judge plain chats by one local step: the messages that are left of each, or None, and the lines."""
    made = Step.model_validate(step)
    view = Chats.from_messages(chats)
    judgement = LOCAL[made.chosen](view, *given(made, files))
    left = plain(view.changed(judgement).messages) if judgement.changes else list(chats)
    for line in judgement.lines:
        if line.dropped:
            left[line.chat] = None
    return left, judgement.lines


def given(step, files=()):
    """Return what a local step is given, with some files as whatever it names outside."""
    return prepared(step, lambda _uri: list(files))


def ids_of(rows, places=None):
    """Return the ids of some rows, or of all, as Python strings."""
    chosen = np.arange(len(rows)) if places is None else np.array(sorted(places), np.int64)
    return rows.ids(chosen).to_pylist()


def plain(messages):
    """Return an array of chats as Python pairs."""
    return [[(item["role"], item["content"]) for item in chat] for chat in messages.to_pylist()]


def passed(table, steps, *, sources=1, files=()):
    """Send a working table through local steps, without Ray."""
    made = [Step.model_validate(step) for step in steps]
    numbered = tuple((number, step.chosen, given(step, files)) for number, step in enumerate(made))
    joining = (0,) * sources
    return judge(
        table, Pass(first=True, steps=numbered, joining=joining, key_for=None, gone=NOWHERE, aside=NOWHERE)
    )


def working(chats, sources=None):
    """Make a working table of plain chats, as intake would."""
    count = len(chats)
    columns = {
        "row": pa.array(range(count), pa.int64()),
        "source": pa.array(sources or [0] * count, pa.int16()),
        "hash": pa.array([content_hash(chat) for chat in chats], pa.binary(16)),
        "tie": pa.array([0] * count, pa.int64()),
        "kept": pa.array([True] * count),
        "messages": pa.array([[Message(*turn)._asdict() for turn in chat] for chat in chats], MESSAGES),
        "meta": pa.array(["{}"] * count),
        "lines": lines_array([[] for _ in chats]),
        "key": pa.nulls(count, pa.binary(16)),
    }
    return pa.table(columns, schema=WORKING)
