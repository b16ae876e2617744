"""DeepSpeed, as this program uses it: any ZeRO stage, on GPUs or on CPUs over gloo, with or without other processes.

Every process calls every method, in the same order. Gradients are sums of whatever was given to `learn`, over all processes.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import deepspeed
import torch
from deepspeed.ops import __compatible_ops__ as _ops
from deepspeed.utils import safe_get_full_optimizer_state, safe_set_full_optimizer_state
from deepspeed.utils.mixed_precision_linkage import lazy_init_hp_params_optimizer_state
from torch import distributed

from assay.api.train import Optimizer
from assay_pipelines.train.layout import MicroBatch
from assay_pipelines.train.network import Network, parameter_groups

PATIENCE = timedelta(minutes=30)  # with a process that another waits for, or with a step
_AVERAGES = ("exp_avg", "exp_avg_sq")  # AdamW's, of gradients and of their squares

T = TypeVar("T")

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
        if place.world == 1 and not zero_stage:  # alone it would still copy all gradients, there and back
            self._engine.enable_backward_allreduce = False

    def learn(self, batch: MicroBatch, *, share: float, last: bool) -> torch.Tensor:
        """Add one micro-batch's gradient, of its summed loss × `share`. `last` ends the global batch.

        Returns that loss, and what else the network sums, each × `share`.
        """
        self._engine.set_gradient_accumulation_boundary(last)
        sums: torch.Tensor = self._engine(*batch).reshape(-1) * share
        # DeepSpeed averages over processes; a sum is wanted.
        self._engine.backward(sums[0] * self._place.world, scale_wrt_gas=False)
        return sums.detach()

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

    def totals(self, *values: torch.Tensor | float) -> list[float]:
        """Sum each number over all processes."""
        device = self._place.device
        sums = torch.stack([torch.as_tensor(one, dtype=torch.float64, device=device) for one in values])
        if self._place.world > 1:
            distributed.all_reduce(sums)
        totals: list[float] = sums.tolist()
        return totals

    def weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the model's own weights, whole, one at a time."""
        for name, parameter in self._engine.module.model.named_parameters():
            if self._zero < 3:
                yield name, parameter.detach()
            else:
                with deepspeed.zero.GatheredParameters([parameter]):
                    yield name, parameter.detach().clone()

    def state(self) -> Iterator[tuple[str, torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Yield each learned weight and AdamW's averages of its gradient and of its square, whole; after a step at least."""
        self._link_averages()
        learned = {name for name, _ in self._learned()}
        for name, weight in self.weights():
            if name in learned:
                yield name, weight, *self._averages(name)

    def go_on(self, steps: int, averages: Iterable[tuple[str, torch.Tensor, torch.Tensor]]) -> None:
        """Take up the averages that another engine's `state` told after so many steps; weights are those given at first."""
        tokens = torch.zeros((1, 2), dtype=torch.int64, device=self._place.device)
        self.learn(
            MicroBatch(tokens, tokens.bool()), share=1.0, last=True
        )  # teaches nothing; AdamW makes its averages
        self.step(0.0)
        self._link_averages()
        weights = dict(self._learned())
        for name, *both in averages:
            for key, value in zip(_AVERAGES, both, strict=True):
                self._set_average(weights[name], key, value.to(self._place.device))
        for one in self._adamw.state.values():
            one["step"].fill_(steps)

    @property
    def _adamw(self) -> Any:
        return self._optimizer if self._zero == 0 else self._optimizer.optimizer

    def _learned(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        model = self._engine.module.model
        return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)

    def _link_averages(self) -> None:
        """Let DeepSpeed know where averages lie: it looks after the first group of weights has stepped, and not again."""
        if self._zero in (1, 2):
            zero = self._optimizer
            for weights, flat in zip(zero.bit16_groups, zero.single_partition_of_fp32_groups, strict=True):
                lazy_init_hp_params_optimizer_state(weights, flat, zero.optimizer.state)

    def _averages(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        weight = self._engine.module.model.get_parameter(name)
        if self._zero == 0:
            average, square = (self._optimizer.state[weight][key] for key in _AVERAGES)
        else:
            average, square = (safe_get_full_optimizer_state(weight, key) for key in _AVERAGES)
        return average, square

    def _set_average(self, weight: torch.nn.Parameter, key: str, value: torch.Tensor) -> None:
        if self._zero == 0:
            self._optimizer.state[weight][key].copy_(value)
        else:
            safe_set_full_optimizer_state(weight, value, key)

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
    """Meet the other processes, as the environment says, unless Ray Train let them meet; alone, without any socket."""
    os.environ.setdefault("LOCAL_RANK", str(place.local_rank))  # DeepSpeed insists
    if distributed.is_initialized():
        return
    backend = "nccl" if place.device.type == "cuda" else "gloo"
    if place.world > 1:
        distributed.init_process_group(backend, timeout=PATIENCE)
    else:
        store = distributed.HashStore()  # type: ignore[attr-defined]  # torch forgets to export it
        distributed.init_process_group(backend, store=store, rank=0, world_size=1)


def from_leader(place: Place, value: T) -> T:
    """Return what the leader gives, in every process."""
    if place.world == 1:
        return value
    told = [value]
    distributed.broadcast_object_list(told, device=place.device)
    return told[0]


def meet(place: Place) -> None:
    """Wait for all processes to come here."""
    if place.world > 1:
        distributed.barrier()


def leave() -> None:
    """Part from the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
