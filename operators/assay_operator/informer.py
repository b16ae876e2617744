"""Lists of objects, each followed by a watch: what is there, what changes and what goes is told as it is heard.

It keeps the names of what it told, and no objects; they are kept when following ends, and begins anew. A watch that ends goes on where it was; one that lost its place, which the API
server says with 410, lists anew, and then what went meanwhile is told too.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import aiohttp
import orjson
from kubernetes import client
from kubernetes.config.config_exception import ConfigException

from assay_operator.health import Heart
from assay_operator.pauses import Pauses

Plain = dict[str, Any]


class Tell(Protocol):
    """Hears of objects."""

    def __call__(self, found: Plain, *, there: bool) -> None:
        """Hear of an object, and whether it is there; of one that went unseen only its kind, namespace and name are known."""
        ...


_log = logging.getLogger(__name__)

_WATCHED_SECONDS, _SILENT_SECONDS = 300, 330  # a connection that died unnoticed is replaced
_CONNECT_SECONDS = 10.0
_STALE_SECONDS = 600.0  # without any answer
_PAGE = 100  # objects
_ABSENT_SECONDS = 60.0  # until a kind that is not served is asked for again
_NOT_FOUND, _GONE = 404, 410
_PASSING = (aiohttp.ClientError, OSError, ConfigException, ValueError)  # also of files that say how to ask


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Objects of a kind, in a namespace or in all."""

    path: str
    api_version: str
    kind: str
    selector: str = ""


@dataclass(frozen=True)
class Followed:
    """A collection, who hears of it, the namespaces and names of what is there as far as was told, and signs of life."""

    collection: Collection
    tell: Tell
    known: set[tuple[str, str]] = field(default_factory=set)
    answers: Heart = field(default_factory=lambda: Heart(time.monotonic))  # of the API server


def is_current(followed: Iterable[Followed]) -> bool:
    """Whether the API server answered lately about all of them; one that is quiet is asked for anew every five minutes."""
    return all(one.answers.silent <= _STALE_SECONDS for one in followed)


class _LostPlaceError(Exception):
    """The API server does not know any more what happened since."""


class _AbsentError(Exception):
    """The API server serves no such kind."""


class Informer:
    """Follows one collection."""

    def __init__(self, session: aiohttp.ClientSession, reached: "Reached", followed: Followed) -> None:
        self._session = session
        self._reached = reached
        self._of = followed.collection
        self._tell = followed.tell
        self._known = followed.known
        self._answers = followed.answers
        self._pauses = Pauses()
        self._version: str | None = None  # up to which all has been told
        self.synced = asyncio.Event()  # what there was at the beginning was told

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                if self._version is None:
                    self._version = await self._list()
                    self._pauses.listed()
                    self.synced.set()
                await self._watch(self._version)
                pause = self._pauses.ended()
            except _LostPlaceError:
                _log.info("%s: the watch lost its place, and lists anew", self._of.path)
                self._version = None
                pause = self._pauses.lost()
            except _AbsentError:
                self._version = None
                self._answers.beat()
                self._forget(self._known)
                self.synced.set()
                pause = _ABSENT_SECONDS
            except _PASSING as error:
                _log.warning("%s: the watch broke, and goes on: %s", self._of.path, error)
                pause = self._pauses.broke()
            await asyncio.sleep(pause)

    async def _list(self) -> str:
        """Tell all that is there, and what went since it was told; return up to when that is so."""
        listed: set[tuple[str, str]] = set()
        query = {"limit": str(_PAGE)}
        while True:
            async with self._asked(query) as answer:
                page = await answer.json()
            self._answers.beat()
            for item in page["items"]:
                listed.add(self._heard(item, there=True))
            following = page["metadata"].get("continue")
            if not following:
                break
            query["continue"] = following
        self._forget(self._known - listed)
        version: str = page["metadata"]["resourceVersion"]
        return version

    async def _watch(self, version: str) -> None:
        """Tell what happens after that version until the watch ends."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCHED_SECONDS),
        }
        async with self._asked(query) as answer:
            self._answers.beat()
            self._pauses.answered()
            async for line in _lines(answer):
                event = orjson.loads(line)
                found = event["object"]
                if event["type"] == "ERROR":
                    raise _LostPlaceError
                self._answers.beat()
                self._pauses.told()
                self._version = found["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._heard(found, there=event["type"] != "DELETED")

    def _asked(self, query: dict[str, str]) -> "_Answer":
        chosen = {"labelSelector": self._of.selector} if self._of.selector else {}
        return _Answer(self._session, self._reached, self._of.path, {**chosen, **query})

    def _heard(self, found: Plain, *, there: bool) -> tuple[str, str]:
        metadata = found["metadata"]
        name = (metadata["namespace"], metadata["name"])
        self._known.add(name)
        self._tell({**found, "apiVersion": self._of.api_version, "kind": self._of.kind}, there=there)
        if not there:
            self._known.discard(name)  # only now: what was not heard, because of a bug, is told again
        return name

    def _forget(self, names: set[tuple[str, str]]) -> None:
        for namespace, name in sorted(names):
            self._heard({"metadata": {"namespace": namespace, "name": name}}, there=False)


class Reached:
    """How the API server is reached, as the official client's configuration says."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._configuration = configuration
        self._read: list[bytes] | None = None  # what the files said of which the context was made
        self._context: ssl.SSLContext

    def context(self) -> ssl.SSLContext:
        """Return whom to trust, and who asks, as the files say now: a cluster's authority may be renewed at any time."""
        named = (
            self._configuration.ssl_ca_cert,
            self._configuration.cert_file,
            self._configuration.key_file,
        )
        read = [Path(name).read_bytes() if name else b"" for name in named]
        if read != self._read:
            self._context, self._read = self._made(), read
        return self._context

    def _made(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if not self._configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        return context

    def url(self, path: str) -> str:
        """Return where a path is."""
        return f"{self._configuration.host}{path}"

    def named(self) -> dict[str, str]:
        """Return the headers that say who asks; a service account's token is renewed now and then."""
        ways: dict[str, Any] = dict(self._configuration.auth_settings())
        return {way["key"]: way["value"] for way in ways.values()}


async def follow(
    configuration: client.Configuration,
    followed: Sequence[Followed],
    synced: Callable[[], None],
) -> None:
    """Follow all of them for ever; `synced` is called once everything that there was at first has been told."""
    reached = Reached(configuration)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as tasks,
    ):
        informers = [Informer(session, reached, one) for one in followed]
        for informer in informers:
            tasks.create_task(informer.run())
        await asyncio.gather(*(informer.synced.wait() for informer in informers))
        synced()


class _Answer:
    """An answer that is a success, within time limits."""

    def __init__(
        self, session: aiohttp.ClientSession, reached: Reached, path: str, query: dict[str, str]
    ) -> None:
        self._asked = session.get(
            reached.url(path),
            params=query,
            headers=reached.named(),
            ssl=reached.context(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS
            ),
        )

    async def __aenter__(self) -> aiohttp.ClientResponse:
        answer = await self._asked.__aenter__()
        if answer.ok:
            return answer
        answer.close()
        refused = {_GONE: _LostPlaceError(), _NOT_FOUND: _AbsentError()}
        raise refused.get(answer.status) or aiohttp.ClientError(f"found {answer.status}, expected success")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._asked.__aexit__(kind, raised, trace)


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield lines, however long."""
    rest = bytearray()
    async for chunk in answer.content.iter_any():
        rest += chunk
        *whole, last = rest.split(b"\n")
        for line in whole:
            yield bytes(line)
        rest = bytearray(last)
