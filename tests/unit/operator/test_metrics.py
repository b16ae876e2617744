"""Metrics count without ever naming an experiment, and their labels are bounded."""

import re
from pathlib import Path

import pytest

from assay_operator.metrics import REASONS, Metrics

ROOT = Path(__file__).parents[3]
FAILURES = ROOT / "docs" / "failures.md"


def lines(metrics, name):
    return [line for line in metrics.text().decode().splitlines() if line.startswith(name)]


def test_reasons_are_those_that_are_documented():
    rows = [line for line in FAILURES.read_text().splitlines() if line.startswith("| `")]

    assert {word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[1])} == REASONS


def test_every_reason_that_a_program_gives_is_documented():
    programs = [path.read_text() for path in (ROOT / "pipelines").rglob("*.py")]
    given = {word for text in programs for word in re.findall(r'StageError\(\s*"(\w+)"', text)}

    assert given
    assert given <= REASONS


def test_failures_are_counted_by_kind_and_reason_and_what_is_not_documented_is_other():
    metrics = Metrics()
    for reason in ("NaNLoss", "NaNLoss", "team-a/my-experiment exploded"):
        metrics.failed("train", reason)
    metrics.failed("brew", "Vanished")

    assert lines(metrics, "assay_failures_total") == [
        'assay_failures_total{kind="train",reason="NaNLoss"} 2.0',
        'assay_failures_total{kind="train",reason="Other"} 1.0',
        'assay_failures_total{kind="Other",reason="Vanished"} 1.0',
    ]


def test_states_that_no_stage_is_in_any_more_go_back_to_zero():
    metrics = Metrics()
    metrics.stages({("train", "running"): 3})
    metrics.stages({("train", "done"): 3})

    assert 'assay_stages{kind="train",state="running"} 0.0' in lines(metrics, "assay_stages")
    assert 'assay_stages{kind="train",state="done"} 3.0' in lines(metrics, "assay_stages")


def test_a_wakeup_that_raises_is_an_error_and_still_raises():
    metrics = Metrics()
    with metrics.wakeup():
        pass
    with pytest.raises(KeyError), metrics.wakeup():
        raise KeyError

    assert lines(metrics, "assay_wakeup_seconds_count") == [
        'assay_wakeup_seconds_count{outcome="ok"} 1.0',
        'assay_wakeup_seconds_count{outcome="error"} 1.0',
    ]


def test_requests_queue_leader_writes_launches_and_admissions_are_told():
    metrics = Metrics()
    metrics.requested("patch", "conflict", 0.1)
    metrics.queued(7)
    metrics.leads(whether=True)
    metrics.wrote_status(well=True)
    metrics.launched("clean")
    metrics.admitted("refused")
    text = metrics.text().decode()

    for line in (
        'assay_request_seconds_count{outcome="conflict",verb="patch"} 1.0',
        "assay_queue_depth 7.0",
        "assay_leader 1.0",
        'assay_status_writes_total{outcome="ok"} 1.0',
        'assay_launches_total{kind="clean"} 1.0',
        'assay_admissions_total{answer="refused"} 1.0',
    ):
        assert line in text
