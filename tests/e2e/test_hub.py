"""A dataset on a hub, from an experiment's file to chats."""

import json

from e2e.cli import assay
from hubs import a_hub

REVISION = "0123456789abcdef0123456789abcdef01234567"
SPEC = f"""
apiVersion: assay.dev/v1alpha1
kind: Experiment
metadata: {{name: hub}}
spec:
  pipeline:
  - name: cleaned
    clean:
      sources: [{{name: texts, uri: "hf://datasets/owner/chats/data/*.jsonl", revision: {REVISION}, format: text}}]
      steps: [{{exactDuplicates: {{}}}}]
  arms: [{{name: only}}]
"""


def test_an_experiment_reads_a_dataset_on_a_hub_where_that_is_allowed(tmp_path):
    file, store = tmp_path / "hub.yaml", tmp_path / "store"
    file.write_text(SPEC)
    data = {"data/a.jsonl": b'{"text": "one"}\n{"text": "two"}\n', "data/b.jsonl": b'{"text": "one"}\n'}

    with a_hub("owner/chats", REVISION, data) as (endpoint, _):
        refused = assay("run", file, "--store", store, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="1")
        done = assay("run", file, "--store", store, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="0")
    told = assay("ledger", "hub/cleaned", "--store", store, "-o", "json")

    assert refused.returncode != 0
    assert "set HF_HUB_OFFLINE=0" in refused.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(told.stdout)["summary"]["rows"] == 2
