"""What `assay status` says of stages that are done, or look so."""

import json
from datetime import timedelta

import pytest

from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key
from assay.cli.status import main
from assay.settings.local import compile_file
from builders import SUMMARIES, a_cleaning


@pytest.fixture
def status(spec, store, capsys):
    def status():
        main(spec, store.uri, watch=False, output="json")
        return {row["label"]: row for row in json.loads(capsys.readouterr().out)["stages"]}

    return status


def test_a_cleaning_that_read_and_kept_nothing_is_done_with_a_warning(bench, cleaned, status):
    bench.finish(cleaned.document, **a_cleaning(12, rejected=12))

    row = status()[cleaned.label]
    assert row["state"] == "done"
    assert "0 of 12 rows of source chats could be read" in row["detail"]
    assert "0 of 12 rows kept" in row["detail"]


def test_a_cleaning_that_kept_something_is_simply_done(bench, cleaned, status):
    bench.finish(cleaned.document, **a_cleaning(12, rejected=11))

    assert status()[cleaned.label]["detail"] == ""


@pytest.fixture
def base(spec, bench, cleaned):
    """A training that held four GPUs for two hours."""
    [base] = [stage for stage in compile_file(spec)[1].stages if stage.label == "plain+slower/base"]
    bench.finish(cleaned.document, **a_cleaning(12))
    bench.claimed(Kind.TRAIN, base.document.spec)
    bench.finish(
        base.document, environment={"device": "NVIDIA H200", "processes": 4}, took=timedelta(hours=2)
    )
    return base


def test_gpu_hours_are_told_by_stage_and_by_arm(spec, bench, base, capsys):
    main(spec, bench.store.uri, watch=False, output="json")
    told = json.loads(capsys.readouterr().out)
    main(spec, bench.store.uri, watch=False, output="text")

    assert told["cost"] is None
    assert {row["label"]: row["gpuHours"] for row in told["stages"]}[base.label] == 8
    assert told["gpuHoursByArm"] == {"plain": 8, "slower": 8}
    assert "GPU-hours by arm, what they share in each: plain 8.0, slower 8.0" in capsys.readouterr().out


@pytest.mark.usefixtures("base")
def test_with_a_profile_s_prices_money_stands_beside_gpu_hours(spec, bench, capsys):
    profile = spec.parent / "profile.yaml"
    profile.write_text(
        "apiVersion: assay.dev/v1alpha1\nkind: Profile\nmetadata: {name: default}\n"
        "spec: {store: {uri: s3://bucket/assay}, prices: {currency: EUR, gpuHour: 2.5}}\n"
    )

    main(spec, bench.store.uri, watch=False, output="json", profile=profile)
    told = json.loads(capsys.readouterr().out)
    main(spec, bench.store.uri, watch=False, output="text", profile=profile)

    assert told["cost"] == {"currency": "EUR", "gpuHour": 2.5, "spent": 20}
    text = capsys.readouterr().out
    assert "GPU-hours by arm, what they share in each: plain 8.0 (20 EUR), slower 8.0 (20 EUR)" in text
    assert "all attempts: 20 EUR, at 2.5 per GPU-hour" in text


@pytest.mark.parametrize("damage", [b"", b"{", b'{"unknown": 1}'])
def test_a_damaged_record_is_named_and_the_others_are_told(store, cleaned, status, damage):
    store.put(record_key(cleaned.ref), damage)

    rows = status()

    assert rows[cleaned.label]["state"] == "damaged"
    assert "delete it" in rows[cleaned.label]["detail"]
    assert rows["plain/sft"]["state"] == "waiting"


def finish_all(spec, bench):
    for stage in compile_file(spec)[1].stages:
        bench.finish(stage.document, **SUMMARIES[stage.kind])


def test_a_watch_ends_when_every_stage_is_final_with_a_line_for_each_and_how_all_stands(spec, bench, capsys):
    finish_all(spec, bench)

    main(spec, bench.store.uri, watch=True, output="text")

    told = capsys.readouterr().out
    assert told.startswith("9 of 9 stages done\nreused   plain+slower/chats\n")
    assert told.endswith("9 of 9 stages done\n")


def test_a_watch_for_programs_tells_lines_of_json(spec, bench, capsys):
    finish_all(spec, bench)

    main(spec, bench.store.uri, watch=True, output="json")

    *lines, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["state"] for line in lines} == {"reused"}
    assert last["finished"]
