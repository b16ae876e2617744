"""No figure of the page without a link to the artifact that it is from, and that artifact's hashes."""

from html.parser import HTMLParser

import pytest

from assay.artifacts.kinds import Kind
from assay.report.data import report_data
from assay.report.page import anchor, page


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


def test_items_that_differ_are_named_and_nothing_that_was_answered(reported):
    html = page(report_data(*reported))

    verdict = reported[2][reported[0].stages[-1].ref]["verdicts"][0]
    assert f"with is higher on {verdict['higherA']}: {', '.join(verdict['flips']['a'])}" in html
