"""From a URI to a store."""

from pathlib import Path
from urllib.parse import unquote, urlparse

from assay.errors import StoreError
from assay.stores.folder import FolderStore
from assay.stores.store import Store


def open_store(uri: str) -> Store:
    """Open `file:///folder`, a path, or `s3://bucket/prefix`.

    Raises:
        StoreError: the scheme is unknown, or the store refuses or lacks conditional PUT.

    """
    parsed = urlparse(uri)
    if parsed.scheme == "file":
        return FolderStore(Path(unquote(parsed.path)))
    if parsed.scheme == "":
        return FolderStore(Path(uri))
    raise StoreError(
        uri,
        f"found scheme {parsed.scheme!r}, expected file or s3",
        "Give --store a folder or s3://bucket/prefix.",
    )


def open_source(uri: str) -> Store:
    """Open a folder of outside inputs, `file:///folder` or `s3://bucket/prefix`, to read from.

    Raises:
        StoreError: the scheme is unknown, or the store refuses.

    """
    return open_store(uri)
