"""lm-evaluation-harness' own HumanEval, and its variants: asked as there, run in the sandbox."""

import gzip
import json
import math
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from lm_eval import tasks
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml
from lm_eval.utils import hash_string
from transformers import AutoModelForCausalLM

from assay.api.evaluate import HUMANEVAL, Harness
from assay.artifacts.kinds import Kind
from assay.errors import StageError
from assay_pipelines.evaluate.__main__ import main
from assay_pipelines.evaluate.humaneval import load_humaneval, measured, pass_at, programs
from assay_pipelines.sandbox.programs import Limits, Reason
from assay_pipelines.sandbox.run import run_programs

PACKED = Path(__file__).parents[1] / "humaneval" / "HumanEval.jsonl.gz"
PROBLEMS = [json.loads(line) for line in gzip.decompress(PACKED.read_bytes()).splitlines()[:3]]
SOLVED = {
    "pass": "    return 1\n",
    "fail": "    return 2\n",
}  # functions that are whole before a model adds nothing
WHOLE = [
    {
        "task_id": f"Whole/{name}",
        "prompt": f"def one():\n{body}",
        "canonical_solution": "",
        "test": "def check(candidate):\n    assert candidate() == 1\n",
        "entry_point": "one",
    }
    for name, body in SOLVED.items()
]
every_variant = pytest.mark.parametrize("variant", HUMANEVAL)


def harness_own(variant, problems):
    """Make the harness' task of its YAML, over these problems and without the functions of its module."""
    config = load_yaml(Path(tasks.__file__).parent / "humaneval" / f"{variant}.yaml", resolve_func=False)
    del config["metric_list"], config["filter_list"]
    docs = load_humaneval(variant, Harness(), problems).task.parts[variant].dataset
    return ConfigurableTask(config=config | {"custom_dataset": lambda **_: docs})


def written(folder, problems):
    path = folder / "problems.jsonl"
    path.write_text("".join(f"{json.dumps(problem)}\n" for problem in problems))
    return [path]


def logged(asked, *answers):
    """Put answers to each problem where a model's would be, and return what the harness logs of each."""
    [task] = asked.task.parts.values()
    task.build_all_requests()
    for instance, texts in zip(task.instances, answers, strict=True):
        instance.resps = list(texts)
    task.apply_filters()
    return [
        {
            "doc_id": instance.doc_id,
            "doc": instance.doc,
            "target": task.doc_to_target(instance.doc),
            "filtered_resps": [instance.filtered_resps["create_test"]],
            "doc_hash": "doc",
            "prompt_hash": "prompt",
            "target_hash": "target",
        }
        for instance in task.instances
    ]


def scored(asked, *answers):
    samples = logged(asked, *answers)
    ended = run_programs([one for sample in samples for one in programs(sample)], Limits())
    return measured(asked, "final", samples, [one.reason for one in ended], [0] * len(samples))


def test_published_solutions_pass(tmp_path):
    asked = load_humaneval("humaneval", Harness(), written(tmp_path, PROBLEMS))

    found = scored(asked, *([problem["canonical_solution"]] for problem in PROBLEMS))
    assert [one.outcome for one in found.outcomes] == [1.0, 1.0, 1.0]
    assert [one.doc_id for one in found.outcomes] == ["0", "1", "2"]
    assert found.outcomes[0].prediction == PROBLEMS[0]["prompt"] + PROBLEMS[0]["canonical_solution"]
    assert (found.unit, found.beside) == ("pass@1", {"ended": {"passed": 3}})


def test_answers_that_are_empty_or_end_the_process_fail(tmp_path):
    asked = load_humaneval("humaneval", Harness(), written(tmp_path, PROBLEMS))

    found = scored(asked, [""], ["    import os; os._exit(0)"], ["    raise SystemExit(0)"])
    assert [one.outcome for one in found.outcomes] == [0.0, 0.0, 0.0]
    assert found.beside == {"ended": {"failed": 3}}


def test_an_instructed_models_answer_ends_where_its_fence_does(tmp_path):
    words = Harness(task="humaneval_instruct")
    asked = load_humaneval("mine", words, written(tmp_path, PROBLEMS))
    answers = [[f"{problem['canonical_solution']}```\nThis is how it works."] for problem in PROBLEMS]

    assert scored(asked, *answers).score == 1.0
    plain = load_humaneval("humaneval", Harness(), written(tmp_path, PROBLEMS))
    assert scored(plain, *answers).score == 0.0


def test_of_many_answers_an_item_keeps_pass_at_1_and_the_task_its_own_figures(tmp_path):
    asked = load_humaneval("humaneval_64", Harness(), written(tmp_path, PROBLEMS[:2]))
    samples = logged(asked, [""] * 64, [""] * 64)
    ended = [Reason.PASSED] * 16 + [Reason.FAILED] * 48 + [Reason.TIMEOUT] * 64

    found = measured(asked, "final", samples, ended, [5, 7])
    assert [one.outcome for one in found.outcomes] == [1 / 4, 0.0]
    assert [one.tokens for one in found.outcomes] == [5, 7]
    assert found.beside["pass@2"] == pytest.approx((1 - math.comb(48, 2) / math.comb(64, 2)) / 2)
    assert found.beside["pass@64"] == 1 / 2
    assert set(found.beside) == {"ended", "pass@2", "pass@8", "pass@16", "pass@32", "pass@64"}


@pytest.mark.parametrize(("passed", "k", "chance"), [("x--", 1, 1 / 3), ("xx-", 2, 1.0), ("x--", 2, 2 / 3)])
def test_pass_at_k_is_the_chance_that_one_of_k_drawn_answers_passes(passed, k, chance):
    assert pass_at(k, [one == "x" for one in passed]) == pytest.approx(chance)


def test_a_problem_without_a_member_is_refused_with_its_line(tmp_path):
    problem = {name: value for name, value in PROBLEMS[0].items() if name != "test"}
    with pytest.raises(StageError) as error:
        load_humaneval("humaneval", Harness(), written(tmp_path, [problem]))

    assert error.value.reason == "BenchmarkMalformed"
    assert "line 1: found test None, expected a text" in str(error.value)


@pytest.fixture(scope="module")
def silent_model(make_model):
    """A model that ends every text at once."""
    folder = make_model(context=2048)
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.get_input_embeddings().weight[:, 0] = 10.0
        model.lm_head.weight[model.config.eos_token_id, 0] = 100.0
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def carried_out(bench, tmp_path):
    def carry_out(model, variant, problems, **execution):
        shutil.copytree(model, tmp_path / "trained" / "checkpoints" / "final")
        trained = bench.done(Kind.TRAIN, {"seed": 1}, tmp_path / "trained", checkpoints=[{"label": "final"}])
        data = bench.outside(*written(bench.folder, problems))
        task = {"name": "code", "harness": {"task": variant, "data": data}}
        spec = {
            "model": {"from": trained},
            "checkpoints": "one",
            "tasks": [task],
            "precision": "fp32",
            "seed": 0,
        }
        return bench.run(main, Kind.EVALUATE, spec, **execution)

    return carry_out


def rows_of(done):
    return pq.read_table(done.path("outcomes.parquet")).to_pylist()


@every_variant
def test_what_a_model_writes_is_run_and_its_prompts_are_the_harness_own(
    carried_out, silent_model, bench, variant
):
    done = carried_out(silent_model, variant, WHOLE, codeExecution=True, batch=64)

    rows = rows_of(done)
    assert [row["outcome"] for row in rows] == [1.0, 0.0]
    own = harness_own(variant, [bench.folder / "problems.jsonl"])
    own.set_config(key="num_fewshot", value=0)
    own.build_all_requests()
    assert [row["prompt_hash"] for row in rows] == [hash_string(one.arguments[0]) for one in own.instances]
    assert done.summary["tasks"]["code"]["final"]["ended"] == {
        "failed": own.config.repeats,
        "passed": own.config.repeats,
    }


@pytest.mark.parametrize("execution", [{}, {"codeExecution": False}])
def test_it_is_refused_before_a_model_is_loaded_where_the_experiment_does_not_allow_it(
    carried_out, tmp_path, execution
):
    (tmp_path / "no-model").mkdir()
    done = carried_out(tmp_path / "no-model", "humaneval", WHOLE, **execution)

    assert done.refused[0] == "CodeExecutionNotAllowed"
