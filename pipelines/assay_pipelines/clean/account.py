"""The ledger and the counts, which must conserve: per source and step, what came in went out, aside, or into the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.api.clean import Clean
from assay.api.source import Source
from assay.errors import BugError
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import BROKEN_FILE, INTAKE, Bools, Ints

LINES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),  # its name, or `intake`
        pa.field("action", pa.string(), nullable=False),  # rejected, dropped or changed
        pa.field("rule", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("duplicate_of", pa.string()),
        pa.field("cluster", pa.int64()),  # a number within the step, which a cluster's dropped rows share
        pa.field("detail", pa.string()),
    ]
)


def joining(clean: Clean) -> list[int]:
    """Return for each source the number of the step at which it joins: its merge, or 0."""
    at = {
        name: number for number, step in enumerate(clean.steps) if step.merge for name in step.merge.sources
    }
    return [at.get(source.name, 0) for source in clean.sources]


_NOTED = pa.schema(  # what the driver keeps of a line; rows go by their places
    [
        pa.field("place", pa.int64()),
        pa.field("step", pa.int16()),
        pa.field("dropped", pa.bool_()),
        pa.field("rule", pa.large_string()),
        pa.field("score", pa.float64()),
        pa.field("original", pa.int64()),  # the place of the row that it repeats
        pa.field("cluster", pa.int64()),
        pa.field("detail", pa.large_string()),  # of all lines together there may be more than 2 GiB
    ]
)
_LINES_AT_ONCE = 1 << 16


@dataclass
class Account:
    """What became of every row so far."""

    clean: Clean
    rows: Rows
    alive: Bools = field(init=False)  # neither dropped nor rejected
    part: Ints = field(init=False)  # 0 goes on; otherwise one more than the place in `parts`
    parts: list[str] = field(default_factory=list)
    aside_at: dict[int, int] = field(default_factory=dict)  # part → step number
    _noted: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.rows), np.bool_)
        self.part = np.zeros(len(self.rows), np.int64)

    def live(self, number: int) -> Ints:
        """Return the places of the rows that meet a step."""
        joined = np.array(joining(self.clean), np.int64)[self.rows.source] <= number
        return np.flatnonzero(self.alive & (self.part == 0) & joined)

    def take(self, table: pa.Table) -> None:
        """Take over the lines of a pass: a table with `row` and `lines`."""
        lists = table["lines"].combine_chunks()
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
        lines = lists.flatten()
        original = lines.field("original")
        repeats = original.is_valid().to_numpy(zero_copy_only=False)
        places = self.rows.places(original.fill_null(0).to_numpy())
        self._note(
            place=self.rows.places(np.repeat(table["row"].to_numpy(), lengths)),
            **{name: lines.field(name) for name in ("step", "dropped", "rule", "score", "detail")},
            original=pa.array(places, mask=~repeats),
        )

    def decide(self, number: int, verdict: Verdict) -> None:
        """Take over what a step said that compares rows."""
        count = len(verdict.dropped)
        self._note(
            place=verdict.dropped,
            step=pa.repeat(number, count),
            dropped=np.ones(count, np.bool_),
            rule=pa.repeat(verdict.rule, count),
            score=verdict.score,
            original=verdict.duplicate_of,
            cluster=verdict.cluster,
        )
        for name, places in verdict.aside.items():
            self.parts.append(name)
            self.aside_at[len(self.parts)] = number
            self.part[places] = len(self.parts)

    def _note(self, **columns: Any) -> None:
        count = len(columns["place"])
        arrays = [
            pa.nulls(count, each.type)
            if (values := columns.get(each.name)) is None
            else pa.array(values).cast(each.type)
            for each in _NOTED
        ]
        lines = pa.table(arrays, schema=_NOTED)
        fell = _numbers(lines.filter(lines["dropped"]), "place")
        twice = np.flatnonzero(np.bincount(fell, minlength=len(self.rows)) > self.alive)
        if len(twice):
            row = self.rows.ids(twice[:1])[0]
            raise BugError(f"row {row}", "found it dropped twice, expected once", "Please report this.")
        self.alive[fell] = False
        self._noted.append(lines)

    def _broken_files(self) -> Ints:
        lines = self._lines()
        places = _numbers(lines.filter(pc.equal(lines["rule"], BROKEN_FILE)), "place")
        return np.bincount(self.rows.source[places], minlength=len(self.clean.sources))

    def _lines(self) -> pa.Table:
        return pa.concat_tables([_NOTED.empty_table(), *self._noted])

    def unreadable(self) -> Iterator[tuple[Source, int, str]]:
        """Yield each source that has rows and not one that could be read, how many, and why most of them could not."""
        lines = self._lines()
        unread = lines.filter(pc.equal(lines["step"], INTAKE))
        of = self.rows.source[_numbers(unread, "place")]
        for number, source in enumerate(self.clean.sources):
            here = np.flatnonzero(of == number)
            if len(here) and len(here) == (self.rows.source == number).sum():
                yield source, len(here), _most_frequent(unread["detail"].take(pa.array(here)))

    def ledger(self) -> Iterator[pa.Table]:
        """Return the ledger, sorted by id and then in the order of the steps, some lines at a time."""
        lines = self._lines().combine_chunks()
        order = np.lexsort((_numbers(lines, "step"), self.rows.rank[_numbers(lines, "place")]))
        sources = pa.array([source.name for source in self.clean.sources])
        steps = pa.array(["intake", *(step.label for step in self.clean.steps)])
        actions = pa.array(["changed", "dropped", "rejected"])
        for begin in range(0, len(order), _LINES_AT_ONCE):
            some = lines.take(pa.array(order[begin : begin + _LINES_AT_ONCE]))
            place, step = _numbers(some, "place"), _numbers(some, "step")
            original = some["original"].fill_null(0).to_numpy()
            columns = {
                "id": self.rows.ids(place),
                "source": sources.take(pa.array(self.rows.source[place])),
                "step": steps.take(pa.array(step - INTAKE)),
                "action": actions.take(pa.array(np.where(step == INTAKE, 2, _numbers(some, "dropped")))),
                "rule": some["rule"],
                "score": some["score"],
                "duplicate_of": pc.if_else(some["original"].is_valid(), self.rows.ids(original), None),
                "cluster": some["cluster"],
                "detail": some["detail"],
            }
            yield pa.table(columns).cast(LINES)

    def summary(self) -> dict[str, Any]:
        """Return the counts by source and by step."""
        names = [source.name for source in self.clean.sources]
        dropped, changed = self._tally()
        joins = joining(self.clean)
        came = np.bincount(self.rows.source, minlength=len(names)) - dropped.get(INTAKE, 0)
        left = np.zeros(len(names), np.int64)
        steps = []
        for number, step in enumerate(self.clean.steps):
            left = left + np.array([came[i] if joins[i] == number else 0 for i in range(len(names))])
            set_aside = self._aside(number)
            flow = {
                "in": left,
                "dropped": dropped.get(number, np.zeros_like(left)),
                "changed": changed.get(number, np.zeros_like(left)),
                "setAside": set_aside,
            }
            left = left - flow["dropped"] - set_aside
            flow["out"] = left
            steps.append(
                {"name": step.label, "kind": step.chosen}
                | {key: int(value.sum()) for key, value in flow.items()}
                | {
                    "sources": {
                        name: {key: int(value[i]) for key, value in flow.items()}
                        for i, name in enumerate(names)
                        if joins[i] <= number
                    }
                }
            )
        out = np.bincount(self.rows.source[self.alive & (self.part == 0)], minlength=len(names))
        splits = {name: int((self.alive & (self.part == at + 1)).sum()) for at, name in enumerate(self.parts)}
        broken = self._broken_files()
        sources = {}
        for i, name in enumerate(names):
            here = self.rows.source == i
            rejected = int(dropped[INTAKE][i]) if INTAKE in dropped else 0
            sources[name] = {
                "in": int(here.sum()),
                "rejected": rejected,
                "dropped": int((here & ~self.alive).sum()) - rejected,
                "setAside": int((here & self.alive & (self.part > 0)).sum()),
                "out": int(out[i]),
            }
            if broken[i]:
                sources[name]["brokenFiles"] = int(broken[i])
        if steps and not np.array_equal(out, left):
            raise BugError(
                "clean",
                f"found {out} rows going out by source, expected {left} by the ledger",
                "Please report this.",
            )
        return {"rows": int(out.sum()), "sources": sources, "steps": steps, "splits": splits}

    def _tally(self) -> tuple[dict[int, Ints], dict[int, Ints]]:
        """Count dropped and changed rows by step and source."""
        lines = self._lines()
        step, dropped = _numbers(lines, "step"), _numbers(lines, "dropped").astype(np.bool_)
        source = self.rows.source[_numbers(lines, "place")]
        sources = len(self.clean.sources)
        fell = _counted(step[dropped], source[dropped], sources)
        return fell, _counted(step[~dropped], source[~dropped], sources)

    def _aside(self, number: int) -> Ints:
        parts = [part for part, at in self.aside_at.items() if at == number]
        here = np.isin(self.part, parts) & self.alive
        return np.bincount(self.rows.source[here], minlength=len(self.clean.sources))


def _most_frequent(details: pa.ChunkedArray) -> str:
    """Return the most frequent reason, without file and line; of several the first in the order of letters."""
    reasons = pc.value_counts(pc.replace_substring_regex(details, r"^.*?:\d+: ", ""))
    pairs = zip(reasons.field("counts").to_pylist(), reasons.field("values").to_pylist(), strict=True)
    return min((-count, str(reason)) for count, reason in pairs)[1]


def _numbers(table: pa.Table, name: str) -> Ints:
    numbers: Ints = table[name].to_numpy().astype(np.int64)
    return numbers


def _counted(step: Ints, source: Ints, sources: int) -> dict[int, Ints]:
    """Count by step, and then by source."""
    return {int(number): np.bincount(source[step == number], minlength=sources) for number in np.unique(step)}
