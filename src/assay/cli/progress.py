"""How a run is shown: a live table on a terminal, plain lines elsewhere."""

import json
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from assay.artifacts.documents import ArtifactRef, Progress
from assay.cli.terminal import duration, say
from assay.errors import StoreError
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.decide import Decision, Judgement, State
from assay.stores.claims import read_progress
from assay.stores.store import Store

EXIT_INTERRUPTED = 130
STARTING = "starting"
_READ_SECONDS = 1.0  # how often progress is read from the store
_SHOWN_FINAL = 5  # finished stages that stay on screen


class View(Protocol):
    """Shows a run while it goes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def watch(self, plan: Plan, decision: Decision) -> None:
        """Take note of how everything stands."""
        ...


def now_doing(store: Store, ref: ArtifactRef, attempt: int) -> str:
    """Say what an attempt does now: what, how far, how fast, how long still."""
    try:
        progress = read_progress(store, ref, attempt)
    except StoreError:
        return ""
    return STARTING if progress is None else describe(progress)


def describe(progress: Progress) -> str:
    """Such as `training 120/500 steps, 14/s, 27 s left, loss 2.31`."""
    parts = [progress.doing]
    if progress.total:
        parts = [f"{progress.doing} {progress.done:g}/{progress.total:g} {progress.unit}".strip()]
    elif progress.done:
        parts = [f"{progress.doing} {progress.done:g} {progress.unit}".strip()]
    if progress.rate:
        parts.append(f"{progress.rate:.3g}/s")
        if progress.total:
            parts.append(f"{duration(max(0.0, progress.total - progress.done) / progress.rate)} left")
    parts += [f"{name} {value:.3g}" for name, value in progress.figures.items()]
    return ", ".join(parts)


def tally(judgements: Mapping[ArtifactRef, Judgement]) -> str:
    """Such as `12 of 40 stages done, 2 running, 1 failed`."""
    counts = {state: sum(judgement.state is state for judgement in judgements.values()) for state in State}
    parts = [f"{counts[State.DONE]} of {len(judgements)} stages done"]
    parts += [
        f"{counts[state]} {state.value}"
        for state in (State.RUNNING, State.FAILED, State.BLOCKED)
        if counts[state]
    ]
    return ", ".join(parts)


class PlainView:
    """A line whenever a stage's state changes: for logs and pipes."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._states: dict[ArtifactRef, tuple[State, int]] = {}
        self._since: dict[ArtifactRef, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def watch(self, plan: Plan, decision: Decision) -> None:
        """Print what changed."""
        for stage in plan.stages:
            judgement = decision.judgements[stage.ref]
            before = self._states.get(stage.ref)
            now = (judgement.state, judgement.attempt)
            if now == before or judgement.state in {State.WAITING, State.READY}:
                continue
            self._states[stage.ref] = now
            if before is None and judgement.state is State.DONE:
                self._tell(plan, stage, "reused", judgement)
                continue
            started = self._since.setdefault(stage.ref, time.monotonic())
            took = f" in {duration(time.monotonic() - started)}" if judgement.state is State.DONE else ""
            self._tell(plan, stage, judgement.state.value, judgement, took)

    def _tell(
        self, plan: Plan, stage: PlannedStage, state: str, judgement: Judgement, took: str = ""
    ) -> None:
        if self._as_json:
            line = {"stage": stage.label, "ref": str(stage.ref), "state": state, "attempt": judgement.attempt}
            say(
                json.dumps(
                    line
                    | (
                        {"reason": judgement.reason, "message": judgement.message}
                        if judgement.message
                        else {}
                    )
                )
            )
            return
        why = f": {judgement.reason}: {plan.told(judgement.message)}" if judgement.message else ""
        say(f"{state:<8} {stage.label}{took}{why}")


class LiveView:
    """A table that is redrawn: what runs, what it does, and what has lately ended."""

    def __init__(self, console: Console, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._decision: Decision | None = None
        self._doing: dict[ArtifactRef, str] = {}
        self._ended: list[ArtifactRef] = []
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._reader.join()
        self._live.stop()

    def watch(self, plan: Plan, decision: Decision) -> None:
        """Take note; the table is redrawn by itself."""
        with self._lock:
            before = self._decision.judgements if self._decision else {}
            for ref, judgement in decision.judgements.items():
                was = before.get(ref)
                if (
                    was is not None
                    and was.state is not judgement.state
                    and judgement.state in {State.DONE, State.FAILED}
                ):
                    self._ended.append(ref)
            self._plan, self._decision = plan, decision

    def _read(self) -> None:
        while not self._stop.wait(_READ_SECONDS):
            with self._lock:
                judgements = dict(self._decision.judgements) if self._decision else {}
            for ref, judgement in judgements.items():
                if judgement.state is State.RUNNING:
                    self._doing[ref] = now_doing(self._store, ref, judgement.attempt)

    def _render(self) -> RenderableType:
        with self._lock:
            if self._plan is None or self._decision is None:
                return Text("reading the store …")
            by_ref, judgements = self._plan.by_ref, self._decision.judgements
            table = Table(box=None, pad_edge=False, show_header=False)
            table.add_column(no_wrap=True)
            table.add_column(no_wrap=True, overflow="ellipsis")
            table.add_column(overflow="ellipsis", no_wrap=True)
            for ref in self._ended[-_SHOWN_FINAL:]:
                if ref in by_ref:
                    table.add_row(
                        judgements[ref].state.value,
                        by_ref[ref].label,
                        self._plan.told(judgements[ref].message),
                    )
            for ref, judgement in judgements.items():
                if judgement.state is State.RUNNING:
                    table.add_row("running", by_ref[ref].label, self._doing.get(ref, STARTING))
            return Group(table, Text(tally(judgements), style="bold"))
