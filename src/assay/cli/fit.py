"""Whether a plan's trainings fit the GPUs of a Profile, as a table for people and as data."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from assay.api.execution import Execution, TrainExecution
from assay.api.memory import HEADROOM, ZERO_STAGES, gpu_memory, gpu_name
from assay.api.profile import ProfileSpec
from assay.artifacts.kinds import Kind
from assay.cli.terminal import PLAIN, console, say, some
from assay.plan.expected import count
from assay.plan.fit import Fit, Folder, fits_of
from assay.plan.plan import Plan
from assay.workloads.execution import settled_execution

Row = dict[str, Any]

_GIB = 1 << 30


def fit_data(
    plan: Plan, execution: Execution, profile: ProfileSpec, folders: Mapping[str, Folder]
) -> Row | None:
    """Return every training's bytes per GPU at each ZeRO stage; None where the Profile trains on CPUs."""
    pool = profile.pools.train
    if not pool.gpus_per_node:
        return None
    memory = gpu_memory(pool.selector)
    about = {
        "gpu": gpu_name(pool.selector),
        "nodes": pool.nodes,
        "gpusPerNode": pool.gpus_per_node,
        "bytes": memory,
        "usable": HEADROOM,
    }
    if memory is None:
        return about | {"trainings": [], "unknown": {}}
    settled = TrainExecution.model_validate(settled_execution(execution, profile)[Kind.TRAIN.value])
    fits = fits_of(plan, settled, memory, folders)
    world = settled.nodes * settled.processes_per_node
    trainings = [_training(fit, world, memory) for fit in fits.known]
    return about | {"trainings": trainings, "unknown": dict(fits.unknown)}


def _training(fit: Fit, world: int, memory: float) -> Row:
    load = fit.load
    stages = [
        {
            "zeroStage": stage,
            "bytes": {name: round(size) for name, size in load.bytes_at(stage, world).items()},
            "fits": load.fits(stage, world=world, memory=memory),
        }
        for stage in ZERO_STAGES
    ]
    return {
        "stages": list(fit.stages),
        "parameters": load.parameters,
        "learned": load.learned,
        "tokensAtOnce": load.tokens,
        "byZeroStage": stages,
        "zeroStage": fit.zero_stage,
        "fits": stages[fit.zero_stage]["fits"],
    }


def print_fit(data: Row | None) -> None:
    """Print what each training takes of a GPU, and whether it fits."""
    if data is None:
        return
    gpus = f"{data['nodes']} × {data['gpusPerNode']}" if data["nodes"] > 1 else data["gpusPerNode"]
    say(f"\nDo trainings fit {gpus} {data['gpu']}?")
    if data["bytes"] is None:
        say("Nobody knows: the train pool's selector names no GPU whose")
        say("memory is known. Have it name nvidia.com/gpu.memory, in MiB.")
        return
    usable = data["bytes"] * data["usable"]
    say(f"By arithmetic: {_gib(usable)} GiB of a GPU's {_gib(data['bytes'])} may be filled.")
    for training in data["trainings"]:
        _print_training(training, usable)
    for label, why in data["unknown"].items():
        say(f"{label}: not known: {why}")


def _print_training(training: Row, usable: float) -> None:
    say(f"\n{some(training['stages'])}: {count(training['parameters'])} parameters,")
    say(f"  at most {training['tokensAtOnce']:,} tokens at once on each GPU")
    table = Table(**PLAIN)
    table.add_column("GIB PER GPU", no_wrap=True)
    stages = training["byZeroStage"]
    for stage in stages:
        table.add_column(f"ZERO {stage['zeroStage']}", justify="right", no_wrap=True)
    for name in stages[0]["bytes"]:
        table.add_row(name, *(_gib(stage["bytes"][name]) for stage in stages))
    table.add_row("all", *(_gib(sum(stage["bytes"].values())) for stage in stages), style="bold")
    table.add_row("", *("fits" if stage["fits"] else "no" for stage in stages))
    console().print(table)
    taken = training["zeroStage"]
    if training["fits"]:
        say(f"It fits, at ZeRO {taken}.")
        return
    if 4 * training["parameters"] > usable:
        say("It does not fit: at the start, each GPU holds all weights.")
        say("Take GPUs with more memory, or a smaller model.")
        return
    say(f"It does not fit at ZeRO {taken}, which it takes. Lower")
    say("execution.train.microBatch, set activationCheckpointing,")
    say("leave zeroStage out, or take more GPUs or larger ones.")


def _gib(size: float) -> str:
    return f"{size / _GIB:,.1f}"
