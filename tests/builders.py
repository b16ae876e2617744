"""Experiments, small and whole, for tests to start from."""

from typing import Any

from assay.api.execution import Execution
from assay.api.experiment import Experiment
from assay.api.status import ExperimentStatus
from assay.artifacts.canonical import digest
from assay.artifacts.documents import Location
from assay.artifacts.kinds import Kind
from assay.plan.arms import expand
from assay.plan.compile import Resolved, compile_plan, wanted_inputs
from assay.plan.plan import Plan
from assay.settings.kubectl import Applied

Plain = dict[str, Any]

SMALL = """\
apiVersion: assay.dev/v1alpha1
kind: Experiment
metadata: {name: small}
spec:
  pipeline:
  - name: cleaned
    clean:
      sources: [{name: chats, uri: chats.jsonl, format: sharegpt}]
      steps:
      - shortInput: {minWords: 2}
      - refusals: {level: medium}
  - name: sft
    train:
      data: {from: cleaned}
      model: {uri: base}
      batchSize: 8
      optimizer: {lr: 1e-4}
      sequenceLength: 128
  arms:
  - name: whole
  - name: kept
    stages: [{name: cleaned, clean: {steps: [{name: refusals, remove: true}]}}]
"""
"""The small experiment as a file, whose line numbers tests know."""


def a_pipeline() -> list[Plain]:
    """Clean, train, generate, evaluate."""
    return [
        {
            "name": "cleaned",
            "clean": {
                "sources": [{"name": "chats", "uri": "chats.jsonl", "format": "sharegpt"}],
                "steps": [{"alternation": {}}, {"exactDuplicates": {}}, {"refusals": {"level": "medium"}}],
            },
        },
        {
            "name": "sft",
            "train": {
                "data": {"from": "cleaned"},
                "model": {"llama": {"hiddenSize": 32, "layers": 1, "heads": 2}},
                "tokenizer": {"train": {"vocabulary": 512}},
                "batchSize": 8,
                "optimizer": {"lr": 0.001},
                "sequenceLength": 64,
                "seed": 1,
            },
        },
        {"name": "answers", "generate": {"model": {"from": "sft"}, "prompts": {"from": "cleaned"}}},
        {
            "name": "scores",
            "evaluate": {
                "model": {"from": "sft"},
                "tasks": [{"name": "refusals", "refusalRate": {"answers": "answers"}}],
            },
        },
    ]


def an_experiment(**spec: Any) -> Experiment:
    """Return an experiment of two arms, with and without refusals; `spec` replaces members of it."""
    whole = {
        "pipeline": a_pipeline(),
        "arms": [
            {"name": "without"},
            {
                "name": "with",
                "stages": [{"name": "cleaned", "clean": {"steps": [{"name": "refusals", "remove": True}]}}],
            },
        ],
        **spec,
    }
    return Experiment.model_validate(
        {
            "apiVersion": "assay.dev/v1alpha1",
            "kind": "Experiment",
            "metadata": {"name": "test"},
            "spec": whole,
        }
    )


def a_plan(experiment: Experiment | None = None, contents: dict[str, str] | None = None, **spec: Any) -> Plan:
    """Compile an experiment; `contents` gives outside inputs by URI, whose own names stand for those not given."""
    experiment = experiment or an_experiment(**spec)
    expansion = expand(experiment)
    wanted = wanted_inputs(expansion)
    resolved = {
        key: Resolved(
            identity=f"sha256:{digest('test', (contents or {}).get(item.uri, item.uri))}",
            location=Location(uri=f"file:///{item.uri}", files=()),
        )
        for key, item in wanted.items()
    }
    return compile_plan(experiment, expansion, resolved)


def an_applied(generation: int = 1, **status: Any) -> Applied:
    """Return an experiment as `kubectl assay` finds it, of whose first generation the operator has told `status`."""
    return Applied(
        namespace="team",
        name="study",
        generation=generation,
        profile="default",
        suspended=False,
        execution=Execution(),
        status=ExperimentStatus(**{"observed_generation": 1, "phase": "Running", **status}),
    )


def a_cleaning(came: int, rejected: int = 0) -> Plain:
    """Return the summary of a cleaning that rejects so many rows and drops none."""
    source = {"in": came, "rejected": rejected}
    return {"rows": came - rejected, "sources": {"chats": source}, "steps": [], "splits": {}}


# The least that a report can be drawn from, for stages that nobody carried out.
SUMMARIES: dict[Kind, Plain] = {
    Kind.CLEAN: a_cleaning(12),
    Kind.TRAIN: {
        "rows": 12,
        "tokens": 99,
        "steps": 3,
        "trainingLoss": 2.5,
        "parameters": 9,
        "curve": {"step": [1, 2, 3], "loss": [3.0, 2.7, 2.5]},
    },
    Kind.GENERATE: {},
    Kind.EVALUATE: {"tasks": {}},
    Kind.COMPARE: {},
}
