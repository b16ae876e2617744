"""Finding rows in what a clean stage wrote, without reading all of it.

`pa.scalar` and `to_numpy` import pandas where it is installed, which takes longer than most answers: neither is used for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts.documents import Record
from assay.artifacts.outputs import LEDGER, chats_file
from assay.errors import SpecError
from assay.report.story import story
from assay.stores.by_id import SortedOutput
from assay.stores.store import Store

_SHOWN = 5  # ids, where several fit
_MOST = 10_000  # lines of one beginning of an id: a short one begins many
_HASH_DIGITS = 32  # of an id, `<digits>-<number>`


@dataclass(frozen=True)
class Rows:
    """All rows of a clean stage: those in the ledger, and those that no step dropped."""

    record: Record
    ledger: SortedOutput
    files: dict[str, SortedOutput]  # part → its rows; `out` is what goes on

    @classmethod
    def of(cls, store: Store, record: Record) -> "Rows":
        """Open what the stage wrote."""
        names = {"out": chats_file()} | {part: chats_file(part) for part in record.outputs.summary["splits"]}
        files = {part: SortedOutput(store, record, name) for part, name in names.items()}
        return cls(record=record, ledger=SortedOutput(store, record, LEDGER), files=files)

    def find(self, text: str) -> str:
        """Return the id that is this, or the only one that starts so; `<digits>-<number>` may have fewer digits.

        Raises:
            SpecError: there is none, or there are several.

        """
        digits, _, number = text.partition("-")
        prefix = text if len(digits) == _HASH_DIGITS else digits
        files = [self.ledger, *self.files.values()]
        ids = {
            item
            for file in files
            for item in file.starting_with(prefix, _MOST, ["id"])["id"].unique().to_pylist()
            if not number or item.rpartition("-")[2] == number
        }
        if len(ids) == 1:
            return str(ids.pop())
        if ids:
            shown = ", ".join(sorted(ids)[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
            raise SpecError(f"row {text!r}", f"found several, expected one: {shown}", "Give more of its id.")
        near = {item for file in files for item in file.beside(text)}
        nearest = max(sorted(near), key=lambda item: _shared(item, text), default=None)
        came = sum(source["in"] for source in self.record.outputs.summary["sources"].values())
        raise SpecError(
            f"row {text!r}",
            f"found no id that starts so among {came} rows",
            f"The nearest is {nearest}." if nearest else "The sources gave no row.",
        )

    def story(self, row: str) -> dict[str, Any]:
        """Tell what became of the row with this id."""
        lines = _exactly(self.ledger, row)
        for part, file in self.files.items():
            if found := _exactly(file, row, ["id", "source"]):
                return story(self.record, found[0], lines, part)
        return story(self.record, {"id": row, "source": lines[0]["source"]}, lines, None)


def first_lines(ledger: SortedOutput, most: int, step: str | None) -> pa.Table:
    """Return the first lines, of one step or of all."""
    places = range(len(ledger)) if step is None else _places(ledger, step)
    return ledger.take(list(islice(places, most)))


def sampled_lines(ledger: SortedOutput, size: int, step: str | None) -> pa.Table:
    """Return lines drawn at random, of one step or of all: the same each time, and a larger sample holds a smaller one."""
    places = range(len(ledger)) if step is None else list(_places(ledger, step))
    order = np.random.default_rng(0).permutation(len(places))[:size].tolist()
    return ledger.take([places[at] for at in order])


def _places(ledger: SortedOutput, step: str) -> Iterator[int]:
    """Yield the places of a step's lines, reading no further than asked."""
    wanted = _scalar(step)
    for begin, table in ledger.scan(["step"]):
        yield from (
            begin + place for place in pc.indices_nonzero(pc.equal(table["step"], wanted)).to_pylist()
        )


def _scalar(text: str) -> pa.StringScalar:
    """Return a text as what is compared with a column."""
    data = text.encode()
    ends = pa.py_buffer(np.array([0, len(data)], np.int32))
    return pa.StringArray.from_buffers(1, ends, pa.py_buffer(data))[0]


def _exactly(file: SortedOutput, row: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = file.starting_with(row, _MOST, columns).to_pylist()
    return [line for line in found if line["id"] == row]


def _shared(one: str, other: str) -> int:
    """Return how many letters two words begin with alike."""
    return next((at for at in range(len(other)) if not one.startswith(other[: at + 1])), len(other))
