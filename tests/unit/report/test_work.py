"""What the stages took, and what they would have taken without sharing."""

from datetime import timedelta

import pytest

from assay.artifacts.kinds import Kind
from assay.report.data import report_data
from assay.report.page import page
from assay.report.work import work
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import SUMMARIES, a_plan

SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
A100 = {"device": "A100", "processes": 8}


@pytest.fixture
def done(tmp_path):
    """Carry out every stage of two arms of three seeds: a cleaning takes an hour, a training two on 8 GPUs."""
    plan = a_plan(matrix=[SEEDS])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    hours = {Kind.CLEAN: 1, Kind.TRAIN: 2}
    for stage in plan.stages:
        bench.finish(
            stage.document,
            environment=A100 if stage.kind is Kind.TRAIN else {},
            took=timedelta(hours=hours.get(stage.kind, 0)),
            **SUMMARIES[stage.kind],
        )
    return plan, {stage.ref: load_record(bench.store, stage.ref) for stage in plan.stages}


def test_what_runs_share_counts_once_and_naively_for_each(done):
    found = {row["kind"]: row for row in work(*done)["kinds"]}

    assert {name: found["clean"][name] for name in ("asked", "stages", "hours", "naiveHours")} == {
        "asked": 6,
        "stages": 2,
        "hours": 2,
        "naiveHours": 6,
    }
    assert (found["train"]["gpuHours"], found["train"]["naiveGpuHours"]) == (96, 96)


def test_a_report_counts_separate_pipelines_as_its_plan_does(done):
    plan, records = done

    rows = work(plan, records)["kinds"]

    assert {row["kind"]: (row["asked"], row["stages"]) for row in rows} == plan.separate


def test_gpu_hours_are_told_by_the_gpu(done):
    assert work(*done)["gpus"] == {"A100": 96}


def test_what_is_not_done_took_nothing(done):
    plan, records = done
    cleanings = {ref: record for ref, record in records.items() if ref.kind is Kind.CLEAN}

    found = work(plan, cleanings)["all"]

    assert (found["done"], found["hours"], found["gpuHours"]) == (2, 2, 0)
    assert found["stages"] == len(plan.stages)


def test_the_page_says_what_reuse_saved(done):
    html = page(report_data(*done, {}))

    assert (
        "took 14 hours of attempts (96 GPU-hours), and 18 (96 GPU-hours) had each run done its own." in html
    )
