"""What attempts at a stage leave for the next one to go on from, and pods for each other; it is dropped once the stage is done.

Sealed objects end with the SHA-256 of what is before it: one that does not hold what was written counts as absent.
"""

import hashlib

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import resume_key
from assay.stores.store import Store, delete_all

_SEAL_BYTES = hashlib.sha256().digest_size


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
    delete_all(store, [info.key for info in store.keys(resume_key(ref, ""))])
