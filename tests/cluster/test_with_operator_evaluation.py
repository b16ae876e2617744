"""What a model wrote in two pods runs in a second container of the first, and counts as it counts on a laptop."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

from assay.artifacts.documents import Record
from assay.artifacts.layout import data_key
from assay.stores.open import open_to_read
from assay.stores.store import Store
from cluster.here import carried_out_here
from cluster.running_operator import Team, records, small_pools

# Functions that are whole before the model adds nothing.
PROBLEMS = {
    "solved": ("def one():\n    return 1\n", "assert candidate() == 1"),
    "wrong": ("def one():\n    return 1\n", "assert candidate() == 2"),
    "connects": (
        "import socket\n\ndef one():\n    socket.socket()\n    return 1\n",
        "assert candidate() == 1",
    ),
    "reads": (
        "def one():\n    return len(open('/proc/1/environ', 'rb').read()) * 0 + 1\n",
        "assert candidate() == 1",
    ),
}
SPEC: dict[str, Any] = {
    "pipeline": [
        {
            "name": "scores",
            "evaluate": {
                "model": {"uri": "model"},
                "tasks": [
                    {
                        "name": "programs",
                        "instructeval": {
                            "benchmark": "humaneval",
                            "data": "problems.jsonl",
                            "promptFormat": "raw",
                        },
                    }
                ],
            },
        }
    ],
    "arms": [{"name": "only"}],
    "execution": {"evaluate": {"codeExecution": True, "pods": 2, "batch": 1}},
}


def problems() -> bytes:
    """Return the problems as HumanEval's file has them."""
    return "\n".join(
        json.dumps(
            {
                "task_id": name,
                "prompt": prompt,
                "entry_point": "one",
                "test": f"def check(candidate):\n    {test}\n",
            }
        )
        for name, (prompt, test) in PROBLEMS.items()
    ).encode()


def left(store: Store) -> tuple[Record, dict[str, float]]:
    """Return the record of the one stage that is done, and what became of each problem."""
    [record] = records(store).values()
    file = store.get(data_key(record.identity.ref, record.provenance.attempt, "outcomes.parquet"))
    table = pq.read_table(io.BytesIO(file or b"")).to_pylist()
    return record, {row["doc_id"]: row["outcome"] for row in table if row["task"] == "programs"}


@pytest.fixture
def silent_model(tiny_model: Path, tmp_path: Path) -> Path:
    """Return a model that ends every text at once."""
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        model.get_input_embeddings().weight[:, 0] = 10.0
        model.lm_head.weight[model.config.eos_token_id, 0] = 100.0
    shutil.copytree(tiny_model, tmp_path / "silent")
    model.save_pretrained(tmp_path / "silent")
    return tmp_path / "silent"


@pytest.mark.timeout(600)
def test_what_a_model_wrote_in_two_pods_runs_in_a_sandbox_and_counts_as_here(
    team: Team, silent_model: Path, tmp_path: Path
) -> None:
    team.profile(pools=small_pools(), limits={"codeExecution": True})
    team.prepare(silent_model)
    team.upload("problems.jsonl", problems())
    team.apply("written", SPEC)

    assert team.finished("written")["phase"] == "Succeeded"
    there, outcomes = left(open_to_read(team.store, team.cluster.s3_environment))
    assert outcomes == {"solved": 1, "wrong": 0, "connects": 0, "reads": 0}
    shutil.copytree(silent_model, tmp_path / "model")
    (tmp_path / "problems.jsonl").write_bytes(problems())
    here, _ = left(carried_out_here(SPEC, tmp_path))
    assert there.outputs == here.outputs
    [job] = team.workloads("jobs")
    assert job["spec"]["completions"] == 2
    assert {one["type"] for one in job["status"]["conditions"]} >= {"SuccessCriteriaMet", "Complete"}
    assert [one["name"] for one in job["spec"]["template"]["spec"]["initContainers"]] == ["sandbox"]
