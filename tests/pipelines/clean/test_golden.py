"""What cleaning gives on the sample's chats, pinned: a change of it needs a raised semantics number.

Taken over with `ASSAY_WRITE_GOLDENS=1 pytest tests/pipelines/clean/test_golden.py`.
"""

import json
import os
from pathlib import Path

import pyarrow.parquet as pq

from assay.artifacts.canonical import digest
from assay.artifacts.kinds import SEMANTICS, Kind
from assay_pipelines.clean import __main__ as program

DATA = Path(__file__).parents[3] / "manifests/samples/data"
GOLDEN = Path(__file__).with_name("golden.json")
STEPS = [
    {"name": "alternation", "alternation": {}},
    {"name": "shortInput", "shortInput": {"minWords": 2}},
    {"name": "lowAverage", "lowAverage": {"minTokensPerMessage": 4}},
    {"name": "repeatedQueries", "repeatedQueries": {"minCount": 3, "minShare": 0.5}},
    {"name": "merge", "merge": {"sources": ["guanaco"]}},
    {"name": "exactDuplicates", "exactDuplicates": {"normalize": "whitespace"}},
    {"name": "refusals", "refusals": {"level": "medium", "scope": "turnPair"}},
    {"name": "split", "split": {"parts": [{"name": "heldOut", "share": 0.1}], "seed": 1}},
    {"name": "subsample", "subsample": {"share": 0.5, "stratify": "source", "seed": 2}},
]


def test_the_outputs_of_cleaning_are_those_of_its_semantics_number(bench):
    sources = [
        {"name": "chats", "uri": bench.outside(DATA / "chats.jsonl"), "format": "sharegpt"},
        {"name": "guanaco", "uri": bench.outside(DATA / "guanaco.jsonl"), "format": "guanaco"},
    ]
    done = bench.run(program.main, Kind.CLEAN, {"sources": sources, "steps": STEPS})
    contents = {
        name: digest("test", pq.read_table(done.path(name)).to_pylist())
        for name in ("chats.parquet", "chats-heldOut.parquet", "ledger.parquet")
    }
    found = {"semantics": SEMANTICS[Kind.CLEAN], "contents": contents, "summary": done.summary}
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")

    assert found == json.loads(GOLDEN.read_text())
