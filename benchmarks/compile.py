"""How long compiling takes: `python benchmarks/compile.py`. 1,000 arms of 5 stages, against hashing the same JSON once."""

import hashlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from builders import a_pipeline, a_plan, an_experiment

ARMS = 1000


def main() -> None:
    pipeline = [
        *a_pipeline(),
        {"name": "more", "generate": {"model": {"from": "sft"}, "prompts": {"from": "cleaned"}, "seed": 9}},
    ]
    arms = [
        {
            "name": f"a{number}",
            "stages": [
                {"name": "cleaned", "clean": {"steps": [{"shortInput": {"minWords": 1 + number % 900}}]}},
                {"name": "sft", "train": {"seed": number}},
            ],
        }
        for number in range(ARMS)
    ]
    experiment = an_experiment(pipeline=pipeline, arms=arms)
    start = time.perf_counter()
    plan = a_plan(experiment)
    took = time.perf_counter() - start
    documents = [stage.document.model_dump(mode="json", by_alias=True) for stage in plan.stages]
    start = time.perf_counter()
    for document in documents:
        hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    bare = time.perf_counter() - start
    print(
        f"compile: {ARMS} arms x {len(pipeline)} stages -> {len(plan.stages)} distinct in {took:.2f} s (goal 3 s)"
    )
    print(f"bare: json.dumps + sha256 of the same documents in {bare:.2f} s: {took / bare:.0f} times as long")


if __name__ == "__main__":
    main()
