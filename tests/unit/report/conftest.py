"""An experiment that is done, as reports see it."""

import json

import pytest

from assay.api.compare import Comparison
from assay.artifacts.kinds import Kind
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from assay_pipelines.compare.scores import Item, TaskScore
from assay_pipelines.compare.verdicts import judge
from bench import Bench
from builders import SUMMARIES, a_plan
from scored import runs_of

SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
STUDY = {
    "name": "study",
    "stage": "scores",
    "contrasts": [{"name": "total", "a": "with", "b": "without"}],
    "primary": {"contrast": "total", "task": "quiz"},
}


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
    runs = runs_of(spec, scored)
    document = {
        "comparison": {"family": "holm", "alpha": 0.05, **STUDY},
        **judge(Comparison.model_validate(spec["comparison"]), runs, ()),
    }
    bench.finish(compared.document)
    records = {stage.ref: load_record(bench.store, stage.ref) for stage in plan.stages}
    return plan, records, {compared.ref: json.loads(json.dumps(document))}
