"""Real runs of lm-evaluation-harness, over tasks as small as tasks get."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ITEMS = [
    {
        "id": f"q{at}",
        "question": f"Which planet is number {at}?",
        "choices": ["Mercury", "Venus", "Mars"][: 2 + at % 2],
        "answer": at % 2,
    }
    for at in range(10)
]
_COMMON: dict[str, Any] = {"dataset_path": "json", "test_split": "test", "num_fewshot": 0}
_CHOICES: dict[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nAnswer:",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "answer",
    "metric_list": [
        {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")
    ],
    "metadata": {"version": 1.0},
}
_TASKS: dict[str, dict[str, Any]] = {
    "inner": _CHOICES,
    "outer": _CHOICES,
    "hinted": _CHOICES | {"description": "Answer well.\n"},
    "writing": {
        "output_type": "generate_until",
        "doc_to_text": "{{question}}\nAnswer:",
        "doc_to_target": "{{choices[answer]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "filter_list": [
            {"name": "strict", "filter": [{"function": "take_first"}]},
            {"name": "small", "filter": [{"function": "lowercase"}, {"function": "take_first"}]},
        ],
        "metadata": {"version": 2.0},
    },
    "texts": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}}",
        "metric_list": [{"metric": name} for name in ("word_perplexity", "bits_per_byte")],
    },
    "surprise": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}}",
        "metric_list": [{"metric": "word_perplexity"}],
    },
}
_GROUP = {
    "group": "planets",
    "task": ["inner", "outer"],
    "aggregate_metric_list": [{"metric": "acc", "aggregation": "mean", "weight_by_size": True}],
    "metadata": {"version": 3.0},
}


@pytest.fixture(scope="session")
def small_tasks(tmp_path_factory) -> Path:
    """Return a folder with the YAML of each task and of a group of two."""
    folder = tmp_path_factory.mktemp("tasks")
    items = folder / "items.jsonl"
    items.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    data = {"dataset_kwargs": {"data_files": {"test": str(items)}}}
    for name, words in _TASKS.items():
        (folder / f"{name}.yaml").write_text(json.dumps({"task": name} | _COMMON | data | words))
    (folder / "planets.yaml").write_text(json.dumps(_GROUP))
    return folder


@pytest.fixture(scope="session")
def log_samples(small_tasks, tmp_path_factory) -> Callable[..., Path]:
    """Evaluate a model as `lm_eval run --log_samples` does, and return what it would be told as `--output_path`."""
    import datasets  # noqa: PLC0415 -- seconds, which tests without it need not spend
    from lm_eval import simple_evaluate  # noqa: PLC0415
    from lm_eval.loggers import EvaluationTracker  # noqa: PLC0415
    from lm_eval.tasks import TaskManager  # noqa: PLC0415

    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("datasets")
    known = TaskManager(include_path=str(small_tasks), include_defaults=False)

    def run(model: Path, *tasks: str, into: Path | None = None) -> Path:
        folder = into or tmp_path_factory.mktemp("logged")
        tracker = EvaluationTracker(output_path=str(folder))
        results = simple_evaluate(
            model="hf",
            model_args={"pretrained": str(model), "dtype": "float32"},
            device="cpu",
            batch_size=4,
            tasks=list(tasks),
            task_manager=known,
            log_samples=True,
            evaluation_tracker=tracker,
        )
        samples = results.pop("samples")
        tracker.save_results_aggregated(results=results, samples=samples)
        for task in results["configs"]:
            tracker.save_results_samples(task_name=task, samples=samples[task])
        return folder

    return run
