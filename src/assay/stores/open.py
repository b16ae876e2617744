"""From a URI to a store."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from assay.errors import BugError, StoreError
from assay.stores.folder import FolderStore
from assay.stores.store import Store, check_key

_S3 = "s3://"


def open_store(uri: str, environment: Mapping[str, str] = os.environ, *, resigns: bool = False) -> Store:
    """Open `file:///folder`, a path, `s3://bucket` or `s3://bucket/prefix`, to read and write.

    `environment` says how S3 is reached, and as whom, by the `AWS_*` variables. Whoever `resigns` waits for an S3 that does
    not answer for up to a minute once, and some seconds from then on until it answers.

    Raises:
        StoreError: the URI is malformed, or the store refuses or lacks conditional PUT, which is tried.

    """
    store = _at(uri, environment, resigns=resigns)
    store.check()
    return store


def open_to_read(uri: str, environment: Mapping[str, str] = os.environ) -> Store:
    """Open a store to look at it: nothing is written, and a folder that is not there yet is an empty store.

    Raises:
        StoreError: the URI is malformed, or names a file.

    """
    store = _at(uri, environment)
    store.check_readable(absent=True)
    return store


def open_source(uri: str, environment: Mapping[str, str] = os.environ) -> Store:
    """Open a folder of outside inputs, `file:///folder` or `s3://bucket/prefix`, to read from; nothing is written there.

    Raises:
        StoreError: the URI is malformed, or the folder is not there.

    """
    store = _at(uri, environment)
    store.check_readable()
    return store


class _Checked(Store, Protocol):
    """A store that can say whether it is fit for use."""

    def check(self) -> None: ...

    def check_readable(self, *, absent: bool = False) -> None: ...


def _at(uri: str, environment: Mapping[str, str], *, resigns: bool = False) -> _Checked:
    return _s3(uri, environment, resigns=resigns) if uri.startswith(_S3) else FolderStore(_folder(uri))


def _folder(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme == "" and uri:
        return Path(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    raise StoreError(
        f"store {uri!r}",
        "found neither a folder nor a bucket, expected /folder, file:///folder or s3://bucket/prefix",
        "Correct the store's URI.",
    )


def _s3(uri: str, environment: Mapping[str, str], *, resigns: bool) -> _Checked:
    # A folder's users do not wait for the S3 client, which takes most of a second to import.
    from assay.stores.s3 import S3Store  # noqa: PLC0415
    from assay.stores.s3_environment import S3Connection  # noqa: PLC0415

    bucket, _, prefix = uri.removeprefix(_S3).partition("/")
    if "@" in bucket or ":" in bucket:
        raise StoreError(
            "the store's URI",
            "found credentials or a port in it, expected s3://bucket/prefix",
            "Set AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment instead.",
        )
    prefix = prefix.rstrip("/")
    try:
        check_key(f"{bucket}/{prefix}" if prefix else bucket)
    except BugError as error:
        raise StoreError(
            f"store {uri!r}",
            "found an empty or dotted path segment, expected s3://bucket/prefix",
            "Correct the store's URI.",
        ) from error
    return S3Store(bucket, prefix, S3Connection.from_environment(environment), resigns=resigns)
