"""A proxy in front of a real S3 server, for what real servers do only on bad days."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None  # send this many bytes of what was promised, then hang up


Forward = Callable[[Request], Answer]
Mishap = Callable[[Request, Forward], Answer | None]  # None hangs up without a word

_HOP = {"connection", "transfer-encoding", "keep-alive"}


@contextmanager
def proxied(server: Any, mishap: Mishap) -> Iterator[Any]:
    """Yield the server as seen through a proxy to which a mishap happens; signatures stay valid."""
    backend = urlsplit(server.endpoint)

    def forward(request: Request) -> Answer:
        connection = http.client.HTTPConnection(backend.hostname or "", backend.port, timeout=30)
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP}
        return Answer(response.status, headers, response.read())

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = mishap(Request(self.command, self.path, dict(self.headers), body), forward)
            self.close_connection = True
            if answer is None:
                return
            self.send_response_only(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.cut])

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{listener.server_port}"
        yield SimpleNamespace(
            endpoint=endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            bucket=server.bucket,
            region=server.region,
        )
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
