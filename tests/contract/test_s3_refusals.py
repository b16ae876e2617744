"""What a user is told, and how soon, when S3 does not serve; and what is survived in silence."""

import logging
import secrets
import socket
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from assay.errors import StoreError
from assay.stores.open import open_source, open_store
from assay.stores.store import Store
from fakes.s3_proxy import Answer, Forward, Mishap, Request, proxied

SOON = 10.0  # seconds


def a_uri(server: Any) -> str:
    return f"s3://{server.bucket}/tests/{secrets.token_hex(8)}"


def refusal_of(uri: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    return caught.value


def once(mishap: Mishap, *, when: str) -> Mishap:
    """Let it happen to the first request of a kind; the others pass."""
    left = [mishap]

    def passing(request: Request, forward: Forward) -> Answer | None:
        if left and request.method == when:
            return left.pop()(request, forward)
        return forward(request)

    return passing


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Take connections and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_wrong_secret_is_told(server: Any, aws: Any) -> None:
    aws(server, AWS_SECRET_ACCESS_KEY="not-the-secret-of-it")
    error = refusal_of(a_uri(server))
    assert "secret key is not that of the access key" in error.found
    assert "AWS_SECRET_ACCESS_KEY" in error.do


def test_an_unknown_access_key_is_told(server: Any, aws: Any) -> None:
    aws(server, AWS_ACCESS_KEY_ID="nobody-has-this")
    assert "does not know the access key" in refusal_of(a_uri(server)).found


def test_a_missing_bucket_is_told_and_not_made(server: Any, aws: Any) -> None:
    aws(server)
    uri = f"s3://missing-{secrets.token_hex(4)}/prefix"
    assert "no such bucket" in refusal_of(uri).found
    assert "no such bucket" in refusal_of(uri).found


def test_a_bucket_name_that_cannot_be_is_told(server: Any, aws: Any) -> None:
    aws(server)
    assert "a name that S3 does not allow" in refusal_of("s3://no!bucket/prefix").found


def test_an_invalid_session_token_is_told(server: Any, aws: Any) -> None:
    aws(server, AWS_SESSION_TOKEN="no-such-token")
    assert refusal_of(a_uri(server)).do


def test_a_server_that_is_not_there_is_told_soon(server: Any, aws: Any, closed_port: int) -> None:
    aws(server, AWS_ENDPOINT_URL=f"http://127.0.0.1:{closed_port}")
    began = time.monotonic()
    error = refusal_of(a_uri(server))
    assert time.monotonic() - began < SOON
    assert f"no answer from http://127.0.0.1:{closed_port}" in error.found
    assert "AWS_ENDPOINT_URL" in error.do


def test_a_server_that_never_answers_is_told_soon(server: Any, aws: Any, silent_port: int) -> None:
    aws(server, AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent_port}")
    began = time.monotonic()
    error = refusal_of(a_uri(server))
    assert time.monotonic() - began < SOON
    assert "does not answer in time" in error.found


def test_a_server_whose_name_is_unknown_is_told_soon(server: Any, aws: Any) -> None:
    aws(server, AWS_ENDPOINT_URL="http://store.invalid:9000")
    began = time.monotonic()
    error = refusal_of(a_uri(server))
    assert time.monotonic() - began < SOON
    assert "its name is unknown" in error.found


def test_a_server_that_speaks_no_tls_is_told(server: Any, aws: Any) -> None:
    aws(server, AWS_ENDPOINT_URL=server.endpoint.replace("http://", "https://"))
    assert "no TLS" in refusal_of(a_uri(server)).found


def test_a_web_page_in_place_of_a_store_is_told(server: Any, aws: Any) -> None:
    def page(_request: Request, _forward: Forward) -> Answer:
        return Answer(404, {"Content-Type": "text/html"}, b"<html>A console</html>")

    with proxied(server, page) as console:
        aws(console)
        assert "not S3's" in refusal_of(a_uri(server)).found


def test_a_store_without_conditional_put_is_refused(server: Any, aws: Any) -> None:
    def ignoring(request: Request, forward: Forward) -> Answer:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "if-none-match"}
        return forward(request._replace(headers=headers))

    with proxied(server, ignoring) as old:
        aws(old)
        error = refusal_of(a_uri(server))
    assert "overwrites objects" in error.found
    assert "MinIO" in error.do


def test_a_store_that_says_that_it_has_no_conditional_put_is_refused(server: Any, aws: Any) -> None:
    def honest(request: Request, forward: Forward) -> Answer:
        if request.method == "PUT":
            body = b"<?xml version='1.0'?><Error><Code>NotImplemented</Code><Message>If-None-Match</Message></Error>"
            return Answer(501, {"Content-Type": "application/xml"}, body)
        return forward(request)

    with proxied(server, honest) as old:
        aws(old)
        assert "no conditional PUT" in refusal_of(a_uri(server)).found


def test_a_full_store_is_told(server: Any, aws: Any) -> None:
    def full(request: Request, forward: Forward) -> Answer:
        if request.method == "PUT":
            body = (
                b"<?xml version='1.0'?><Error><Code>XMinioStorageFull</Code><Message>full</Message></Error>"
            )
            return Answer(507, {"Content-Type": "application/xml"}, body)
        return forward(request)

    with proxied(server, full) as small:
        aws(small)
        assert "full" in refusal_of(a_uri(server)).found


def test_no_secret_and_no_signature_is_told_or_logged(
    server: Any, aws: Any, closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    aws(server)
    store = open_store(a_uri(server))
    store.create("a", b"x")
    told = [repr(store), str(store), store.uri]
    aws(server, AWS_SECRET_ACCESS_KEY="wrong-but-still-secret", AWS_SESSION_TOKEN="token-that-is-secret")
    told.append("".join(traceback.format_exception(refusal_of(a_uri(server)))))
    with proxied(server, once(lambda *_: None, when="PUT")) as shaky:
        aws(shaky)
        open_store(a_uri(server))
    aws(server, AWS_ENDPOINT_URL=f"http://127.0.0.1:{closed_port}")
    with pytest.raises(StoreError) as caught:
        open_source(a_uri(server)).put("a", b"x")
    told += ["".join(traceback.format_exception(caught.value)), caplog.text]
    for secret in (server.secret_key, "wrong-but-still-secret", "token-that-is-secret", "X-Amz-Signature"):
        assert secret not in "\n".join(told)


def test_a_source_is_read_without_a_trace_and_without_leave_to_write(server: Any, aws: Any) -> None:
    aws(server)
    uri = a_uri(server)
    open_store(uri).put("chats.jsonl", b"{}")

    def read_only(request: Request, forward: Forward) -> Answer:
        if request.method not in ("GET", "HEAD"):
            body = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
            return Answer(403, {"Content-Type": "application/xml"}, body)
        return forward(request)

    with proxied(server, read_only) as strict:
        aws(strict)
        source = open_source(uri)
        assert source.get("chats.jsonl") == b"{}"
        assert [info.key for info in source.keys("")] == ["chats.jsonl"]
        with pytest.raises(StoreError, match="access is denied"):
            source.put("chats.jsonl", b"")
        with pytest.raises(StoreError, match="access is denied"):
            open_store(uri)


def opened_through(aws: Any, server: Any, proxy: Any) -> Store:
    """Open past the mishap, then talk through the proxy."""
    uri = a_uri(server)
    aws(server)
    open_store(uri)
    aws(proxy)
    return open_source(uri)


def test_a_creator_whose_answer_was_lost_knows_that_it_won(server: Any, aws: Any) -> None:
    def lose_the_answer(request: Request, forward: Forward) -> None:
        forward(request)

    with proxied(server, once(lose_the_answer, when="PUT")) as shaky:
        store = opened_through(aws, server, shaky)
        assert store.create("claims/1", b"mine")
        assert store.get("claims/1") == b"mine"


def test_a_creator_whose_request_was_lost_knows_that_it_was_beaten(server: Any, aws: Any) -> None:
    def let_another_win(request: Request, forward: Forward) -> None:
        forward(request._replace(body=b"his!"))  # as long as ours, so the headers hold

    with proxied(server, once(let_another_win, when="PUT")) as shaky:
        store = opened_through(aws, server, shaky)
        assert not store.create("claims/1", b"mine")
        assert store.get("claims/1") == b"his!"


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_a_busy_answer_is_outlasted(server: Any, aws: Any, method: str) -> None:
    def busy(_request: Request, _forward: Forward) -> Answer:
        body = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>later</Message></Error>"
        return Answer(503, {"Content-Type": "application/xml"}, body)

    with proxied(server, once(busy, when=method)) as shaky:
        store = opened_through(aws, server, shaky)
        store.put("a", b"x")
        assert store.get("a") == b"x"
        assert store.info("a") is not None
        store.delete("a")
        assert store.get("a") is None


def test_a_download_that_breaks_half_way_is_begun_again(server: Any, aws: Any, tmp_path: Any) -> None:
    data = bytes(range(256)) * 10_000

    def break_off(request: Request, forward: Forward) -> Answer:
        return forward(request)._replace(cut=1_000_000)

    with proxied(server, once(break_off, when="GET")) as shaky:
        store = opened_through(aws, server, shaky)
        store.put("a", data)
        store.download("a", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == data
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_get_that_breaks_half_way_is_begun_again(server: Any, aws: Any) -> None:
    data = bytes(range(256)) * 10_000

    def break_off(request: Request, forward: Forward) -> Answer:
        return forward(request)._replace(cut=1_000_000)

    with proxied(server, once(break_off, when="GET")) as shaky:
        store = opened_through(aws, server, shaky)
        store.put("a", data)
        assert store.get("a") == data


def test_a_part_of_a_large_file_that_is_lost_is_sent_again(server: Any, aws: Any, tmp_path: Any) -> None:
    source = tmp_path / "file"
    source.write_bytes(bytes(range(256)) * 100_000)
    with proxied(server, once(lambda *_: None, when="PUT")) as shaky:
        store = opened_through(aws, server, shaky)
        store.upload("data/file", source)
        assert store.get("data/file") == source.read_bytes()
