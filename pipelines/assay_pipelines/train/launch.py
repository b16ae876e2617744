"""Processes: this one alone, several forked here under torchrun's agent, or one of those that a torchrun started.

Every process of a training prepares the same work or inherits it. Faults of data, model and spec are the same everywhere, so
the leader's own `failure.json` tells them; a process that is lost is told by the others' broken connections, and the attempt
is repeated.
"""

import ctypes
import json
import os
import secrets
import signal
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from assay.errors import AssayError, Retry, StageError
from assay.stores.open import open_store
from assay_pipelines.devices import ended_memory
from assay_pipelines.stage import StageRun
from assay_pipelines.train.carry_out import carry_out
from assay_pipelines.train.engine import Place
from assay_pipelines.train.work import Work, prepare

_PR_SET_PDEATHSIG = 1
_FAREWELL_SECONDS = (
    15  # for the processes to keep a state when they are asked to end; a laptop's runner waits 20
)
_TAKEN_OVER = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # by torchrun's agent, for good
_LOST = ("gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe", "Timed out waiting")


def place_from_environment() -> Place | None:
    """Return which process this is, if a torchrun started it."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return None
    rank = int(os.environ["RANK"])
    return Place(
        rank=rank, local_rank=int(os.environ.get("LOCAL_RANK", rank)), world=int(os.environ["WORLD_SIZE"])
    )


def train_stage(run: StageRun) -> dict[str, Any]:
    """Carry out a train stage with as many processes as its execution says; return the record's summary.

    Raises:
        StageError: it cannot be carried out.

    """
    place = place_from_environment()
    work = prepare(run)
    execution = work.execution
    if place is not None:
        return _carried_out(run, work, place)
    if execution.nodes > 1:
        raise StageError(
            "NotLaunched",
            "execution.train.nodes",
            f"found {execution.nodes} without RANK and WORLD_SIZE in the environment, expected a torchrun on each node",
            "Launch it through a workload of several nodes, or set nodes to 1.",
        )
    if execution.processes_per_node == 1:
        return _carried_out(run, work, Place())
    return _with_children(run, work, execution.processes_per_node)


def _carried_out(run: StageRun, work: Work, place: Place) -> dict[str, Any]:
    try:
        return carry_out(run, work, place)
    except RuntimeError as error:
        known = _infrastructure(error)
        if known is None:
            raise
        raise known from error


def _with_children(run: StageRun, work: Work, processes: int) -> dict[str, Any]:
    torch.set_num_threads(1)  # a pool of threads here would not survive the fork
    failures = run.scratch / "failures"
    failures.mkdir()
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        logs_specs=DefaultLogsSpecs(log_dir=str(run.scratch / "agent")),
        run_id=secrets.token_hex(8),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        rdzv_configs={"is_host": True},
        local_addr="localhost",
        max_restarts=0,  # every restart is a new attempt of ours
        start_method="fork",  # the libraries are imported, the work is prepared: neither is done twice
        shutdown_timeout=_FAREWELL_SECONDS,
    )
    child = _Child(run, work, failures, os.getpid())
    handlers = {number: signal.getsignal(number) for number in _TAKEN_OVER}
    try:
        results: dict[int, dict[str, Any]] = elastic_launch(config, child.live)()
    except ChildFailedError as error:
        raise _told(failures) or StageError(
            "ProcessLost",
            "the training's processes",
            f"found that one ended ({error.get_first_failure()[1].message!s:.200}), expected all to finish",
            "Look at the log and at the memory; another attempt follows.",
            retry=Retry.LATER,
        ) from error
    except SignalException as error:
        raise KeyboardInterrupt from error  # the program's frame tells an interruption
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return results[0]


class _Child:
    """What each forked process does."""

    def __init__(self, run: StageRun, work: Work, failures: Path, parent: int) -> None:
        self._run, self._work, self._failures, self._parent = run, work, failures, parent

    def live(self) -> dict[str, Any]:
        _end_with(self._parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        place = place_from_environment() or Place()
        run = replace(self._run, store=open_store(self._run.store.uri))  # connections do not survive a fork
        try:
            return carry_out(run, self._work, place)
        except AssayError as error:
            self._tell(place, error)
            raise
        except RuntimeError as error:
            known = _infrastructure(error)
            if known is not None:
                self._tell(place, known)
            traceback.print_exc()
            raise
        except OSError:
            traceback.print_exc()
            raise
        except Exception as error:
            traceback.print_exc()
            self._tell(place, _unforeseen(error))
            raise

    def _tell(self, place: Place, error: AssayError) -> None:
        told = {
            "reason": getattr(error, "reason", type(error).__name__),
            "where": error.where,
            "found": error.found,
            "do": error.do,
            "retry": getattr(error, "retry", Retry.LATER),
        }
        unfinished = (
            self._failures / f"{place.rank}.unfinished"
        )  # the agent may kill this process at any moment
        unfinished.write_text(json.dumps(told))
        unfinished.rename(self._failures / f"{place.rank}.json")


def _told(failures: Path) -> StageError | None:
    """Return the children's own word, what no attempt can mend before what one may."""
    told = [json.loads(path.read_text()) for path in sorted(failures.glob("*.json"))]
    told.sort(key=lambda one: bool(one["retry"] != Retry.NEVER))
    if not told:
        return None
    first = told[0]
    return StageError(
        first["reason"], first["where"], first["found"], first["do"], retry=Retry(first["retry"])
    )


def _unforeseen(error: Exception) -> StageError:
    return StageError(
        "Unforeseen",
        "the training's processes",
        f"found {type(error).__name__}: {error}",
        "This is a bug or an unforeseen input; the log has the trace.",
    )


def _infrastructure(error: RuntimeError) -> StageError | None:
    text = str(error)
    if ended_memory(error):
        return StageError(
            "OutOfMemory",
            "the training",
            f"found {text[:200]}, expected enough memory",
            "Lower execution.train.microBatch, raise zeroStage, or give it more memory.",
            retry=Retry.LATER,
        )
    if isinstance(error, torch.distributed.DistError) or any(sign in text for sign in _LOST):
        return StageError(
            "ProcessLost",
            "the training's processes",
            f"found a broken connection ({text[:200]}), expected all to finish",
            "Another attempt follows.",
            retry=Retry.LATER,
        )
    return None


def _end_with(parent: int) -> None:
    """Let the kernel end this process when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
