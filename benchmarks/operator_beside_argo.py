"""What an orchestrator costs: `python benchmarks/operator_beside_argo.py` runs as many stages by this operator and by Argo Workflows 3.6.

A number of experiments of ten stages, and then as many Workflows whose DAGs have the same ten tasks, each on a real API server of its own. What they
launch ends as soon as it is seen. Argo's controller has the same number of workers as our operator and no limit on its requests; its steps
have no artifacts, so it speaks with no store, where ours claims each stage and reads its record from a real MinIO, 20 ms away.
The first use builds Argo's controller from source, some minutes.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from _bare_world import NAMESPACE, Finisher, World, bare_world, ended, processor_seconds, started
from operator_scale import STALLED_SECONDS, Ran, carried, small
from ruamel.yaml import YAML

from assay.adapters.cluster_api import path_of
from cluster.programs import program, sources

ARGO = "argoproj.io/v1alpha1"
TEAM = "many"
ARMS = ("with", "without")
START_SECONDS = 5.0  # before it listens
FLAGS = (
    "--workflow-workers=32",
    "--qps=10000",
    "--burst=10000",
    "--executor-image=assay.dev/none",
    "--loglevel=error",
)


def workflow(number: int) -> dict[str, Any]:
    """Return the ten stages of an experiment as a DAG."""
    tasks = []
    for arm in ARMS:
        chain = [f"{kind}-{arm}" for kind in ("clean", "train", "generate", "evaluate")]
        tasks += [
            {"name": name, "template": "stage", **({"dependencies": [before]} if before else {})}
            for before, name in zip([None, *chain], chain, strict=False)
        ]
    scores = [f"evaluate-{arm}" for arm in ARMS]
    tasks += [{"name": name, "template": "stage", "dependencies": scores} for name in ("first", "second")]
    container = {"image": "assay.dev/none", "command": ["stage"]}
    templates = [{"name": "stage", "container": container}, {"name": "all", "dag": {"tasks": tasks}}]
    return {
        "apiVersion": ARGO,
        "kind": "Workflow",
        "metadata": {"name": f"workflow-{number}"},
        "spec": {"entrypoint": "all", "templates": templates},
    }


def by_argo(world: World, number: int) -> Ran:
    """Let Argo's controller carry workflows out."""
    prepare(world)
    controllers, others = world.kubeconfigs()
    log = world.folder / "argo.log"
    command = [program("argo"), f"--namespace={NAMESPACE}", *FLAGS]
    controller = started(world, controllers, command, {"LEADER_ELECTION_DISABLE": "true"}, log)
    finisher = Finisher(world, others, team=TEAM, program="_pod_finisher.py")
    path = path_of(ARGO, "workflows", TEAM)
    try:
        time.sleep(START_SECONDS)
        began, used = time.monotonic(), processor_seconds()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: world.api.create(path, workflow(each)), range(number)))
        peak = wait(world, controller, finisher, number)
        seconds, processor = time.monotonic() - began, processor_seconds() - used
    finally:
        ended(controller)
        told = finisher.stop()
    phases = [item.get("status", {}).get("phase") for item in world.api.items(path)]
    written = world.writes()
    print(f"  written: {', '.join(f'{times} {what}' for what, times in sorted(written.items()))}")
    if phases.count("Succeeded") < number:
        print(f"  its log: {log.read_text()[-500:]}")
    return Ran(
        stages=10 * number,
        seconds=seconds,
        peak_mib=peak,
        processor=processor,
        busy=0.0,
        writes=written.total(),
        requests=0,
        left=number - phases.count("Succeeded"),
        twice=max(0, told["ended"] - 10 * number),
    )


def prepare(world: World) -> None:
    """Give the API server Argo's kinds, and what its controller looks for."""
    api = world.api
    definitions = sources("argo") / "manifests" / "base" / "crds" / "minimal"
    for file in sorted(definitions.glob("argoproj*.yaml")):
        api.create(
            path_of("apiextensions.k8s.io/v1", "customresourcedefinitions"), YAML(typ="safe").load(file)
        )
    for namespace in (NAMESPACE, TEAM):
        api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    api.create(path_of("v1", "serviceaccounts", TEAM), {"metadata": {"name": "default"}})
    api.create(
        path_of("v1", "configmaps", NAMESPACE), {"metadata": {"name": "workflow-controller-configmap"}}
    )


def wait(world: World, controller: Popen, finisher: Finisher, number: int) -> float:
    """Wait until every workflow has succeeded, or nothing more happens; return the most MiB that the controller held."""
    peak, progress, since = 0.0, -1, time.monotonic()
    while progress < 11 * number and time.monotonic() - since < STALLED_SECONDS:
        if controller.poll() is not None:
            return peak
        peak = max(peak, psutil.Process(controller.pid).memory_info().rss / 2**20)
        done = finisher.told()["ended"]
        if (
            done >= 10 * number
        ):  # only then is a list of all of them asked for, which is work for the API server
            items = world.api.items(path_of(ARGO, "workflows", TEAM))
            done += sum(item.get("status", {}).get("phase") == "Succeeded" for item in items)
        if done != progress:
            progress, since = done, time.monotonic()
        time.sleep(0.5)
    return peak


def told(what: str, ran: Ran) -> None:
    print(
        f"  {what}: {ran.stages / ran.seconds:.1f} stages per second, {ran.peak_mib:.0f} MiB, {ran.writes / ran.stages:.2f} writes per stage, "
        f"{ran.left} without a good end, {ran.twice} stages done twice; of the processor per stage: "
        + ", ".join(f"{name} {1000 * used / ran.stages:.1f} ms" for name, used in ran.processor.most_common())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=300, help="Of ten stages each.")
    number = parser.parse_args().experiments
    program("argo")  # built, if need be, before anything waits for it
    with tempfile.TemporaryDirectory(prefix="assay-argo-") as name, bare_world(Path(name)) as world:
        theirs = by_argo(world, number)
    told("Argo Workflows", theirs)
    with tempfile.TemporaryDirectory(prefix="assay-scale-") as name, bare_world(Path(name)) as world:
        ours = carried(world, TEAM, [small(each) for each in range(number)], 10 * number)
    told("this operator", ours)
    print(
        f"  theirs to ours: {theirs.seconds / ours.seconds:.2f} of the time, {theirs.peak_mib / ours.peak_mib:.2f} of the memory, "
        f"{theirs.writes / ours.writes:.2f} of the writes"
    )


if __name__ == "__main__":
    main()
