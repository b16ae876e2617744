"""Answers by vLLM, where an image has it: prompts join and leave its batches as they come and go.

Its likeliest tokens are those of transformers but for near ties. What it samples is drawn from streams of its own, one for
every prompt, so it differs from what transformers samples. Nothing is fetched, and no use is told to anyone.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from assay.errors import StageError

_SHARE = 0.6  # of a GPU's memory; the model is there a second time, to measure likelihoods
_ON_CPUS = {"enforce_eager": True, "kv_cache_memory_bytes": 1 << 30}  # compiling takes minutes there
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
_SEEDS = 1 << 63


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One answer to be written."""

    prompt: Sequence[int]
    most: int  # tokens of the answer
    seed: int


@dataclass(frozen=True)
class Vllm:
    """A model that vLLM has loaded."""

    model: Any

    def write(
        self, wanted: Sequence[Wanted], *, temperature: float, top_p: float, ends: frozenset[int]
    ) -> list[tuple[list[int], bool]]:
        """Return the tokens of each answer, without the one that ended its turn, and whether one did."""
        from vllm import SamplingParams  # noqa: PLC0415 -- see `opened`

        settings = [
            SamplingParams(
                temperature=temperature,
                top_p=top_p,
                max_tokens=one.most,
                seed=one.seed % _SEEDS,
                stop_token_ids=sorted(ends),
                ignore_eos=True,  # of the model's own end, `ends` knows
                detokenize=False,
            )
            for one in wanted
        ]
        prompts = [{"prompt_token_ids": list(one.prompt)} for one in wanted]
        written = [one.outputs[0] for one in self.model.generate(prompts, settings, use_tqdm=False)]
        ended = [one.finish_reason == "stop" for one in written]
        return [
            (list(one.token_ids)[: -1 if stopped else None], stopped)
            for one, stopped in zip(written, ended, strict=True)
        ]


@contextmanager
def opened(folder: Path, label: str, *, precision: str, context: int) -> Iterator[Vllm]:
    """Let vLLM load a model folder, and free its memory in the end.

    Raises:
        StageError: `ProgramNotAvailable`: there is no vLLM; `Unsupported`: it cannot load the model.

    """
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    try:
        from vllm import LLM  # noqa: PLC0415 -- in few images, and takes half a minute
    except ImportError as error:
        raise StageError(
            "ProgramNotAvailable",
            "execution.engine",
            f"found no {error.name}, expected vllm where a model is to answer by it",
            "Install vllm into the image, or leave engine out.",
        ) from error
    try:
        model = LLM(
            model=str(folder),
            dtype=_DTYPES[precision],
            max_model_len=context,
            generation_config="vllm",  # what is sampled is said by the spec alone
            **({"gpu_memory_utilization": _SHARE} if torch.cuda.is_available() else _ON_CPUS),
        )
    except (RuntimeError, ValueError) as error:
        raise StageError(
            "Unsupported",
            f"model {label}",
            f"found that vLLM cannot load it: {error}",
            "Look at the log above, or leave engine out.",
        ) from error
    try:
        yield Vllm(model)
    finally:
        model.llm_engine.engine_core.shutdown()
