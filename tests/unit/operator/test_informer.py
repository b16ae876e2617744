"""What is followed is told in the end, whatever happens to whoever follows it."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web
from kubernetes import client

from assay_operator import informer, pauses
from assay_operator.certificate import make
from assay_operator.health import Heart
from assay_operator.informer import Collection, Followed, Reached, follow, is_current
from assay_operator.servers import serve

PATH = "/api/v1/configmaps"
PATIENCE_SECONDS = 60


def an_object(name: str, version: str = "1"):
    return {"metadata": {"namespace": "team", "name": name, "resourceVersion": version}}


def an_event(name: str, version: str, kind: str = "ADDED"):
    return {"type": kind, "object": an_object(name, version)}


class Server:
    """An API server: lists what there is, and answers each watch with the next of some lists of events, then with silence."""

    def __init__(self, there: list[str], *watches: list[dict]) -> None:
        self.there = there
        self.watches: Iterator[list[dict]] = iter(watches)
        self.lists = 0
        self.over = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get(PATH, self._answer)])
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.lists += 1
            items = [an_object(name) for name in self.there]
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        answer = web.StreamResponse()
        await answer.prepare(request)
        events = next(self.watches, None)
        if events is None:
            await self.over.wait()
        for event in events or ():
            await answer.write(json.dumps(event).encode() + b"\n")
        return answer


class Heard:
    def __init__(self):
        self.told = []
        self.news = asyncio.Event()

    def tell(self, found, *, there):
        self.told.append((found["metadata"]["name"], there))
        self.news.set()

    async def until(self, *wanted):
        while not set(wanted) <= set(self.told):
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), PATIENCE_SECONDS)


def followed_by(tell) -> Followed:
    return Followed(Collection(path=PATH, api_version="v1", kind="ConfigMap"), tell)


async def while_following(server, followed, wait, *, named=None):
    """Follow until something has been waited for; what ends the following before is raised."""
    runner = await serve(server.app(), 0, host="127.0.0.1")
    reached = client.Configuration()
    reached.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    reached.api_key = {"authorization": "Bearer token"}
    reached.refresh_api_key_hook = named
    following = asyncio.create_task(follow(reached, [followed], lambda: None))
    waiting = asyncio.create_task(wait)
    try:
        await asyncio.wait([following, waiting], return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            waiting.cancel()
            following.result()
        await waiting
    finally:
        following.cancel()
        server.over.set()
        await asyncio.wait([following])
        await runner.cleanup()


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(pauses, "_SHORTEST", 0.01)


def test_what_went_after_a_bug_ended_the_following_is_told_when_it_begins_anew():
    async def play():
        heard = Heard()

        def tell(found, *, there):
            if found["metadata"]["name"] == "bug":
                raise KeyError
            heard.tell(found, there=there)

        followed = followed_by(tell)
        with pytest.raises(ExceptionGroup):
            await while_following(Server(["stays", "goes", "bug"]), followed, asyncio.Event().wait())
        await while_following(
            Server(["stays"]), followed_again(followed, heard), heard.until(("goes", False))
        )
        assert ("stays", False) not in heard.told

    asyncio.run(play())


def followed_again(followed, heard):
    return replace(followed, tell=heard.tell)


def test_an_end_that_was_not_heard_for_a_bug_is_told_again():
    async def play():
        heard = Heard()

        def tell(found, *, there):
            if not there:
                raise KeyError

        followed = followed_by(tell)
        with pytest.raises(ExceptionGroup):
            await while_following(
                Server(["goes"], [an_event("goes", "2", "DELETED")]), followed, asyncio.Event().wait()
            )
        await while_following(Server([]), followed_again(followed, heard), heard.until(("goes", False)))

    asyncio.run(play())


@pytest.mark.parametrize("raised", [FileNotFoundError, informer.ConfigException])
def test_a_token_that_cannot_be_read_for_a_moment_is_asked_for_again(raised):
    async def play():
        left, heard = [raised("token")], Heard()

        def named(_configuration):
            if left:
                raise left.pop()

        await while_following(Server(["a"]), followed_by(heard.tell), heard.until(("a", True)), named=named)
        assert not left

    asyncio.run(play())


LOST = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}


@pytest.mark.parametrize(
    "watches",
    [
        [[LOST], [an_event("b", "2"), LOST], [an_event("c", "3")]],
        [[an_event("b", "2")], [an_event("c", "3")]],
    ],
)
def test_a_watch_that_tells_something_is_followed_by_the_next_at_once_however_soon_it_ends(
    watches, monkeypatch
):
    monkeypatch.setattr(pauses, "_SHORTEST", 3600.0)
    monkeypatch.setattr(pauses, "_LONGEST", 3600.0)

    async def play():
        heard = Heard()
        await while_following(Server(["a"], *watches), followed_by(heard.tell), heard.until(("c", True)))

    asyncio.run(play())


def test_a_watch_of_which_nothing_was_heard_for_ten_minutes_is_not_current():
    now = [0.0]
    answered, silent = (replace(followed_by(print), answers=Heart(lambda: now[0])) for _ in range(2))
    now[0] = 599
    assert is_current([answered, silent])
    answered.answers.beat()
    now[0] = 601
    assert not is_current([answered, silent])
    assert is_current([answered])


def test_every_list_and_every_line_is_a_sign_of_life():
    async def play():
        heard, silences, now = Heard(), [], [0.0]
        answers = Heart(lambda: now[0])

        def tell(found, *, there):
            silences.append(answers.silent)
            heard.tell(found, there=there)
            now[0] += 100

        followed = replace(followed_by(tell), answers=answers)
        watch = [an_event("b", "2"), an_event("c", "3")]
        now[0] = 50
        await while_following(Server(["a"], watch), followed, heard.until(("c", True)))
        assert silences == [0, 0, 0]

    asyncio.run(play())


def test_an_authority_that_is_renewed_is_trusted_at_the_next_connection(tmp_path):
    file = tmp_path / "ca.crt"
    reached = client.Configuration()
    reached.ssl_ca_cert = str(file)
    before, after = (make(["here"], datetime.now(UTC)).authorities for _ in range(2))
    file.write_bytes(before)
    found = Reached(reached)
    first = found.context()
    assert found.context() is first  # and so connections are used again

    file.write_bytes(after)
    [first_trusted], [trusted] = (
        first.get_ca_certs(binary_form=True),
        found.context().get_ca_certs(binary_form=True),
    )
    assert trusted != first_trusted
    assert ssl.DER_cert_to_PEM_cert(trusted).encode() == after
