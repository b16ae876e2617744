"""For how long a server that does not answer is waited for, with a clock of the test's own."""

import socket
import threading

import certifi
import pytest
from urllib3.exceptions import HTTPError

from assay.stores import patience
from assay.stores.patience import PatientPool


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(patience, "time", made)
    return made


def answering_once():
    """Return the port of a server that answers one request and is gone then, and a wait until it is."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    return listener.getsockname()[1], thread.join


def waited(pool, url, clock):
    before = clock.now
    with pytest.raises(HTTPError):
        pool.send("GET", url)
    return clock.now - before


@pytest.mark.parametrize(("resigns", "again"), [(True, 4), (False, 30)])
def test_a_server_that_is_gone_is_waited_for_long_once_and_again_by_whoever_does_not_resign(
    clock, resigns, again
):
    port, gone = answering_once()
    url = f"http://127.0.0.1:{port}/"
    pool = PatientPool(ca_certs=certifi.where(), resigns=resigns)
    assert pool.send("GET", url)[0].status == 200
    gone()

    assert 27 < waited(pool, url, clock) <= 30
    assert again - 3 < waited(pool, url, clock) <= again
