"""Any S3 with conditional PUT as a store: AWS, MinIO, SeaweedFS.

A write is atomic on S3 by nature. Conditional creation is a PUT with `If-None-Match: *`, for which the SDK has no
argument: it goes to a presigned URL. Endpoint, region and credentials come from the environment alone.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.datatypes import Object
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.exceptions import TimeoutError as SlowError

from assay.errors import StoreError
from assay.stores.files import appearing, refusal
from assay.stores.patience import PatientPool
from assay.stores.s3_environment import S3Connection
from assay.stores.s3_refusals import refused, silent
from assay.stores.store import (
    RESERVED,
    ObjectInfo,
    check_creates_once,
    check_folder,
    check_key,
    check_prefix,
)

_PART = 16 * 2**20  # bytes; larger files go up in parts, three at a time
_MOST_PARTS = 10_000  # of one upload, by S3's rules
_CHUNK = 2**20
_READING_TRIES = 3
_SIGNED_FOR = timedelta(minutes=15)  # as long as S3 lets clocks differ
_CREATED = 200
_EXISTS = 412
_ABSENT = frozenset({"NoSuchKey", "XMinioObjectExistsAsDirectory", "XMinioParentIsObject"})


class S3Store:
    """Objects below `prefix` of a bucket."""

    def __init__(self, bucket: str, prefix: str, connection: S3Connection, *, resigns: bool) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._connection = connection
        self._http = PatientPool(ca_certs=connection.ca_certs, resigns=resigns)
        self._client = Minio(
            connection.host,
            access_key=connection.access_key,
            secret_key=connection.secret_key,
            session_token=connection.session_token,
            secure=connection.secure,
            region=connection.region,
            http_client=self._http,
        )

    def __repr__(self) -> str:
        return f"S3Store({self.uri!r})"

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def check(self) -> None:
        """See, within about ten seconds, that the bucket is there and honours conditional creation.

        Raises:
            StoreError: it is not, does not, or refuses.

        """
        with self._telling(""):  # before any write: SeaweedFS makes a missing bucket for who writes to it
            next(self._listed(RESERVED, recursive=True), None)
        check_creates_once(self)

    def check_readable(self, *, absent: bool = False) -> None:
        """Nothing yet: credentials that may read one object need not be able to list."""

    def get(self, key: str) -> bytes | None:
        """Return the object's bytes, or None."""
        sink = io.BytesIO()
        with self._telling(key):
            return sink.getvalue() if self._read(key, sink) else None

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return some of the object's bytes, or None."""
        sink = io.BytesIO()
        with self._telling(key):
            return sink.getvalue() if self._read(key, sink, start, length) else None

    def info(self, key: str) -> ObjectInfo | None:
        """Return the object's size and times, or None."""
        with self._telling(key):
            try:
                found = self._client.stat_object(self._bucket, self._name(key))
            except S3Error as error:
                if error.code in _ABSENT:
                    return None
                raise
        return _info(key, found)

    def create(self, key: str, data: bytes) -> bool:
        """Write atomically if absent."""
        name = self._name(key)
        with self._telling(key):
            response, repeated = self._put_if_absent(name, data)
            if response.status == _CREATED:
                return True
            if response.status != _EXISTS:
                raise _error(response)
        # An earlier sending may have won while its answer was lost.
        return repeated and self.get(key) == data

    def put(self, key: str, data: bytes) -> None:
        """Write atomically, replacing."""
        with self._telling(key):
            self._client.put_object(self._bucket, self._name(key), io.BytesIO(data), len(data))

    def upload(self, key: str, path: Path) -> None:
        """Send a file, in parts if it is large."""
        name = self._name(key)
        with self._telling(key):
            try:
                with path.open("rb") as file:
                    size = path.stat().st_size
                    part = _PART if size <= _PART * _MOST_PARTS else 0  # 0: the SDK chooses
                    self._client.put_object(self._bucket, name, file, size, part_size=part)
            except OSError as error:
                raise refusal(str(path), error) from error

    def download(self, key: str, path: Path) -> None:
        """Fetch into a file, atomically."""
        with appearing(path) as temporary, self._telling(key), temporary.open("wb") as file:
            if not self._read(key, file):
                raise StoreError(
                    f"{self.uri}/{key}", "found nothing, expected an object", "Run the stage again."
                )

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects, a thousand a page, as they are asked for."""
        with self._telling(check_prefix(prefix)):
            for found in self._listed(prefix, recursive=True):
                key = str(found.object_name).removeprefix(self._prefix)
                if not key.endswith("/") and not key.startswith(
                    RESERVED
                ):  # consoles make objects for folders
                    yield _info(key, found)

    def children(self, prefix: str) -> list[str]:
        """Return the next path segments."""
        with self._telling(check_folder(prefix)):
            found = [str(item.object_name) for item in self._listed(prefix, recursive=False)]
        names = {name.removeprefix(f"{self._prefix}{prefix}").rstrip("/") for name in found}
        reserved = RESERVED.rstrip("/") if not prefix else ""
        return sorted(names - {"", reserved})

    def delete(self, key: str) -> None:
        """Remove the object."""
        with self._telling(key):
            try:
                self._client.remove_object(self._bucket, self._name(key))
            except S3Error as error:
                if error.code not in _ABSENT:
                    raise

    def _name(self, key: str) -> str:
        return f"{self._prefix}{check_key(key)}"

    def _put_if_absent(self, name: str, data: bytes) -> tuple[BaseHTTPResponse, bool]:
        url = self._client.presigned_put_object(self._bucket, name, expires=_SIGNED_FOR)
        return self._http.send("PUT", url, body=data, headers={"If-None-Match": "*"})

    def _listed(self, prefix: str, *, recursive: bool) -> Iterator[Object]:
        return iter(self._client.list_objects(self._bucket, f"{self._prefix}{prefix}", recursive=recursive))

    def _read(self, key: str, sink: BinaryIO, start: int = 0, length: int = 0) -> bool:
        """Write the object, or `length` bytes of it, to the sink; False when there is none."""
        for last in (False,) * (_READING_TRIES - 1) + (True,):
            try:
                response = self._client.get_object(self._bucket, self._name(key), start, length)
            except S3Error as error:
                if error.code in _ABSENT:
                    return False
                raise
            try:
                sink.writelines(response.stream(_CHUNK, decode_content=False))
            except (ProtocolError, SlowError):  # broken half-way
                if last:
                    raise
                sink.seek(0)
                sink.truncate()
            else:
                return True
            finally:
                response.close()
                response.release_conn()
        return False

    @contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        where = f"{self.uri}/{key}".rstrip("/")
        try:
            yield
        except S3Error as error:
            raise refused(where, self._connection, error.code or "", error.message or "") from error
        except (InvalidResponseError, ParseError) as error:
            raise refused(where, self._connection, "NotS3", "something that is not S3's XML") from error
        except ServerError as error:
            raise refused(where, self._connection, f"HTTP {error.status_code}", "") from error
        except ValueError as error:  # from the SDK, before it sends anything
            raise refused(where, self._connection, "InvalidName", str(error)) from error
        except HTTPError as error:
            raise silent(where, self._connection, error) from error


def _error(response: BaseHTTPResponse) -> MinioException:
    if "xml" in response.headers.get("content-type", "") and response.data:
        return S3Error.fromxml(response)
    return ServerError("the server failed", response.status)


def _info(key: str, found: Object) -> ObjectInfo:
    modified = found.last_modified or datetime.fromtimestamp(0, UTC)
    return ObjectInfo(
        key=key,
        size=found.size or 0,
        modified=modified.astimezone(UTC),
        etag=(found.etag or "").strip('"'),
    )
