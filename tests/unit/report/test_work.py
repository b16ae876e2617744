"""What the stages took, and what they would have taken without sharing."""

from datetime import timedelta

import pytest

from assay.api.profile import Prices
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


@pytest.fixture
def shared(tmp_path):
    """Carry out three arms that are one and the same: their training takes two hours on 8 GPUs."""
    plan = a_plan(arms=[{"name": name} for name in ("one", "two", "three")])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    for stage in plan.stages:
        of_train = stage.kind is Kind.TRAIN
        took = timedelta(hours=2 * of_train)
        bench.finish(stage.document, environment=A100 if of_train else {}, took=took, **SUMMARIES[stage.kind])
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


PRICES = Prices.model_validate({"currency": "EUR", "gpuHour": 2.5})


def test_what_runs_shared_is_money_saved_at_the_price_that_is_asked_with(shared):
    """One training of 16 GPU-hours stands for three arms."""
    cost = work(*shared, PRICES)["cost"]

    assert (cost["spent"], cost["naive"], cost["saved"]) == (40, 120, 80)
    html = page(report_data(*shared, {}, prices=PRICES))
    assert "At 2.5 EUR per GPU-hour, whichever the GPU, that is 40 EUR, and 120 EUR had each run" in html
    assert "reuse saved 80 EUR. The price is no record's" in html


def test_without_a_price_no_page_tells_of_money(shared):
    for prices in (None, Prices()):
        assert work(*shared, prices)["cost"] is None
        assert "per GPU-hour" not in page(report_data(*shared, {}, prices=prices))


def test_what_held_no_gpu_cost_no_gpu_hours(done):
    plan, records = done
    cleanings = {ref: record for ref, record in records.items() if ref.kind is Kind.CLEAN}

    assert work(plan, cleanings, PRICES)["cost"] is None


def test_the_same_records_and_price_give_the_same_bytes(shared):
    one, two = (page(report_data(*shared, {}, prices=PRICES)) for _ in range(2))

    assert one == two
