"""Scores in the shape of lm-evaluation-harness' results, which its own table prints."""

import pytest
from lm_eval.api.metrics import mean_stderr
from lm_eval.utils import make_table

from assay.artifacts.documents import Outputs, Provenance, Record, StageDocument
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.report.lm_eval import results_documents
from bench import START

QUIZ = {"score": 0.5, "n": 4, "unit": "accuracy", "higherIsBetter": True, "chance": 0.25}
IMPORTED = QUIZ | {"metric": "acc", "filter": "strict", "version": 1.0, "fewShot": 5}
TEXTS = {"score": 1.5, "n": 2, "unit": "bits per byte", "higherIsBetter": False, "chance": None}


def record(tasks, spec=None, **summary):
    spec = spec or {"model": {"uri": "sha256:0"}, "precision": "fp32", "seed": 3, "tasks": [{"name": "quiz"}]}
    return Record(
        identity=StageDocument(kind=Kind.EVALUATE, semantics=SEMANTICS[Kind.EVALUATE], spec=spec, reads=()),
        outputs=Outputs(files={}, summary={"tasks": tasks, **summary}),
        provenance=Provenance(
            attempt=1,
            inputs={},
            execution={},
            environment={"libraries": {"lm-eval": "0.4.13"}},
            started_at=START,
            finished_at=START,
        ),
    )


def items(*outcomes, weight=1.0, part=""):
    return [
        {"doc_id": f"{part}{at}", "outcome": outcome, "weight": weight} for at, outcome in enumerate(outcomes)
    ]


def test_the_harness_own_table_prints_every_score():
    outcomes = {("quiz", "final"): items(1, 0, 1, 0), ("texts", "final"): items(12.0, 3.0, weight=5.0)}
    tasks = {"quiz": {"final": QUIZ}, "texts": {"final": TEXTS}}
    ((name, document),) = results_documents("base/scores[seed=1]", record(tasks), outcomes).items()

    assert name == "base__scores__seed=1__/results_2026-01-01T00-00-00.json"
    table = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in make_table(document).splitlines()[2:]
    ]
    assert [(row[0], row[2], row[4], row[5], float(row[6])) for row in table] == [
        ("quiz", "none", "accuracy", "↑", 0.5),
        ("texts", "none", "bits_per_byte", "↓", 1.5),
    ]
    assert float(table[0][8]) == pytest.approx(mean_stderr([1, 0, 1, 0]), abs=1e-4)
    assert table[1][8] == "N/A"


def test_what_was_imported_keeps_the_harness_names_and_settings():
    found = record({"quiz": {"final": IMPORTED}}, {"samples": "sha256:0"}, imported={"model": "org/model"})
    (document,) = results_documents("base/scores", found, {("quiz", "final"): items(1, 0, 1, 0)}).values()

    assert document["results"]["quiz"]["acc,strict"] == 0.5
    assert document["versions"] == {"quiz": 1.0}
    assert document["n-shot"] == {"quiz": 5}
    assert document["configs"] == {"quiz": {"task": "quiz", "num_fewshot": 5}}
    assert document["config"] == {"model": "org/model"}
    assert "date" not in document


def test_nothing_is_told_that_is_not_known():
    (document,) = results_documents("base/scores", record({"quiz": {"final": QUIZ}}), {}).values()

    assert document["versions"] == document["n-shot"] == {}
    assert document["n-samples"] == {"quiz": {"effective": 4}}
    assert document["results"]["quiz"]["accuracy_stderr,none"] == "N/A"


@pytest.mark.parametrize("outcomes", [items(1, 0, weight=0.5), items(1, 0, part="law/"), items(1)])
def test_a_score_that_is_no_mean_of_items_drawn_alike_has_no_standard_error(outcomes):
    (document,) = results_documents(
        "base/scores", record({"quiz": {"final": QUIZ}}), {("quiz", "final"): outcomes}
    ).values()

    assert document["results"]["quiz"]["accuracy_stderr,none"] == "N/A"


def test_each_checkpoint_is_a_model_of_its_own():
    found = results_documents("base/scores", record({"quiz": {"epoch-1": QUIZ, "final": QUIZ}}), {})

    assert [document["model_name"] for document in found.values()] == [
        "base/scores@epoch-1",
        "base/scores@final",
    ]
