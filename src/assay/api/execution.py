"""Where and how an experiment runs. Nothing here is part of a fingerprint; all of it is in the record."""

from typing import Literal

from pydantic import Field

from assay.api.model import SpecModel


class StageExecution(SpecModel):
    """How stages of whichever kind run."""

    deadline_hours: float | None = Field(
        None,
        gt=0,
        le=8760,
        description="Hours after which an attempt ends itself and has failed; time that a queue holds it back does not count. Absent: never.",
    )


class CleanExecution(StageExecution):
    """How clean stages run."""

    cpus: int = Field(1, ge=1, le=4096, description="Cores that one clean stage may use.")
    memory_gib: float = Field(1.5, gt=0, le=65536, description="Memory that one clean stage may use, in GiB.")


class TrainExecution(StageExecution):
    """How train stages run."""

    nodes: int = Field(1, ge=1, le=1024, description="Nodes of one training.")
    processes_per_node: int = Field(
        1, ge=1, le=64, description="Processes per node: one per GPU, or per share of a CPU."
    )
    threads: int = Field(1, ge=1, le=1024, description="CPU threads of each process.")
    zero_stage: Literal[0, 1, 2, 3] | None = Field(
        None, description="DeepSpeed ZeRO stage; absent: the least that fits the GPUs, 0 on CPUs."
    )
    micro_batch: int = Field(
        8,
        ge=1,
        le=65536,
        description="Examples, pairs or packed sequences per forward pass and process; the global batch is reached by accumulation.",
    )
    memory_gib: float = Field(
        2, gt=0, le=65536, description="Memory that one training may use on a node, in GiB."
    )
    activation_checkpointing: bool = Field(
        default=False,
        description="Compute activations again in the backward pass: less memory, a third more operations.",
    )
    deterministic: bool = Field(
        default=True,
        description="Bits that are the same whenever as many processes train again on the same machine; false: the fastest kernels, whose sums differ in the last digits.",
    )
    compile: bool = Field(
        default=False,
        description="Fuse what layers do besides their matrix products (torch.compile): pays on GPUs, whose first step takes longer (some fifteen seconds on an H100); not at ZeRO 3.",
    )
    resume_every_minutes: float = Field(
        10,
        ge=0,
        le=10080,
        description="Most minutes of a training that are lost when it is killed; 0: a state is kept after every step.",
    )


class InferenceExecution(StageExecution):
    """How models answer."""

    engine: Literal["transformers", "vllm"] = Field(
        "transformers",
        description="Who writes answers to chats and to instruct-eval's benchmarks; vllm must be in the image. Arms that differ by it are not comparable.",
    )
    threads: int = Field(1, ge=1, le=1024, description="CPU threads.")
    batch: int = Field(32, ge=1, le=65536, description="Sequences per forward pass.")
    memory_gib: float = Field(1.5, gt=0, le=65536, description="Memory that one stage may use, in GiB.")


class EvaluateExecution(InferenceExecution):
    """How evaluate stages run."""

    pods: int = Field(
        1,
        ge=1,
        le=256,
        description="Pods that carry out one evaluation together in a cluster, each a share of its batches; on a laptop one process does.",
    )
    code_execution: bool = Field(
        default=False,
        description="Whether code that models write may run, in its sandbox; in a cluster the Profile must allow it too.",
    )


class ProgramExecution(StageExecution):
    """How program stages run."""

    threads: int = Field(1, ge=1, le=1024, description="CPU threads.")
    memory_gib: float = Field(1.5, gt=0, le=65536, description="Memory that one stage may use, in GiB.")


class Execution(SpecModel):
    """Settings that change where and how fast, never what."""

    parallel: int | None = Field(
        None, ge=1, le=4096, description="Most stages at once; absent: what the machine holds."
    )
    retries: int = Field(
        3, ge=0, le=100, description="More attempts at a stage after failures that another attempt may mend."
    )
    approval: Literal["automatic", "manual"] = Field(
        "automatic",
        description="manual: nothing is launched before somebody who may has approved this very plan; automatic: only where the Profile demands it.",
    )
    clean: CleanExecution = Field(CleanExecution(), description="How clean stages run.")
    train: TrainExecution = Field(TrainExecution(), description="How train stages run.")
    generate: InferenceExecution = Field(InferenceExecution(), description="How generate stages run.")
    evaluate: EvaluateExecution = Field(EvaluateExecution(), description="How evaluate stages run.")
    program: ProgramExecution = Field(ProgramExecution(), description="How program stages run.")
