"""The ledger and the counts, which must conserve: per source and step, what came in went out, aside, or into the ledger."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from assay.api.clean import Clean
from assay.errors import BugError
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import INTAKE, Bools, Ints

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


class _Line(NamedTuple):
    """One line of the ledger, of a row at a place."""

    place: int
    step: int
    rule: str
    dropped: bool
    score: float | None = None
    original: int = -1  # the place of the row that it repeats
    cluster: int | None = None
    detail: str | None = None

    @property
    def action(self) -> str:
        return "rejected" if self.step == INTAKE else "dropped" if self.dropped else "changed"


@dataclass
class Account:
    """What became of every row so far."""

    clean: Clean
    rows: Rows
    alive: Bools = field(init=False)  # neither dropped nor rejected
    part: Ints = field(init=False)  # 0 goes on; otherwise one more than the place in `parts`
    parts: list[str] = field(default_factory=list)
    aside_at: dict[int, int] = field(default_factory=dict)  # part → step number
    _lines: list[_Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.rows), np.bool_)
        self.part = np.zeros(len(self.rows), np.int64)

    def live(self, number: int) -> Ints:
        """Return the places of the rows that meet a step."""
        joined = np.array(joining(self.clean), np.int64)[self.rows.source] <= number
        return np.flatnonzero(self.alive & (self.part == 0) & joined)

    def take(self, table: pa.Table) -> None:
        """Take over the lines of a pass: a table with `row` and `lines`."""
        lengths = np.array([len(lines) for lines in table["lines"].to_pylist()], np.int64)
        places = self.rows.places(np.repeat(table["row"].to_numpy(), lengths))
        for place, line in zip(
            places.tolist(), (line for lines in table["lines"].to_pylist() for line in lines), strict=True
        ):
            row = line.pop("original")
            original = -1 if row is None else int(self.rows.places(np.array([row]))[0])
            self._add(_Line(place=place, original=original, **line))

    def decide(self, number: int, verdict: Verdict) -> None:
        """Take over what a step said that compares rows."""
        originals, scores, clusters = verdict.duplicate_of, verdict.score, verdict.cluster
        for index, place in enumerate(verdict.dropped.tolist()):
            line = _Line(place, number, verdict.rule, dropped=True)
            if originals is not None:
                line = line._replace(original=int(originals[index]))
            if scores is not None and clusters is not None:
                line = line._replace(score=float(scores[index]), cluster=int(clusters[index]))
            self._add(line)
        for name, places in verdict.aside.items():
            self.parts.append(name)
            self.aside_at[len(self.parts)] = number
            self.part[places] = len(self.parts)

    def _add(self, line: _Line) -> None:
        if line.dropped and not self.alive[line.place]:
            row = self.rows.id(line.place)
            raise BugError(f"row {row}", "found it dropped twice, expected once", "Please report this.")
        self.alive[line.place] &= not line.dropped
        self._lines.append(line)

    def ledger(self) -> pa.Table:
        """Return the ledger, sorted by id and then in the order of the steps."""
        rank = self.rows.rank
        lines = sorted(self._lines, key=lambda line: (rank[line.place], line.step))
        names = [source.name for source in self.clean.sources]
        steps = {number: step.label for number, step in enumerate(self.clean.steps)} | {INTAKE: "intake"}
        columns = {
            "id": self.rows.ids(line.place for line in lines),
            "source": [names[self.rows.source[line.place]] for line in lines],
            "step": [steps[line.step] for line in lines],
            "action": [line.action for line in lines],
            "rule": [line.rule for line in lines],
            "score": [line.score for line in lines],
            "duplicate_of": [None if line.original < 0 else self.rows.id(line.original) for line in lines],
            "cluster": [line.cluster for line in lines],
            "detail": [line.detail for line in lines],
        }
        return pa.table(columns, schema=LINES)

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
        if steps and not np.array_equal(out, left):
            raise BugError(
                "clean",
                f"found {out} rows going out by source, expected {left} by the ledger",
                "Please report this.",
            )
        return {"rows": int(out.sum()), "sources": sources, "steps": steps, "splits": splits}

    def _tally(self) -> tuple[dict[int, Ints], dict[int, Ints]]:
        """Count dropped and changed rows by step and source."""
        dropped: dict[int, Ints] = {}
        changed: dict[int, Ints] = {}
        for line in self._lines:
            counts = (dropped if line.dropped else changed).setdefault(
                line.step, np.zeros(len(self.clean.sources), np.int64)
            )
            counts[self.rows.source[line.place]] += 1
        return dropped, changed

    def _aside(self, number: int) -> Ints:
        parts = [part for part, at in self.aside_at.items() if at == number]
        here = np.isin(self.part, parts) & self.alive
        return np.bincount(self.rows.source[here], minlength=len(self.clean.sources))
