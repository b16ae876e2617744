"""What `assay index` lists and writes."""

import json
from pathlib import Path

import pytest

from assay.artifacts.layout import experiment_key
from assay.cli.index import main
from assay.cli.report import main as report
from assay.settings.local import compile_file
from assay.stores.uses import pin
from builders import SUMMARIES


@pytest.fixture
def reported(spec, store, bench, capsys):
    for stage in compile_file(spec)[1].stages[:3]:
        bench.finish(stage.document, **SUMMARIES[stage.kind])
    report(spec, store.uri, to=None, output="text")
    capsys.readouterr()


def listed(store, capsys):
    main(store.uri, to=None, output="json")
    return {row["experiment"]: row for row in json.loads(capsys.readouterr().out)["experiments"]}


def test_every_experiment_is_listed_those_without_a_report_and_damaged_ones_too(reported, store, capsys):
    store.put(experiment_key("team/broken", "report.json"), b"{")
    store.put(experiment_key("team/older", "report.json"), b"{}")
    pin(store, "team/new", ["0" * 64], store.info(experiment_key("team/older", "report.json")).modified)

    rows = listed(store, capsys)
    assert {name: row["phase"] for name, row in rows.items()} == {
        "default/small": "unfinished",
        "team/broken": "unreadable report",
        "team/new": "no report yet",
        "team/older": "unreadable report",
    }
    assert (rows["default/small"]["done"], rows["default/small"]["stages"]) == (3, 9)
    assert [name for name, row in rows.items() if row["pinned"]] == ["team/new"]


def test_the_page_lies_in_the_store_and_its_links_lead_to_reports(reported, store, capsys):
    main(store.uri, to=None, output="text")

    path = Path(capsys.readouterr().out.splitlines()[-1].removeprefix("index: "))
    assert 'href="experiments/default/small/report.html"' in path.read_text()
    assert (path.parent / "experiments/default/small/report.html").is_file()


def test_a_folder_holds_the_page_and_a_copy_of_every_report(reported, store, tmp_path, capsys):
    main(store.uri, to=tmp_path / "site", output="text")

    assert (tmp_path / "site/index.html").is_file()
    assert (tmp_path / "site/experiments/default/small/report.html").read_bytes() == store.get(
        experiment_key("default/small", "report.html")
    )
    assert store.get("index.html") is None


def test_a_damaged_pin_is_a_pin_and_all_are_listed(reported, store, capsys):
    store.put(experiment_key("default/small", "pins/1.json"), b"{")

    assert listed(store, capsys)["default/small"]["pinned"]


def test_a_report_whose_page_is_gone_is_listed_without_a_link(reported, store, tmp_path, capsys):
    store.delete(experiment_key("default/small", "report.html"))

    main(store.uri, to=tmp_path / "site", output="text")

    told = (tmp_path / "site/index.html").read_text()
    assert "default/small" in told
    assert 'href="experiments/' not in told


def test_a_folder_is_written_whatever_is_printed(reported, store, tmp_path, capsys):
    main(store.uri, to=tmp_path / "site", output="json")

    assert json.loads(capsys.readouterr().out)["experiments"]
    assert (tmp_path / "site/index.html").is_file()


def test_looking_at_a_store_that_is_not_there_makes_none(tmp_path, capsys):
    main(str(tmp_path / "none"), to=None, output="text")

    assert "has no experiment yet" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()
