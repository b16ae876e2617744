"""JSON documents in a store."""

from typing import TypeVar

from pydantic import ValidationError

from assay.artifacts.documents import Document
from assay.errors import StoreError
from assay.stores.store import Store

D = TypeVar("D", bound=Document)


def read_document(store: Store, key: str, kind: type[D]) -> D | None:
    """Return the document under `key`, or None when there is none.

    Raises:
        StoreError: what is there is not such a document.

    """
    data = store.get(key)
    return None if data is None else decoded(store, key, kind, data)


def decoded(store: Store, key: str, kind: type[D], data: bytes) -> D:
    """Decode bytes that lay under `key`.

    Raises:
        StoreError: they are not such a document.

    """
    try:
        return kind.decode(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise StoreError(
            f"{store.uri}/{key}",
            f"found {len(data)} bytes that are no {kind.__name__} ({place + ': ' if place else ''}{first['msg']}), expected one that assay wrote",
            "If another version of assay wrote it, use that one; if it is damaged, delete it, and assay makes it again.",
        ) from error
