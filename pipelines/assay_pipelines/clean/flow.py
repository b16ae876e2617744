"""The flow of rows: passes over blocks, and between them the steps that compare rows.

The driver sees only numbers, hashes and ledger lines until the end, when the rows that are left stream through it to be
sorted. Nothing depends on how rows are cut into blocks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from assay.api.clean import Clean, DuplicateSubstrings, Step
from assay.errors import BugError, StageError
from assay_pipelines.clean.account import Account, joining
from assay_pipelines.clean.blocks import Blocks, collected
from assay_pipelines.clean.intake.parse import parse_piece
from assay_pipelines.clean.judge import Pass, judge
from assay_pipelines.clean.rows import Hashes, Rows, among, halves
from assay_pipelines.clean.steps import LOCAL
from assay_pipelines.clean.steps.exact_duplicates import exact_duplicates
from assay_pipelines.clean.steps.split import split
from assay_pipelines.clean.steps.subsample import subsample, wanted
from assay_pipelines.clean.steps.verdict import NOWHERE, Verdict
from assay_pipelines.clean.table import WORKING, Ints

_PASS = pa.schema([WORKING.field(name) for name in ("row", "kept", "lines", "key")])
_FIRST_PASS = pa.schema([*_PASS, *(WORKING.field(name) for name in ("source", "hash", "tie"))])


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Local steps, and the step that compares rows after them, if there is one."""

    local: tuple[tuple[int, Step], ...]
    comparing: tuple[int, Step] | None

    @property
    def key_for(self) -> tuple[int, str, Any] | None:
        """Return the step that needs a key of every row: its number, kind and settings."""
        if self.comparing is None:
            return None
        number, step = self.comparing
        by_prompt = step.split is not None and step.split.by == "prompt"
        return (number, step.chosen, step.body) if step.exact_duplicates or by_prompt else None


def segments(steps: Iterable[Step]) -> list[Segment]:
    """Cut the steps behind each that compares rows. A merge does nothing by itself: rows join by the steps' numbers."""
    result, local = [], []
    for number, step in enumerate(steps):
        if step.chosen in LOCAL:
            local.append((number, step))
        elif not step.merge:
            result.append(Segment(local=tuple(local), comparing=(number, step)))
            local = []
    return [*result, Segment(local=tuple(local), comparing=None)]


@dataclass(frozen=True, kw_only=True)
class Given:
    """What steps need from outside, by their numbers."""

    likes: dict[int, int]  # the rows that a subsample shall equal
    prepared: dict[int, tuple[Any, ...]]  # a step's settings, and what it needs of its outside inputs


@dataclass(frozen=True, kw_only=True)
class Flown:
    """What is left after the last pass."""

    account: Account
    blocks: Blocks

    def kept(self) -> Iterable[pa.Table]:
        """Stream the rows that no step dropped: row, messages and meta."""
        return (table for table in self.blocks.map(_only_kept).tables() if table.num_rows)


def fly(
    clean: Clean,
    pieces: Blocks,
    given: Given,
    tell: Callable[[str, int], None],
) -> Flown:
    """Carry out all steps on the pieces of all sources.

    Raises:
        StageError: `EmptySource`, `SourceUnreadable`, or `TooFewRows` of a subsample.

    """
    blocks = pieces.map(_parsed)
    account: Account | None = None
    gone: Ints = NOWHERE
    for segment in segments(clean.steps):
        if account is None or segment.local or segment.key_for:
            tell(_names(segment), 0 if account is None else int(account.alive.sum()))
            told = _FIRST_PASS if account is None else _PASS
            blocks = _passed(blocks, _Next(clean, given, segment), account, gone)
            table = collected(blocks, told)
            if account is None:
                account = _opened(clean, table)
            else:
                account.take(table)
            gone = NOWHERE
        if segment.comparing is not None:
            number, step = segment.comparing
            tell(step.label, int(account.alive.sum()))
            if step.duplicate_substrings is not None:
                blocks = _struck(blocks, account, number, *given.prepared[number])
                account.take(collected(blocks, _PASS))
            else:
                verdict = _compared(account, table, blocks, segment.comparing, given.likes.get(number))
                account.decide(number, verdict)
                gone = np.union1d(gone, account.rows.row[verdict.dropped])
    if account is None:
        raise BugError("clean", "found no pass, expected one at least", "Please report this.")
    return Flown(account=account, blocks=_less(blocks, gone))


def _parsed(table: pa.Table) -> pa.Table:
    return pa.concat_tables([parse_piece(piece) for piece in table.to_pylist()])


@dataclass(frozen=True)
class _Next:
    """What the next pass is about."""

    clean: Clean
    given: Given
    segment: Segment


def _passed(blocks: Blocks, following: _Next, account: Account | None, gone: Ints) -> Blocks:
    aside = NOWHERE if account is None else account.rows.row[account.part > 0]
    this = Pass(
        first=account is None,
        steps=tuple(
            (number, step.chosen, following.given.prepared[number])
            for number, step in following.segment.local
        ),
        joining=tuple(joining(following.clean)),
        key_for=following.segment.key_for,
        gone=gone,
        aside=aside,
    )
    return blocks.map(partial(judge, this=this)).kept(this.name)


def _struck(
    blocks: Blocks, account: Account, number: int, step: DuplicateSubstrings, tokenizer: str | None
) -> Blocks:
    from assay_pipelines.clean.substrings.rounds import without_repeats  # noqa: PLC0415 -- numba takes a second

    return without_repeats(blocks, account, number, step, tokenizer)


def _less(blocks: Blocks, gone: Ints) -> Blocks:
    return blocks.map(partial(_without, gone=gone)) if len(gone) else blocks


def _without(table: pa.Table, gone: Ints) -> pa.Table:
    return table.filter(pa.array(~among(table["row"].to_numpy(), gone)))


def _only_kept(table: pa.Table) -> pa.Table:
    return table.filter(table["kept"]).select(["row", "messages", "meta"])


def _opened(clean: Clean, table: pa.Table) -> Account:
    rows = Rows.of(table)
    for number, source in enumerate(clean.sources):
        if not (rows.source == number).any():
            raise StageError(
                "EmptySource",
                f"source {source.name}",
                "found no rows, expected some",
                "Look at its files, or remove it.",
            )
    account = Account(clean=clean, rows=rows)
    account.take(table)
    unreadable = list(account.unreadable())
    if unreadable:
        raise StageError(
            "SourceUnreadable",
            ", ".join(f"source {source.name}" for source, _, _ in unreadable),
            "; ".join(
                f"found {count} of {count} rows that cannot be read as {source.format}, most often: {reason}"
                for source, count, reason in unreadable
            ),
            "Name the format that its files are in, mend them, or remove the source.",
        )
    return account


def _compared(
    account: Account, table: pa.Table, blocks: Blocks, at: tuple[int, Step], like: int | None
) -> Verdict:
    number, step = at
    live = account.live(number)
    if step.exact_duplicates is not None:
        return exact_duplicates(account.rows, live, _keys(table, live))
    if step.near_duplicates is not None:
        from assay_pipelines.clean.steps.near_duplicates import near_duplicates  # noqa: PLC0415 -- a second

        return near_duplicates(blocks, account.rows, live, step.near_duplicates)
    if step.split is not None:
        prompts = _keys(table, live) if step.split.by == "prompt" else None
        return split(account.rows, live, step.split, step.label, prompts)
    if step.subsample is not None:
        where = f"step {step.label}"
        return subsample(account.rows, live, step.subsample, wanted(step.subsample, len(live), like, where))
    raise BugError(
        f"step {step.label}", f"found {step.chosen}, which nothing carries out", "Please report this."
    )


def _keys(table: pa.Table, live: Ints) -> tuple[Hashes, Hashes]:
    """Return the keys that the last pass made of the live rows."""
    order = np.argsort(table["row"].to_numpy())
    return halves(table["key"].take(pa.array(order[live])))


def _names(segment: Segment) -> str:
    return ", ".join(step.label for _, step in segment.local) or "reading"
