"""Outside inputs on disk and in S3: what they hold now.

Identity is content: files' is the digest of theirs in order of name, with what their names' endings say about how they are
read; a folder's (a model, a program's code) the digest of relative names and contents, without what is hidden. Objects too large to read for planning go
by size and ETag. Files of a hub's dataset go by repository, commit and path: they are not even looked at before a stage
reads them.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

from assay.artifacts.canonical import digest
from assay.artifacts.documents import Location, SourceFile
from assay.artifacts.endings import endings
from assay.artifacts.hub import HubPlace
from assay.errors import SpecError
from assay.plan.compile import Resolved
from assay.plan.identity import OutsideInput
from assay.stores.files import sha256_of
from assay.stores.open import open_source
from assay.stores.store import ObjectInfo, Store

Opened = Callable[[str], Store]
"""A folder's URI as a store to read from."""

LARGE_BYTES = 8 * 2**20  # objects above this are not read for planning


class ObjectSources:
    """Resolves `s3://` below allowed prefixes, and paths relative to a folder in S3.

    Whoever resolves may read more than an experiment's author; so an author names nothing beyond what is allowed.
    """

    def __init__(self, base: str | None, opened: Opened, *, allowed: tuple[str, ...]) -> None:
        self._base = base
        self._opened = opened
        self._allowed = tuple(f"{prefix.rstrip('/')}/" for prefix in allowed)

    def resolve(self, wanted: OutsideInput) -> Resolved:
        """Return what the URI holds now."""
        scheme = urlparse(wanted.uri).scheme
        if scheme == "hf":
            return _hub(wanted)
        if scheme == "s3" and wanted.uri.startswith(self._allowed):
            return _objects(wanted.uri, wanted.uri, self._opened)
        if scheme == "s3":
            raise SpecError(
                wanted.uri,
                f"found a place that the Profile does not name, expected one below {' or '.join(self._allowed)}",
                "Copy it there, or have the Profile's `data` name its bucket.",
            )
        if scheme == "" and self._base is not None:
            return _objects(wanted.uri, f"{self._base.rstrip('/')}/{wanted.uri}", self._opened)
        if scheme == "":
            raise SpecError(
                wanted.uri,
                "found a relative path, expected s3://bucket/key: the Profile does not say where relative paths start",
                "Write a whole URI, or set `data` in the Profile.",
            )
        raise SpecError(
            wanted.key,
            f"found scheme {scheme!r}, expected s3://",
            "Copy it into the object store once, and name it there.",
        )


class FileSources:
    """Resolves paths relative to the spec's folder, `file://` and `s3://`; and `hf://datasets/…` where a hub may be asked."""

    def __init__(self, base: Path, *, hub_access: bool) -> None:
        self._base = base.absolute()
        self._hub_access = hub_access

    def resolve(self, wanted: OutsideInput) -> Resolved:
        """Return what the URI holds now."""
        scheme = urlparse(wanted.uri).scheme
        if scheme == "hf" and not self._hub_access:
            raise SpecError(
                wanted.key,
                "found a place on a hub, expected a local one or s3://: nothing is downloaded unless HF_HUB_OFFLINE is 0",
                "Download it once and name where it is, or set HF_HUB_OFFLINE=0.",
            )
        if scheme == "hf":
            return _hub(wanted)
        if scheme == "s3":
            return _objects(wanted.uri, wanted.uri, open_source)
        if scheme not in ("", "file"):
            raise SpecError(
                wanted.uri,
                f"found scheme {scheme!r}, expected a path, file://, s3:// or hf://",
                "Correct the URI.",
            )
        path = Path(unquote(urlparse(wanted.uri).path)) if scheme == "file" else self._base / wanted.uri
        return _files(path, wanted.uri)


def _hub(wanted: OutsideInput) -> Resolved:
    place = HubPlace.parse(wanted.uri, wanted.revision)
    if place is None:
        raise SpecError(
            wanted.key,
            "found no file of a hub's dataset, expected hf://datasets/owner/name/path with a revision, as a clean stage's source",
            "Correct it; bring a model into a folder or the object store once, and name it there.",
        )
    named = [place.repository, place.revision, place.path]
    content = digest("assay.hub/1", named)
    return Resolved(identity=f"sha256:{content}", location=Location(uri=place.uri, files=()))


def _files(path: Path, written: str) -> Resolved:
    if path.is_dir():
        inside = sorted(item.relative_to(path) for item in path.rglob("*") if item.is_file())
        files = tuple(_file(path / item, item.as_posix()) for item in inside if _shown(item.as_posix()))
        if not files:
            raise SpecError(
                written,
                f"found a folder without files at {path.as_uri()}, expected files",
                f"Name a file, or several by `*`, such as {written.rstrip('/')}/*.jsonl.",
            )
        named = [[file.path, file.identity] for file in files]
        return _resolved(written, path.as_uri(), files, digest("assay.folder/1", named))
    anchor, pattern = Path(path.anchor), path.relative_to(path.anchor).as_posix()
    found = sorted(anchor.glob(_only_stars(pattern))) if "*" in pattern else [path] if path.exists() else []
    folder = anchor / pattern.split("*", maxsplit=1)[0].rpartition("/")[0]
    files = tuple(_file(item, item.relative_to(folder).as_posix()) for item in found)
    return _resolved(written, path.as_uri().replace("%2A", "*"), files, _content(files))


def _shown(name: str) -> bool:
    """Leave out what is hidden, and what Python keeps beside code that it has run."""
    return not any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))


def _only_stars(pattern: str) -> str:
    """Let `*` alone be a wildcard: brackets and question marks in a folder's name are what they are."""
    return re.sub(r"[\[?]", lambda found: f"[{found[0]}]", pattern)


def _file(path: Path, name: str) -> SourceFile:
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise SpecError(
            str(path), f"found {error.strerror}, expected a readable file", "Check its permissions."
        ) from error
    return SourceFile(uri=path.as_uri(), path=name, size=path.stat().st_size, identity=f"sha256:{sha256}")


def _objects(written: str, where: str, opened: Opened) -> Resolved:
    uri = where.rstrip("/")
    fixed = uri.split("*", maxsplit=1)[0]
    folder, _, _ = fixed.rpartition("/")
    store, name = opened(folder), uri.removeprefix(f"{folder}/")
    there = None if "*" in uri else store.info(name)
    if there is None and "*" not in uri:
        inside = {info.key.removeprefix(f"{name}/"): info for info in store.keys(f"{name}/")}
        shown = sorted(path for path in inside if _shown(path))
        files = tuple(_object(store, folder, inside[path], path) for path in shown)
        return _resolved(
            written, uri, files, digest("assay.folder/1", [[file.path, file.identity] for file in files])
        )
    wanted = re.compile("[^/]*".join(re.escape(part) for part in name.split("*")))
    found = (
        [there]
        if there is not None
        else sorted(
            (info for info in store.keys(fixed.removeprefix(f"{folder}/")) if wanted.fullmatch(info.key)),
            key=lambda info: info.key,
        )
    )
    files = tuple(_object(store, folder, info, info.key) for info in found)
    return _resolved(written, uri, files, _content(files))


def _object(store: Store, folder: str, info: ObjectInfo, path: str) -> SourceFile:
    data = store.get(info.key) if info.size <= LARGE_BYTES else None
    identity = f"s3:{info.etag}" if data is None else f"sha256:{hashlib.sha256(data).hexdigest()}"
    return SourceFile(uri=f"{folder}/{info.key}", path=path, size=info.size, identity=identity)


def _content(files: tuple[SourceFile, ...]) -> str:
    return digest(
        "assay.files/2", [[file.identity, file.size, "".join(endings(file.path))] for file in files]
    )


def _resolved(written: str, uri: str, files: tuple[SourceFile, ...], content: str) -> Resolved:
    if not files:
        raise SpecError(
            written,
            f"found nothing at {uri}, expected at least one file",
            "Check the path; relative ones start at the spec's folder.",
        )
    if all(file.size == 0 for file in files):
        raise SpecError(
            written, f"found only empty files at {uri}, expected content", "Check how the file was written."
        )
    return Resolved(identity=f"sha256:{content}", location=Location(uri=uri, files=files))
