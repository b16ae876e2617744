"""The tasks as a stage carries them out, on a model of random weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.api.evaluate import PromptFormat
from assay.artifacts.kinds import Kind
from assay_pipelines.evaluate.__main__ import main
from assay_pipelines.evaluate.instructeval.asking import ask
from assay_pipelines.evaluate.instructeval.benchmarks import BENCHMARKS
from assay_pipelines.evaluate.instructeval.items import Asked
from assay_pipelines.inference import load_model
from assay_pipelines.outcomes import hashed

BENCHMARKS_HERE = Path(__file__).parent / "benchmarks"
FILES = {
    name: sorted(path for path in (BENCHMARKS_HERE / name).rglob("*") if path.is_file())
    for name in ("mmlu", "bbh", "drop")
}
HUMANEVAL = Path(__file__).parents[2] / "humaneval" / "HumanEval.jsonl.gz"


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(context=4096)


@pytest.fixture
def carried_out(bench, tmp_path):
    """Measure a model by a task for each of some benchmarks."""

    def carry_out(model, *names, execution=None, **more):
        shutil.copytree(model, tmp_path / "trained" / "checkpoints" / "final")
        trained = bench.done(Kind.TRAIN, {"seed": 1}, tmp_path / "trained", checkpoints=[{"label": "final"}])
        tasks = [
            {
                "name": name,
                "instructeval": {
                    "benchmark": name,
                    "data": bench.outside(*FILES.get(name, [HUMANEVAL])),
                    "promptFormat": "raw",
                    **more,
                },
            }
            for name in names
        ]
        return bench.run(
            main,
            Kind.EVALUATE,
            {
                "model": {"from": trained},
                "checkpoints": "one",
                "tasks": tasks,
                "precision": "fp32",
                "seed": 0,
            },
            batch=4,
            **(execution or {}),
        )

    return carry_out


def rows_of(done):
    return {
        (row["task"], row["doc_id"]): row for row in pq.read_table(done.path("outcomes.parquet")).to_pylist()
    }


def items_of(name):
    return BENCHMARKS[name].read(FILES[name], name, None)


def fitting(item, loaded, room):
    """Count the examples with which a prompt still fits."""
    return max(
        shots
        for shots in range(len(item.shots) + 1)
        if len(loaded.tokenizer(item.prompt(shots)).input_ids) <= room
    )


def test_every_item_of_every_benchmark_has_its_outcome(carried_out, model):
    done = carried_out(model, "mmlu", "bbh", "drop")

    rows = rows_of(done)
    items = {(name, item.id): item for name in FILES for item in items_of(name)}
    assert set(rows) == set(items)
    for key, row in rows.items():
        assert row["target_hash"] == hashed(items[key].target)
        assert row["weight"] == items[key].weight
        assert (row["outcome"] > 0) == row["prediction"].strip().startswith(items[key].target)
    figures = done.summary["tasks"]
    assert {name: figures[name]["final"]["n"] for name in FILES} == {"mmlu": 4, "bbh": 6, "drop": 4}
    assert figures["mmlu"]["final"]["chance"] == 1 / 4
    assert all(figures[name]["final"].keys() >= {"strict", "refusals"} for name in FILES)


def test_an_answer_is_scored_no_further_than_the_published_length(carried_out, model):
    rows = rows_of(carried_out(model, "mmlu", "drop"))

    loaded = load_model("final", model, precision="fp32", threads=1)
    for name, longest in (("mmlu", 2), ("drop", 8)):
        for item in items_of(name):
            prompt = item.prompt(fitting(item, loaded, 2048))
            ids = loaded.tokenizer(prompt, return_tensors="pt").input_ids
            whole = loaded.model.generate(
                ids, do_sample=False, max_new_tokens=longest, eos_token_id=2, pad_token_id=0
            )
            said = loaded.tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True)
            assert rows[name, item.id]["prediction"] == said
            assert 0 <= rows[name, item.id]["tokens"] - ids.shape[1] <= 32


def test_a_later_attempt_takes_up_the_answers_of_an_earlier_one(model, working):
    loaded = load_model("final", model, precision="fp32", threads=1)
    asked = Asked(
        task="drop", benchmark=BENCHMARKS["drop"], items=items_of("drop"), form=PromptFormat.RAW, samples=2
    )
    answers = ask(asked, loaded, working(batch=3))

    second = working(attempt=2, batch=3)
    assert ask(asked, replace(loaded, model=None), second) == answers
    assert second.figures()["rowsTakenUp"] == len(answers) == 8


def test_examples_are_left_out_from_the_last_on_until_the_prompt_fits(carried_out, make_model):
    small = make_model(context=300)
    done = carried_out(small, "drop")

    loaded = load_model("final", small, precision="fp32", threads=1)
    rows = rows_of(done)
    left = {item.id: fitting(item, loaded, 300 - 8) for item in items_of("drop")}
    for item in items_of("drop"):
        assert rows["drop", item.id]["prompt_hash"] == hashed(item.prompt(left[item.id]))
    assert all(0 < shots < 3 for shots in left.values())
    assert done.summary["tasks"]["drop"]["final"]["truncated"] == 4


def test_examples_are_left_out_beyond_2048_tokens_whatever_the_context(carried_out, model):
    done = carried_out(model, "mmlu")

    loaded = load_model("final", model, precision="fp32", threads=1)
    rows = rows_of(done)
    left = {item.id: fitting(item, loaded, 2048) for item in items_of("mmlu")}
    for item in items_of("mmlu"):
        assert rows["mmlu", item.id]["prompt_hash"] == hashed(item.prompt(left[item.id]))
    cut = sum(shots < 5 for shots in left.values())
    assert done.summary["tasks"]["mmlu"]["final"]["truncated"] == cut == 2


def test_a_question_that_the_context_cannot_hold_alone_is_refused(carried_out, make_model):
    reason, told = carried_out(make_model(context=64), "drop").refused

    assert reason == "ContextTooSmall"
    assert "64 tokens" in told


def test_a_template_shows_the_prompt_as_a_users_turn(carried_out, model):
    rows = rows_of(carried_out(model, "drop", promptFormat="template"))

    for item in items_of("drop"):
        shown = f"<|im_start|>user\n{item.prompt(3)}<|im_end|>\n<|im_start|>assistant\n"
        assert rows["drop", item.id]["prompt_hash"] == hashed(shown)


def test_a_template_asked_of_a_tokenizer_without_one_is_refused(carried_out, make_model):
    done = carried_out(make_model(context=4096, template=None), "drop", promptFormat="template")

    assert done.refused[0] == "TemplateMissing"


def test_code_that_a_model_writes_is_run_where_the_experiment_allows_it(carried_out, make_model):
    done = carried_out(
        make_model(context=1024), "humaneval", execution={"codeExecution": True}, limit=2, samples=2
    )

    rows = pq.read_table(done.path("outcomes.parquet")).to_pylist()
    assert [(row["doc_id"], row["outcome"]) for row in rows] == [("HumanEval/0", 0.0), ("HumanEval/1", 0.0)]
    figures = done.summary["tasks"]["humaneval"]["final"]
    assert (figures["n"], figures["score"]) == (2, 0.0)
    assert figures["refusals"] == 0.0


@pytest.mark.parametrize("execution", [{}, {"codeExecution": False}])
def test_code_that_a_model_writes_is_refused_before_a_model_is_loaded(carried_out, tmp_path, execution):
    (tmp_path / "no-model").mkdir()
    done = carried_out(tmp_path / "no-model", "humaneval", execution=execution)

    assert done.refused[0] == "CodeExecutionNotAllowed"
