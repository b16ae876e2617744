"""DeepSpeed, as this program uses it: any ZeRO stage, on GPUs or on CPUs over gloo, with or without other processes.

Every process calls every method, in the same order. Gradients are sums of whatever was given to `learn`, over all processes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import deepspeed
import torch
from deepspeed.ops import __compatible_ops__ as _ops
from torch import distributed

from assay.api.train import Optimizer
from assay_pipelines.train.network import Network, parameter_groups

_PATIENCE = timedelta(minutes=30)  # of a process that waits for another

_ops["deepspeed_shm_comm"] = False  # needs a compiler at run time; gloo does without


@dataclass(frozen=True)
class Place:
    """Which of all the processes this one is."""

    rank: int = 0
    local_rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that speaks for all."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")


class Engine:
    """A network that learns."""

    def __init__(self, network: Network, place: Place, optimizer: Optimizer, zero_stage: int) -> None:
        self._place = place
        self._zero = zero_stage
        self._clip = optimizer.gradient_clip
        adamw = torch.optim.AdamW(
            parameter_groups(network, optimizer.weight_decay),
            lr=optimizer.lr,
            betas=optimizer.betas,
            eps=optimizer.eps,
            fused=True,
        )
        self._engine, self._optimizer, _, _ = deepspeed.initialize(
            model=network, optimizer=adamw, config=self._config(), dist_init_required=False
        )

    def learn(self, tokens: torch.Tensor, learned: torch.Tensor, *, share: float, last: bool) -> torch.Tensor:
        """Add one micro-batch's gradient, of its summed loss × `share`; return that loss. `last` ends the global batch."""
        self._engine.set_gradient_accumulation_boundary(last)
        loss: torch.Tensor = self._engine(tokens, learned) * share
        # DeepSpeed averages over processes; a sum is wanted.
        self._engine.backward(loss * self._place.world, scale_wrt_gas=False)
        return loss.detach()

    def step(self, lr: float) -> float:
        """Update the weights; return the gradient's norm before clipping."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        norm = None
        if self._zero == 0:  # DeepSpeed clips here too, but does not say the norm
            norm = torch.nn.utils.clip_grad_norm_(
                self._engine.module.parameters(), self._clip or float("inf")
            )
        self._engine.step()
        return float(norm if norm is not None else self._engine.get_global_grad_norm())

    def total(self, value: torch.Tensor) -> float:
        """Sum a number over all processes."""
        if self._place.world > 1:
            distributed.all_reduce(value)
        return float(value)

    def weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the model's own weights, whole, one at a time."""
        for name, parameter in self._engine.module.model.named_parameters():
            if self._zero < 3:
                yield name, parameter.detach()
            else:
                with deepspeed.zero.GatheredParameters([parameter]):
                    yield name, parameter.detach().clone()

    def _config(self) -> dict[str, Any]:
        return {
            "train_micro_batch_size_per_gpu": 1,  # nominal: what a step is, is said by `learn`
            "gradient_accumulation_steps": 1,
            "gradient_clipping": (self._clip or 0.0) if self._zero else 0.0,
            "steps_per_print": None,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "zero_optimization": {
                "stage": self._zero,
                "overlap_comm": False,  # nothing to overlap on CPUs, and order matters more
                "stage3_param_persistence_threshold": 0,
            },
        }


def join(place: Place) -> None:
    """Meet the other processes, as the environment says; alone, without any socket."""
    os.environ.setdefault("LOCAL_RANK", str(place.local_rank))  # DeepSpeed insists
    backend = "nccl" if place.device.type == "cuda" else "gloo"
    if place.world > 1:
        distributed.init_process_group(backend, timeout=_PATIENCE)
    else:
        store = distributed.HashStore()  # type: ignore[attr-defined]  # torch forgets to export it
        distributed.init_process_group(backend, store=store, rank=0, world_size=1)


def leave() -> None:
    """Part from the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
