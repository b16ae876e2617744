"""What attempts at a stage leave for the next one to go on from, and pods for each other; it is dropped once the stage is done.

Sealed objects end with the SHA-256 of what is before it: one that does not hold what was written counts as absent.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import resume_key
from assay.stores.store import Store

_SEAL_BYTES = hashlib.sha256().digest_size
_AT_ONCE = 16  # requests, as many as a store's client has connections


def put_sealed(store: Store, key: str, data: bytes) -> None:
    """Write an object whole, with its seal, replacing what is there."""
    store.put(key, data + hashlib.sha256(data).digest())


def get_sealed(store: Store, key: str) -> bytes | None:
    """Return what was written, or None if nothing was, or it is damaged."""
    sealed = store.get(key)
    if sealed is None:
        return None
    data = sealed[:-_SEAL_BYTES]
    return data if hashlib.sha256(data).digest() == sealed[-_SEAL_BYTES:] else None


def drop_resume(store: Store, ref: ArtifactRef) -> None:
    """Remove what attempts at a stage left."""
    keys = [info.key for info in store.keys(resume_key(ref, ""))]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(store.delete, keys):
            pass  # raises what a request raised
