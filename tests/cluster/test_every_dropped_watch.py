"""A watch that is cut, or that loses its place, at any event has told in the end all that is there and all that went.

The operator's informer on a real API server, which has nobody else. Faults come where an answer becomes lines, so that what is asked
again, and from where, is as it would be.
"""

import asyncio
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from kubernetes import client

from assay.adapters.cluster_api import ClusterApi, path_of
from assay_operator import informer, pauses
from assay_operator.api import ApiClient
from assay_operator.informer import Collection, Followed, follow

Plain = dict[str, Any]

PATIENCE_SECONDS = 60
SELECTOR = "kept=yes"
GONE = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
EVENTS = 9  # of `happen`
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


class Cut:
    """Lets the watch break before or after one of its events, counted from 1, or lose its place there."""

    def __init__(self, number: int, fault: str) -> None:
        self._number = number
        self._fault = fault
        self.count = 0

    def around(self, lines: Callable[..., AsyncIterator[bytes]]) -> Callable[..., AsyncIterator[bytes]]:
        async def told(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
            async for line in lines(answer):
                is_event = json.loads(line)["type"] != "BOOKMARK"
                self.count += is_event
                mine = is_event and self.count == self._number
                if mine and self._fault == "cut before":
                    raise aiohttp.ClientPayloadError
                if mine and self._fault == "lost before":
                    yield GONE.encode()
                yield line
                if mine and self._fault == "cut after":
                    raise aiohttp.ClientPayloadError
                if mine and self._fault == "ended after":
                    return
                if mine and self._fault == "lost after":
                    yield GONE.encode()

        return told


class Heard:
    """What an informer has told: the state of each object, by name."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.told: list[tuple[str, bool]] = []

    def tell(self, found: Plain, *, there: bool) -> None:
        name = found["metadata"]["name"]
        self.told.append((name, there))
        if there:
            self.there[name] = found["data"]["state"]
        else:
            self.there.pop(name, None)


@pytest.fixture
def api(bare: client.Configuration) -> ClusterApi:
    return ClusterApi(ApiClient(bare))


@pytest.fixture
def namespace(api: ClusterApi) -> str:
    name = f"watch-{secrets.token_hex(4)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@contextmanager
def followed(bare: client.Configuration, path: str, heard: Heard) -> Iterator[None]:
    """Follow in a thread while the caller holds it, from when all that there was has been told."""
    synced, loop = threading.Event(), asyncio.new_event_loop()
    collection = Collection(path=path, api_version="v1", kind="ConfigMap", selector=SELECTOR)
    task = loop.create_task(follow(bare, [Followed(collection, heard.tell)], synced.set))

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run)
    thread.start()
    assert synced.wait(PATIENCE_SECONDS)
    yield
    loop.call_soon_threadsafe(task.cancel)
    thread.join()
    loop.close()


def write(api: ClusterApi, path: str, name: str, state: str) -> None:
    body = {"metadata": {"name": name, "labels": {"kept": "yes"}}, "data": {"state": state}}
    if api.create(path, body) is None:
        assert api.merge(f"{path}/{name}", {"data": {"state": state}})


def remove(api: ClusterApi, path: str, name: str) -> None:
    found = api.get(f"{path}/{name}")
    assert found is not None
    metadata = found["metadata"]
    api.delete(f"{path}/{name}", uid=metadata["uid"], resource_version=metadata["resourceVersion"])


def happen(api: ClusterApi, path: str) -> dict[str, str]:
    """Do nine things to objects, and return what is there then; the watch tells of each."""
    for name in ("a", "b", "c"):
        write(api, path, name, "new")
    write(api, path, "a", "changed")
    remove(api, path, "b")
    write(api, path, "c", "changed")
    write(api, path, "b", "again")
    remove(api, path, "a")
    write(api, path, "c", "last")
    return {"before": "old", "b": "again", "c": "last"}


def eventually(ask: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ask():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)


@pytest.mark.parametrize("fault", ["cut before", "cut after", "ended after", "lost before", "lost after"])
def test_a_watch_that_is_dropped_at_any_event_has_told_everything_in_the_end(
    bare: client.Configuration,
    api: ClusterApi,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setattr(pauses, "_SHORTEST", 0.01)
    for number in range(1, EVENTS + 1):
        there = f"{namespace}-{number}"
        api.create("/api/v1/namespaces", {"metadata": {"name": there}})
        path = path_of("v1", "configmaps", there)
        write(api, path, "before", "old")
        cut, heard = Cut(number, fault), Heard()
        with monkeypatch.context() as patched:
            patched.setattr(informer, "_lines", cut.around(informer._lines))
            with followed(bare, path, heard):
                left = happen(api, path)
                eventually(
                    lambda heard=heard, left=left: heard.there == left,
                    lambda heard=heard, number=number: f"{fault} event {number}: {heard.told}",
                )
        assert cut.count >= number


def test_a_place_that_the_api_server_has_forgotten_is_found_again_and_who_went_meanwhile_is_told(
    bare: client.Configuration, api: ClusterApi, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of("v1", "configmaps", namespace)
    write(api, path, "stays", "old")
    write(api, path, "goes", "old")
    remains = informer.Informer._watch

    async def forgetful(this: informer.Informer, version: str) -> None:
        if version != "1":
            remove(api, path, "goes")  # while nobody watches
            monkeypatch.setattr(informer.Informer, "_watch", remains)
            await remains(this, "1")  # long compacted: the API server answers 410

    monkeypatch.setattr(informer.Informer, "_watch", forgetful)
    heard = Heard()
    with followed(bare, path, heard):
        eventually(lambda: ("goes", False) in heard.told, lambda: str(heard.told))
        assert heard.there == {"stays": "old"}


def test_a_kind_that_is_not_served_yet_is_followed_once_it_is(
    bare: client.Configuration, api: ClusterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer, "_ABSENT_SECONDS", 0.05)
    names = {
        "plural": "latecomers",
        "singular": "latecomer",
        "kind": "Latecomer",
        "listKind": "LatecomerList",
    }
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "test.assay.dev", "names": names, "scope": "Namespaced", "versions": [version]}
    heard = Heard()
    path = path_of("test.assay.dev/v1", "latecomers", "default")
    with followed(bare, path, heard):
        body = {"metadata": {"name": "latecomers.test.assay.dev"}, "spec": spec}
        api.create(path_of("apiextensions.k8s.io/v1", "customresourcedefinitions"), body)
        one = {
            "apiVersion": "test.assay.dev/v1",
            "kind": "Latecomer",
            "metadata": {"name": "one", "labels": {"kept": "yes"}},
            "data": {"state": "new"},
        }
        eventually(lambda: made(api, path, one), lambda: "it is served")
        eventually(lambda: heard.there == {"one": "new"}, lambda: str(heard.told))


def made(api: ClusterApi, path: str, body: Plain) -> bool:
    try:
        return api.create(path, body) is not None
    except Exception:  # noqa: BLE001 -- not yet
        return False
