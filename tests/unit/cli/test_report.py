"""What `assay report` says of what work took."""

import json
from datetime import timedelta

import pytest

from assay.artifacts.kinds import Kind
from assay.cli.report import main
from assay.settings.local import compile_file
from builders import SUMMARIES

PROFILE = """\
apiVersion: assay.dev/v1alpha1
kind: Profile
metadata: {name: default}
spec: {store: {uri: "s3://bucket/assay"}, prices: {currency: EUR, gpuHour: 2.5}}
"""


@pytest.fixture
def done(spec, bench):
    """Carry all out: a training takes two hours on 4 GPUs, and both arms begin with the same one."""
    for stage in compile_file(spec)[1].stages:
        of_train = stage.kind is Kind.TRAIN
        environment = {"device": "NVIDIA H200", "processes": 4} if of_train else {}
        took = timedelta(hours=2 * of_train)
        bench.finish(stage.document, environment=environment, took=took, **SUMMARIES[stage.kind])
    (spec.parent / "profile.yaml").write_text(PROFILE)
    return spec


def test_a_report_says_what_work_cost_at_the_price_that_it_is_asked_with(done, store, tmp_path, capsys):
    main(done, store.uri, to=tmp_path / "page", output="text", profile=tmp_path / "profile.yaml")

    told = capsys.readouterr().out
    assert "what is done took 24 GPU-hours (60 EUR); reuse saved 8 GPU-hours (20 EUR)" in told
    cost = json.loads((tmp_path / "page/report.json").read_text())["work"]["cost"]
    assert cost == {"currency": "EUR", "gpuHour": 2.5, "spent": 60, "naive": 80, "saved": 20}
    assert "reuse saved 20 EUR" in (tmp_path / "page/report.html").read_text()


def test_a_report_without_a_price_tells_of_hours_alone(done, store, capsys):
    main(done, store.uri, to=None, output="text")
    assert "what is done took 24 GPU-hours; reuse saved 8 GPU-hours\n" in capsys.readouterr().out

    main(done, store.uri, to=None, output="json")
    assert json.loads(capsys.readouterr().out)["work"]["cost"] is None


def test_the_page_that_is_kept_in_the_store_has_the_price_too(done, store, tmp_path, capsys):
    main(done, store.uri, to=None, output="json", profile=tmp_path / "profile.yaml")

    assert json.loads(capsys.readouterr().out)["work"]["cost"]["spent"] == 60
    [page] = [info.key for info in store.keys("experiments/") if info.key.endswith("report.html")]
    assert "At 2.5 EUR per GPU-hour" in store.get(page).decode()
