"""What a stage wrote, as a file that is read in parts.

A small file is fetched whole and held to its record's SHA-256. Of a large one only what is asked for is fetched: its size
is held to the record, and what is read to the checksums inside, which is the reader's to do (`stores/by_id.py`).
"""

import hashlib
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from assay.artifacts.documents import Record
from assay.artifacts.layout import data_key, record_key
from assay.errors import StoreError
from assay.stores.records import DamagedOutput
from assay.stores.store import Store

WHOLE_BYTES = 4 * 2**20  # up to here one request for everything is as quick as several for parts

_AT_ONCE = 8  # requests; a store answers several in the time of one
_GAP = 128 * 1024  # bytes; fetching what lies between two wanted parts takes less time than another request

Extent = tuple[int, int]  # start and end, in bytes


class RangedFile(io.RawIOBase):
    """A read-only file over a store's ranges; what `fetch` brought is held until the next `fetch`."""

    def __init__(self, store: Store, record: Record, path: str) -> None:
        self._store = store
        self._key = data_key(record.identity.ref, record.provenance.attempt, path)
        self._record_key = record_key(record.identity.ref)
        self._expected = record.outputs.files[path]
        self._at = 0
        self._held: list[tuple[int, bytes]] = []
        self.where = f"{store.uri}/{self._key}"
        if self._expected.size <= WHOLE_BYTES:
            self._hold_whole()
        elif (info := store.info(self._key)) is None:
            raise self._gone()
        elif info.size != self._expected.size:
            raise self.damaged(f"{info.size} bytes", f"{self._expected.size} as its record says")

    def damaged(self, found: str, expected: str) -> DamagedOutput:
        """Return the error that says that the file is not what was written."""
        do = f"Restore the file, or delete {self._record_key} so that the stage runs again."
        return DamagedOutput(self.where, f"found {found}, expected {expected}", do)

    def fetch(self, extents: Iterable[Extent]) -> None:
        """Bring these parts at once; reading inside them asks the store no more."""
        if self._expected.size <= WHOLE_BYTES:
            return
        wanted = _joined(sorted(extents))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = pool.map(lambda extent: self._part(*extent), wanted)
            self._held = list(zip((start for start, _ in wanted), parts, strict=True))

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._expected.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Say where reading goes on."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, all of them up to the end of the file."""
        end = self._expected.size if size < 0 else min(self._at + size, self._expected.size)
        data = self._held_part(self._at, end)
        if data is None:
            data = self._part(self._at, end)
        self._at = end
        return data

    def _held_part(self, start: int, end: int) -> bytes | None:
        for begin, data in self._held:
            if begin <= start and end <= begin + len(data):
                return data[start - begin : end - begin]
        return None

    def _part(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        data = self._store.get_range(self._key, start, end - start)
        if data is None:
            raise self._gone()
        return data

    def _hold_whole(self) -> None:
        data = self._store.get(self._key)
        if data is None:
            raise self._gone()
        found, expected = hashlib.sha256(data).hexdigest(), self._expected.sha256
        if found != expected:
            raise self.damaged(f"bytes of sha256 {found[:12]}…", f"{expected[:12]}… as its record says")
        self._held = [(0, data)]

    def _gone(self) -> StoreError:
        return StoreError(self.where, "found nothing, expected an object", "Run the stage again.")


def _joined(extents: list[Extent]) -> list[Extent]:
    """Join sorted extents that lie near each other."""
    joined: list[Extent] = []
    for start, end in extents:
        if joined and start - joined[-1][1] <= _GAP:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
