"""How many experiments an operator carries: `python benchmarks/operator_scale.py`, or `make benchmark-operator`.

A thousand experiments of ten stages are applied at once to a real API server, whose operator is a process of its own, with a real MinIO
twenty milliseconds away; then one of five thousand stages. Workloads end as soon as they are seen (`_finisher.py`), so that what is
measured is the operator and the servers that it speaks with. Writes are counted by the API server's audit log, requests to
the store where they leave the operator, and the stages' attempts and workloads afterwards, one by one.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from _bare_world import API_VERSION, Finisher, Operator, World, bare_world, processor_seconds
from _goals import end

from assay.adapters.cluster_api import path_of
from assay.stores.open import open_store
from builders import a_pipeline, an_experiment
from finisher import workloads

FINAL = {"Succeeded", "Failed", "Invalid"}
STALLED_SECONDS = 180.0
STORE_MILLISECONDS = 20.0
STAGES_PER_SECOND, MIB, WRITES, REQUESTS = 100, 300, 3, 6


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What it took to carry a number of experiments."""

    stages: int
    seconds: float
    peak_mib: float
    processor: Counter[str]  # seconds, by process
    busy: float  # share of the machine's processors, whoever used them
    writes: int
    requests: int
    left: int  # experiments that did not succeed
    twice: int  # stages with more than one attempt, workload or end


def small(number: int) -> dict[str, Any]:
    """Two arms of four stages and two comparisons; the number is in the identity of the first stages, and so in all."""
    pipeline = a_pipeline()
    pipeline[0]["clean"]["steps"].insert(0, {"shortInput": {"minWords": number + 1}})
    contrasts = [{"name": "refusals", "a": "with", "b": "without"}]
    compare = [{"name": name, "stage": "scores", "contrasts": contrasts} for name in ("first", "second")]
    return spec_of(pipeline=pipeline, compare=compare)


def wide(seeds: int) -> dict[str, Any]:
    """Two arms, and seven learning rates by so many seeds of each, three stages apiece: 5,000 where there are 119 seeds."""
    rates = [0.001 * (place + 1) for place in range(7)]
    matrix = [
        {"name": "lr", "role": "dose", "paths": ["sft.train.optimizer.lr"], "numbers": rates},
        {
            "name": "seed",
            "role": "replicate",
            "paths": ["sft.train.seed"],
            "integers": list(range(1, seeds + 1)),
        },
    ]
    return spec_of(pipeline=a_pipeline(), matrix=matrix)


def spec_of(**spec: Any) -> dict[str, Any]:
    return an_experiment(**spec).model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]


def carried(world: World, team: str, specs: list[dict[str, Any]], stages: int) -> Ran:
    """Apply experiments at once, and wait for their ends."""
    store = world.team(team, parallel=1024)
    before = world.writes()
    operators, others = world.kubeconfigs()
    operator = Operator(world, operators, store_milliseconds=STORE_MILLISECONDS)
    finisher = Finisher(world, others, team=team, store=store)
    try:
        operator.wait_until_it_leads()
        psutil.cpu_percent()
        began, used = time.monotonic(), processor_seconds()
        apply(world, team, specs)
        wait(world, team, operator, finisher, stages)
        seconds, busy = time.monotonic() - began, psutil.cpu_percent() / 100
        processor = processor_seconds() - used
        peak = operator.peak_mib
    finally:
        requests, told = operator.stop(), finisher.stop()
    written = world.writes() - before
    left = [item for item in experiments(world, team) if item["status"].get("phase") != "Succeeded"]
    for item in left[:3]:
        print(f"  not ended well: {item['metadata']['name']}: {item['status'].get('conditions')}")
    if complaints := operator.complaints():
        print(f"  the operator's log has {complaints.count(chr(10))} warnings, such as {complaints[:500]}")
    print(
        f"  the finisher: {told['median']:.3f} s from seeing a workload to its end (median; at most {told['longest']:.1f} s), {told['processor']:.0f} s of the processor"
    )
    print(f"  written: {', '.join(f'{number} {what}' for what, number in sorted(written.items()))}")
    return Ran(
        stages=stages,
        seconds=seconds,
        peak_mib=peak,
        processor=processor,
        busy=busy,
        writes=written.total(),
        requests=requests,
        left=len(left),
        twice=len(set(done_twice(world, team, store)) | set(told["twice"])),
    )


def apply(world: World, team: str, specs: list[dict[str, Any]]) -> None:
    api, path = world.api, path_of(API_VERSION, "experiments", team)

    def one(numbered: tuple[int, dict[str, Any]]) -> None:
        number, spec = numbered
        name = {"name": f"experiment-{number}"}
        api.create(path, {"apiVersion": API_VERSION, "kind": "Experiment", "metadata": name, "spec": spec})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, enumerate(specs)))


def wait(world: World, team: str, operator: Operator, finisher: Finisher, stages: int) -> None:
    """Wait until every experiment has ended, or nothing more does."""
    progress, since = 0, time.monotonic()
    while time.monotonic() - since < STALLED_SECONDS:
        operator.look()
        done = finisher.told()["ended"]
        if done >= stages:  # only then is a list of all of them asked for, which is work for the API server
            states = [item.get("status", {}).get("phase") for item in experiments(world, team)]
            done += sum(state in FINAL for state in states)
            if done == stages + len(states):
                return
        if done != progress:
            progress, since = done, time.monotonic()
        time.sleep(0.5)
    print(f"  nothing more happened for {STALLED_SECONDS:.0f} s after {progress} ends")


def experiments(world: World, team: str) -> list[dict[str, Any]]:
    return world.api.items(path_of(API_VERSION, "experiments", team))


def done_twice(world: World, team: str, uri: str) -> Iterator[str]:
    """Yield the stages with a second attempt in the store, or a second workload in the cluster."""
    keys = (info.key for info in open_store(uri, world.server.environment).keys("stages/"))
    claims = Counter("/".join(key.split("/")[1:3]) for key in keys if key.endswith("/attempt.json"))
    yield from (stage for stage, number in claims.items() if number > 1)
    noted = (item["metadata"]["annotations"]["assay.dev/artifact"] for item in workloads(world.api, team))
    yield from (stage for stage, number in Counter(noted).items() if number > 1)


def told(what: str, ran: Ran) -> list[tuple[str, bool]]:
    """Print what was measured, and return the goals."""
    rate = ran.stages / ran.seconds
    print(
        f"  {ran.stages} stages in {ran.seconds:.1f} s, {rate:.1f} per second; all of the machine {ran.busy:.0%} busy; of it per stage: "
        + ", ".join(f"{name} {1000 * used / ran.stages:.1f} ms" for name, used in ran.processor.most_common())
    )
    return [
        (f"{what}: {rate:.1f} stages per second, at least {STAGES_PER_SECOND}", rate >= STAGES_PER_SECOND),
        (f"{what}: {ran.peak_mib:.0f} MiB of the operator's memory, below {MIB}", ran.peak_mib < MIB),
        (
            f"{what}: {ran.writes / ran.stages:.2f} writes to the API server per stage, at most {WRITES}",
            ran.writes <= WRITES * ran.stages,
        ),
        (
            f"{what}: {ran.requests / ran.stages:.2f} requests to the store per stage, at most {REQUESTS}",
            ran.requests <= REQUESTS * ran.stages,
        ),
        (f"{what}: {ran.left} experiments without a good end, none", ran.left == 0),
        (f"{what}: {ran.twice} stages done twice, none", ran.twice == 0),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000, help="Of ten stages each; 0: none.")
    parser.add_argument(
        "--seeds", type=int, default=119, help="Of the wide one, 42 stages each and 2; 0: none."
    )
    asked = parser.parse_args()
    goals = []
    if asked.experiments:
        print(f"{asked.experiments} experiments of 10 stages:")
        goals += measured(
            "many", [small(number) for number in range(asked.experiments)], 10 * asked.experiments
        )
    if asked.seeds:
        stages = 42 * asked.seeds + 2
        print(f"one experiment of {stages} stages:")
        goals += measured("wide", [wide(asked.seeds)], stages)
    end(goals)


def measured(what: str, specs: list[dict[str, Any]], stages: int) -> list[tuple[str, bool]]:
    with tempfile.TemporaryDirectory(prefix="assay-scale-") as name, bare_world(Path(name)) as world:
        return told(what, carried(world, what, specs, stages))


if __name__ == "__main__":
    main()
