"""The sample that measures elasticity: its data are what its first lines say, and its spec is sound."""

import json
import math
import runpy
from collections import Counter
from pathlib import Path

import pytest

from assay.api.parse import experiment_of
from assay.api.validate import check
from assay.api.written import read
from assay.statistics.compression import ideal_elasticity
from builders import a_plan

SAMPLE = Path(__file__).parents[2] / "manifests" / "samples" / "resistance"


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_compression_data.py", str(tmp_path)])
    runpy.run_path(str(SAMPLE / "make_compression_data.py"), run_name="__main__")
    return tmp_path


def texts(folder, name):
    return [json.loads(line)["text"] for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_parts_share_nothing_and_volumes_are_those_of_k(made):
    aligned, perturbing = (set(texts(made, f"{name}-1")) for name in ("alignment", "perturbation"))
    pretraining = Counter(texts(made, "pretraining"))

    assert not aligned & perturbing
    assert [sum(pretraining[text] for text in part) for part in (aligned, perturbing)] == [440, 440]
    for k in (1, 2, 4, 8):
        assert len(texts(made, f"alignment-{k}")) == 1320 / k
        assert len(texts(made, f"perturbation-{k}")) == 264 / k


def test_responses_fall_as_one_by_their_rank_in_every_file(made):
    for file in made.glob("*.jsonl"):
        counts = [number for _, number in Counter(texts(made, file.stem)).most_common()]
        parts = 3 if "pretraining" in file.stem else 1
        each = len(texts(made, file.stem)) // parts
        assert counts == sorted([each * 6 // 11, each * 3 // 11, each * 2 // 11] * parts, reverse=True)


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_what_the_slope_is_held_against_is_the_ideal_mixture_of_these_very_files(made, k):
    names = ["pretraining", f"alignment-{k}", f"perturbation-{k}"]
    pretraining, aligned, perturbing = (Counter(texts(made, name)) for name in names)

    def rates(trained):
        """What pre-training and alignment data cost a model that has every response's share of all by heart."""
        return [
            -sum(n * math.log(trained[text] / trained.total()) for text, n in data.items()) / data.total()
            for data in (pretraining, aligned)
        ]

    before, after = rates(pretraining + aligned), rates(pretraining + aligned + perturbing)

    assert -(after[1] - before[1]) / (after[0] - before[0]) == pytest.approx(ideal_elasticity(k, 0.2))


def test_a_response_and_the_separator_are_as_long_as_a_step_of_the_text(made):
    vocabulary = json.loads((made / "tokenizer" / "tokenizer.json").read_text())["model"]["vocab"]
    for text in set(texts(made, "pretraining")):
        assert len(text.split()) + 1 == 16 - 1  # a piece begins with the last token of the one before
        assert set(text.split()) <= set(vocabulary)


def test_the_spec_is_sound_and_asks_for_every_k_and_seed():
    written = read((SAMPLE / "compression.yaml").read_text(), "compression.yaml")
    experiment = experiment_of(written)

    assert check(experiment, written) == []
    compared = [stage for stage in a_plan(experiment).stages if stage.kind == "compare"]
    assert [len(stage.document.spec["arms"][0]["runs"]) for stage in compared] == [12, 12]
