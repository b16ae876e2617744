"""`assay compare`: verdicts as rows, and the items on which two arms differ."""

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import OUTCOMES
from assay.cli.compare import flipped, print_flips, verdict_on, verdict_rows, write_rows
from assay.errors import SpecError

VERDICT = {
    "contrast": "refusals",
    "task": "quiz",
    "coordinates": {"size": "1b"},
    "primary": True,
    "exploratory": False,
    "word": "better",
    "unit": "accuracy",
    "n": 3,
    "higherA": 2,
    "higherB": 1,
    "effect": 0.25,
    "interval": {"low": 0.1, "high": 0.4, "level": 0.95},
    "p": 0.01,
    "adjustedP": 0.02,
    "margin": 0.01,
    "reading": "with is better than without.",
    "a": {"arm": "with", "runs": []},
    "b": {"arm": "without", "runs": []},
}
DERIVED = {
    "expression": "forward - inverse",
    "arm": "alpaca",
    "coordinates": {},
    "word": "inconclusive",
    "effect": 0.1,
    "interval": None,
    "p": None,
    "adjustedP": 1.0,
    "margin": 0.01,
    "reading": "Open.",
    "runs": [],
}
REPORT = {
    "comparisons": [
        {
            "comparison": {"name": "study"},
            "verdicts": [VERDICT],
            "curves": [],
            "derived": [DERIVED],
            "trends": [],
        }
    ]
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_verdicts_become_a_file_with_a_row_each(tmp_path, ending):
    path = tmp_path / f"verdicts.{ending}"
    write_rows(path, verdict_rows(REPORT))

    table = pa_csv.read_csv(path) if ending == "csv" else pq.read_table(path)
    first, second = table.to_pylist()
    assert (first["contrast"], first["word"], first["n"]) == ("refusals", "better", 3)
    assert (first["low"], first["high"], first["adjusted_p"]) == (0.1, 0.4, 0.02)
    assert (first["coordinates"], second["kind"], second["task"]) == (
        "size=1b",
        "derived",
        "forward - inverse",
    )


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"found '\.xlsx', expected \.csv or \.parquet"):
        write_rows(tmp_path / "verdicts.xlsx", verdict_rows(REPORT))


@pytest.fixture
def evaluated(bench, tmp_path):
    """Make an evaluate stage of the quiz; `outcomes` and `answers` are of its items, in order."""

    def evaluated(name, outcomes, answers, *, weight=1.0):
        folder = tmp_path / name
        folder.mkdir()
        rows = [
            {
                "task": task,
                "checkpoint": "final",
                "doc_id": f"{at}",
                "outcome": outcome,
                "weight": weight,
                "prediction": answer,
            }
            for task in ("other", "quiz")
            for at, (outcome, answer) in enumerate(zip(outcomes, answers, strict=True))
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / OUTCOMES)
        return {"from": bench.done(Kind.EVALUATE, {"name": name}, folder)}

    return evaluated


@pytest.fixture
def verdict(evaluated):
    a = [evaluated("a1", [1.0, 0.0, 1.0], ["A", "B", "do harm"]), evaluated("a2", [1.0, 0.0, 0.0], "ABC")]
    b = [evaluated("b1", [1.0, 1.0, 0.0], ["A", "C", "no"]), evaluated("b2", [1.0, 1.0, 0.0], "ACD")]
    return VERDICT | {"a": {"arm": "with", "runs": a}, "b": {"arm": "without", "runs": b}}


def test_items_on_which_the_arms_differ_are_told_those_that_differ_most_first(store, verdict):
    found = flipped(store, verdict, 10)

    assert [(item["item"], item["a"], item["b"]) for item in found["items"]] == [("1", 0, 1), ("2", 0.5, 0)]
    assert (found["differing"], found["n"]) == (2, 3)


def test_no_more_items_are_shown_than_asked_for_and_all_are_counted(store, verdict):
    found = flipped(store, verdict, 1)

    assert (len(found["items"]), found["differing"]) == (1, 2)


def test_answers_are_printed_only_where_they_are_asked_for(store, verdict, capsys):
    found = flipped(store, verdict, 10)

    print_flips(found, texts=False)
    silent = capsys.readouterr().out
    assert "do harm" not in silent
    assert "refusals[size=1b] on quiz: 2 of 3 items differ" in silent
    print_flips(found, texts=True)
    assert "do harm" in capsys.readouterr().out


def test_items_are_shown_per_unit_of_their_weight_and_rounding_is_no_difference(store, evaluated):
    a = [
        evaluated(f"a{at}", [outcome, 800.0], "..", weight=100.0)
        for at, outcome in enumerate((0.1, 0.2, 0.3))
    ]
    b = [
        evaluated(f"b{at}", [outcome, 900.0], "..", weight=100.0)
        for at, outcome in enumerate((0.3, 0.2, 0.1))
    ]
    found = flipped(
        store, VERDICT | {"a": {"arm": "with", "runs": a}, "b": {"arm": "without", "runs": b}}, 10
    )

    assert [(item["item"], item["a"], item["b"]) for item in found["items"]] == [("1", 8.0, 9.0)]


def test_items_of_several_verdicts_are_shown_of_the_one_that_is_named():
    (document,) = REPORT["comparisons"]
    verdicts = [
        VERDICT,
        VERDICT | {"coordinates": {"size": "7b"}},
        VERDICT | {"contrast": "other", "coordinates": {}},
    ]
    report = {"comparisons": [document | {"verdicts": verdicts}]}

    with pytest.raises(
        SpecError, match=r"found 2 verdicts on quiz, .* study/refusals\[size=1b\], study/refusals\[size=7b\]"
    ):
        verdict_on(report, "quiz", "refusals")
    with pytest.raises(SpecError, match="found 3 verdicts on quiz"):
        verdict_on(report, "quiz", None)
    assert verdict_on(report, "quiz", "study/refusals[size=7b]") is verdicts[1]
    assert verdict_on(report, "quiz", "other") is verdicts[2]
    assert verdict_on(REPORT, "quiz", None) is VERDICT
