"""Blocks on Ray Data: each map is one fused `map_batches` over Arrow blocks in Ray's object store.

No other operation of Ray Data is used: its sort and its group-by would start workers of another kind, and cost more than
they save. Parts are made by plain tasks, in the workers that maps use, and lie in the object store, which spills.
Ray ends with this process, however that ends.
"""

import logging
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa

from assay.errors import AssayError, Retry, StageError
from assay_pipelines.clean.blocks import RAY_ADDRESS, Cutting
from assay_pipelines.clean.partitions import OnBlock, Partitions, through

# Under `uv run`, Ray would start its workers by `uv run` too, in a copy of the working folder that lacks uv: they never come.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
if (
    RAY_ADDRESS not in os.environ
):  # Ray reads these when it is imported: only descendants of this process may join its Ray
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
import ray.data
from ray.data import ExecutionResources
from ray.exceptions import RayTaskError

_GIB = 1 << 30
_STORE_SHARE = 0.4  # of a stage's memory, for blocks in shared memory; more goes to disk
_LEAST_STORE = 100 << 20
_BUNDLES = 128  # of blocks that are cut together; the driver would hold the pieces of a part if they were below 100 KB
_STARTS = 3  # Ray gives up after 30 s, which a busy machine may need

_NOTHING = pa.table({})  # as Ray Data leaves of a block without rows: not even its schema
_ARROW: dict[str, Any] = {"batch_format": "pyarrow", "batch_size": None, "zero_copy_batch": True}


class OnRay:
    """Blocks in Ray's object store, and functions that they are still to go through."""

    def __init__(
        self, dataset: Any, partitions: Partitions | None, functions: tuple[OnBlock, ...] = ()
    ) -> None:
        self._dataset = dataset
        self._partitions = partitions
        self._functions = functions

    @classmethod
    def of(
        cls, tables: Iterable[pa.Table], *, cpus: int, memory_gib: float, partitions: Partitions | None = None
    ) -> "OnRay":
        """Put blocks into Ray's object store, and start Ray if need be; without partitions, `kept` merely holds."""
        connect(cpus=cpus, memory_gib=memory_gib)
        references: list[Any] = [ray.put(table) for table in tables]  # at no time are all of them here
        return cls(ray.data.from_arrow_refs(references), partitions)

    def map(self, function: OnBlock) -> "OnRay":
        """Put every block through a function, in Ray's workers."""
        return OnRay(self._dataset, self._partitions, (*self._functions, function))

    def held(self) -> "OnRay":
        """Carry out what is asked for so far."""
        return self._hold(partial(through, functions=self._functions))

    def kept(self, name: str) -> "OnRay":
        """Carry out what is asked for so far, but for blocks of which another attempt kept the result."""
        if self._partitions is None:
            return self.held()
        return self._hold(partial(self._partitions.through, functions=self._functions, name=name))

    def parted(self, cut: Cutting, functions: Sequence[OnBlock]) -> "OnRay":
        """Cut every block, and put each part through its function, in Ray's workers."""
        cutting, count = ray.put((*self._functions, cut)), len(functions)  # once, not with every task
        with _as_raised():
            blocks = self._dataset.to_arrow_refs()
            bundles = [blocks[first::_BUNDLES] for first in range(min(_BUNDLES, len(blocks)))]
            cuts = [_cut.options(num_returns=count).remote(cutting, count, *some) for some in bundles]
            pieces = [[piece] for piece in cuts] if count == 1 else cuts
            parts = [
                _gathered.remote(function, *part)
                for function, part in zip(functions, zip(*pieces, strict=True), strict=True)
            ]
            return OnRay(ray.data.from_arrow_refs(parts), self._partitions)

    def tables(self) -> Iterator[pa.Table]:
        """Stream the blocks to the driver."""
        dataset = self._dataset
        if self._functions:
            dataset = dataset.map_batches(partial(through, functions=self._functions), **_ARROW)
        with _as_raised():
            yield from dataset.iter_batches(batch_format="pyarrow", batch_size=None)

    def _hold(self, function: OnBlock) -> "OnRay":
        with _as_raised():
            return OnRay(self._dataset.map_batches(function, **_ARROW).materialize(), self._partitions)


@ray.remote
def _cut(functions: tuple[Any, ...], parts: int, *blocks: pa.Table) -> Any:
    cuts = [through(block, functions) for block in blocks if len(block)]
    pieces = [pa.concat_tables(each) for each in zip(*cuts, strict=True)] if cuts else [_NOTHING] * parts
    return pieces[0] if parts == 1 else pieces


@ray.remote
def _gathered(function: OnBlock, *pieces: pa.Table) -> pa.Table:
    some = [piece for piece in pieces if len(piece)]
    return function(pa.concat_tables(some)) if some else _NOTHING


@contextmanager
def _as_raised() -> Iterator[None]:
    """Raise an error of ours as the worker raised it, without Ray's account of how it came here."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, AssayError):
            raise error.cause from None
        raise


def connect(*, cpus: int, memory_gib: float) -> None:
    """Join the Ray of `RAY_ADDRESS`, or start one of this size; nothing happens when one is joined already.

    Raises:
        StageError: `RayUnavailable`: there is none, and it does not start.

    """
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are raised too, and told once
    for left in reversed(range(_STARTS)):
        if ray.is_initialized():
            break
        try:
            _join_or_start(cpus, memory_gib)
        except Exception as error:
            ray.shutdown()
            if not left:
                raise StageError(
                    "RayUnavailable",
                    "ray",
                    f"found {error}, expected Ray to start",
                    "Free some CPU or memory; another attempt follows.",
                    retry=Retry.LATER,
                ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.raise_original_map_exception = True
    context.execution_options.resource_limits = ExecutionResources(cpu=cpus)


def _join_or_start(cpus: int, memory_gib: float) -> None:
    if os.environ.get(RAY_ADDRESS):
        ray.init(log_to_driver=False, configure_logging=False)
        return
    ray.init(
        address="local",
        num_cpus=cpus,
        object_store_memory=max(_LEAST_STORE, int(memory_gib * _STORE_SHARE * _GIB)),
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
