"""What Ray's workers have finished of a cleaning, in the store: the result of a pass for one block is one object.

Its key is made of all that the result depends on: the stage, the program and its libraries, the pass, and what is in the block.
So nothing rests on how files were cut, on how Ray split blocks, or on what an earlier attempt was told.
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

import assay
import assay_pipelines
from assay.artifacts.canonical import canonical_json
from assay.artifacts.environment import environment
from assay.artifacts.layout import resume_key
from assay.errors import StoreError
from assay.stores.open import open_store
from assay.stores.resume import get_sealed, put_sealed
from assay.stores.store import Store
from assay_pipelines.stage import StageRun

OnBlock = Callable[[pa.Table], pa.Table]

_ROWS_AT_ONCE = 1024
_WRITING = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_READING = pa.ipc.IpcReadOptions(use_threads=False)


@dataclass(frozen=True, kw_only=True)
class Partitions:
    """Where those of a stage are. It travels to workers, which open the store by themselves."""

    store: str  # its URI
    folder: str  # the beginning of their keys

    @classmethod
    def of(cls, run: StageRun) -> Self:
        """Return those that this program, with these libraries, keeps of a stage."""
        return cls(store=run.store.uri, folder=resume_key(run.stage.ref, _program()))

    def through(self, table: pa.Table, functions: tuple[OnBlock, ...], name: str) -> pa.Table:
        """Put a block through functions, or return what they made of it in another attempt.

        A store that does not answer costs the next attempt some work, and this one nothing.
        """
        key = f"{self.folder}/{name}/{_digest(table)}.arrow"
        try:
            store = _opened(self.store)
            kept = get_sealed(store, key)
        except StoreError:
            return through(table, functions)
        if kept is not None:
            with pa.ipc.open_stream(kept, options=_READING) as reader:
                return reader.read_all()
        made = through(table, functions)
        with suppress(StoreError):
            put_sealed(store, key, _encoded(made))
        return made


def through(table: pa.Table, functions: tuple[OnBlock, ...]) -> pa.Table:
    """Put a block through functions, one after another."""
    return reduce(lambda done, function: function(done), functions, table)


@lru_cache(maxsize=1)
def _opened(uri: str) -> Store:
    return open_store(uri)


def _program() -> str:
    """Name the code and the libraries: whoever changes the code has nothing to do with what it kept before."""
    digest = hashlib.sha256(canonical_json(environment()))
    for package in (assay, assay_pipelines):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(b"%s\0%d\0" % (path.relative_to(folder).as_posix().encode(), path.stat().st_size))
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _encoded(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_WRITING) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _digest(table: pa.Table) -> str:
    """Digest what is in a table: some rows at a time, freshly laid out, so that no slice's offsets show."""
    sink = _Digesting()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for begin in range(0, table.num_rows, _ROWS_AT_ONCE):
            rows = table.slice(begin, _ROWS_AT_ONCE)
            writer.write_table(rows.take(pa.array(np.arange(rows.num_rows))).combine_chunks())
    return sink.digest.hexdigest()


class _Digesting(io.RawIOBase):
    """Digests what is written to it, without holding it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        """Allow it."""
        return True

    def write(self, data: Any) -> int:
        """Digest bytes."""
        self.digest.update(data)
        return len(data)
