"""What programs are told of where they run, once a profile has said what its pools have."""

import math
from typing import Any

from assay.api.execution import Execution
from assay.api.profile import Pool, ProfileSpec
from assay.artifacts.kinds import Kind

_MOST_CPUS = 4096  # that a clean stage's execution may name


def worker_cpus(pool: Pool) -> int:
    """Return the cores that Ray counts on a worker: whole ones, and at least one."""
    return max(1, math.floor(pool.cpus))


def gpus_of(execution: Execution, profile: ProfileSpec) -> dict[Kind, int]:
    """Return how many GPUs what carries one stage holds, by kind."""
    train, evaluate = profile.pools.train, profile.pools.evaluate
    return {
        Kind.CLEAN: 0,
        Kind.TRAIN: train.nodes * train.gpus_per_node,
        Kind.GENERATE: evaluate.gpus,
        Kind.EVALUATE: evaluate.gpus * execution.evaluate.pods,
        Kind.PROGRAM: profile.pools.program.gpus,
        Kind.COMPARE: 0,
    }


def settled_execution(execution: Execution, profile: ProfileSpec) -> dict[str, dict[str, Any]]:
    """Return each program's part of `Plan.execution`, by kind, camelCase, as it holds in the profile's pools.

    The pools decide nodes, processes (one per GPU, where there are GPUs), cores and memory; what is left is the
    experiment's: ZeRO stage, micro-batch, batch, and the number of threads, which moves figures in the last digits and so
    stays what it is on a laptop. A clean stage's cores are those of all its workers; its memory is one pod's, because the
    program itself runs in one pod.
    """
    clean, train, evaluate = profile.pools.clean, profile.pools.train, profile.pools.evaluate
    program = profile.pools.program
    settled = {
        Kind.CLEAN: execution.clean.model_copy(
            update={
                "cpus": min(worker_cpus(clean) * clean.max_workers, _MOST_CPUS),
                "memory_gib": clean.memory_gib,
            }
        ),
        Kind.TRAIN: execution.train.model_copy(
            update={
                "nodes": train.nodes,
                "processes_per_node": train.gpus_per_node or execution.train.processes_per_node,
                "memory_gib": train.memory_gib,
            }
        ),
        Kind.GENERATE: execution.generate.model_copy(update={"memory_gib": evaluate.memory_gib}),
        Kind.EVALUATE: execution.evaluate.model_copy(update={"memory_gib": evaluate.memory_gib}),
        Kind.PROGRAM: execution.program.model_copy(update={"memory_gib": program.memory_gib}),
    }
    return {kind.value: settings.model_dump(mode="json", by_alias=True) for kind, settings in settled.items()}
