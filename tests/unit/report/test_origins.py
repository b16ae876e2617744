"""No figure of the page without a link to the artifact that it is from, and that artifact's hashes."""

import json
from html.parser import HTMLParser

import pytest

from assay.api.compare import Comparison
from assay.artifacts.kinds import Kind
from assay.report.data import report_data
from assay.report.page import anchor, page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from assay_pipelines.compare.scores import Item, Run, TaskScore
from assay_pipelines.compare.verdicts import judge
from bench import Bench
from builders import SUMMARIES, a_plan

SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
STUDY = {
    "name": "study",
    "stage": "scores",
    "contrasts": [{"name": "total", "a": "with", "b": "without"}],
    "primary": {"contrast": "total", "task": "quiz"},
}


class Rows(HTMLParser):
    """Gathers table rows, each with its section, its cells, and where its links lead; and all anchors."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.anchors, self.heading, self.at = [], set(), "", ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "tr":
            self.rows.append({"section": self.heading, "cells": [], "links": []})
        if tag == "td":
            self.rows[-1]["cells"].append("")
        if tag == "a" and self.rows and self.at != "h2":
            self.rows[-1]["links"].append(found["href"].removeprefix("#"))
        if tag == "h2":
            self.heading = ""
        self.at = tag if tag in ("h2", "td", "tr") else self.at

    def handle_endtag(self, tag):
        self.at = "" if tag in ("h2", "table") else self.at

    def handle_data(self, text):
        if self.at == "h2":
            self.heading += text
        if self.at == "td":
            self.rows[-1]["cells"][-1] += text


@pytest.fixture
def reported(tmp_path):
    """Report an experiment whose scores were really judged."""
    plan = a_plan(matrix=[SEEDS], compare=[STUDY])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    scored = {}
    for number, stage in enumerate(plan.stages):
        summary = SUMMARIES[stage.kind]
        if stage.kind is Kind.EVALUATE:
            items = {
                str(at): Item(
                    doc_hash=str(at), prompt_hash=str(at), outcome=float((at * number) % 3 > 0), weight=1.0
                )
                for at in range(20)
            }
            one = TaskScore(items=items, unit="accuracy", higher_is_better=True, chance=0.25)
            scored[str(stage.ref)] = {"quiz": {"final": one}}
            mean = sum(item.outcome for item in items.values()) / len(items)
            summary = {
                "tasks": {"quiz": {"final": {"score": mean, "n": 20, "unit": "accuracy", "chance": 0.25}}}
            }
        if stage.kind is not Kind.COMPARE:
            bench.finish(stage.document, **summary)
    compared = plan.stages[-1]
    spec = compared.document.spec
    runs = [
        Run(
            arm=arm["arm"],
            coordinates=run["coordinates"],
            replicate=run["replicate"],
            ref=run["stages"]["scores"],
            scores=scored[run["stages"]["scores"]],
            lineage={},
        )
        for arm in spec["arms"]
        for run in arm["runs"]
    ]
    document = {
        "comparison": {"family": "holm", "alpha": 0.05, **STUDY},
        **judge(Comparison.model_validate(spec["comparison"]), runs, ()),
    }
    bench.finish(compared.document)
    records = {stage.ref: load_record(bench.store, stage.ref) for stage in plan.stages}
    return plan, records, {compared.ref: json.loads(json.dumps(document))}


def rows_of(reported, section):
    found = Rows(page(report_data(*reported)))
    rows = [row for row in found.rows if row["section"].startswith(section)]
    return found, [row for row in rows if any(any(map(str.isdigit, cell)) for cell in row["cells"])]


@pytest.mark.parametrize("section", ["Verdicts", "Scores", "Training", "Artifacts"])
def test_every_row_of_figures_leads_to_artifacts_whose_hashes_are_there(reported, section):
    found, rows = rows_of(reported, section)

    assert rows
    for row in rows:
        said = (
            len(row["cells"]) == 1 or section == "Artifacts"
        )  # a reading below its row, or the hashes themselves
        assert row["links"] or said, row
        assert set(row["links"]) <= found.anchors


def test_a_verdict_leads_to_its_comparison_and_to_every_run_behind_it(reported):
    plan, *_ = reported
    _, rows = rows_of(reported, "Verdicts")

    links = set(next(row["links"] for row in rows if "total" in row["cells"][0]))

    runs = {anchor(str(stage.ref)) for stage in plan.stages if stage.kind is Kind.EVALUATE}
    assert links == {anchor(str(plan.stages[-1].ref)), *runs}


def test_a_score_leads_to_the_evaluations_of_its_own_arm(reported):
    plan, *_ = reported
    _, rows = rows_of(reported, "Scores")

    found = {row["cells"][1]: set(row["links"]) for row in rows}

    for arm in ("with", "without"):
        assert found[arm] == {
            anchor(str(stage.ref)) for stage in plan.stages if stage.label.startswith(f"{arm}/scores")
        }


def test_an_artifact_stands_with_its_whole_hash_and_that_of_its_outputs(reported):
    plan, records, _ = reported

    html = page(report_data(*reported))

    for stage in plan.stages:
        assert f">{stage.ref}</code>" in html
        assert f">{records[stage.ref].outputs_digest}</code>" in html


def test_the_same_records_make_the_same_bytes(reported):
    plan, records, documents = reported
    backwards = dict(reversed(records.items()))

    assert page(report_data(plan, records, documents)) == page(report_data(plan, backwards, documents))
