"""Leader election against a real API server: one leads, a loser stops in time, and what is given back is taken at once."""

import contextlib
import os
import queue
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kubernetes import client

from assay_operator.lease import LOST, Leadership, Timing
from operator_access import SERVICE_ACCOUNT, client_of, configuration_of, installed

PATIENCE = 60  # seconds
QUICK = Timing(lease=6, renew=4, retry=1, request=1.5)
SLOW = Timing(lease=60, renew=50, retry=1, request=5)


class Gate(socketserver.ThreadingTCPServer):
    """Stands before the API server; when it is shut, requests hang and new connections wait for ever."""

    daemon_threads = True

    def __init__(self, api):
        self.open = threading.Event()
        self.open.set()
        target = (urlsplit(api).hostname, urlsplit(api).port)

        class Handler(socketserver.BaseRequestHandler):
            def handle(handler):  # noqa: N805 -- self is the gate
                with socket.create_connection(target) as onward:
                    back = threading.Thread(target=self.pump, args=(onward, handler.request), daemon=True)
                    back.start()
                    self.pump(handler.request, onward)
                    back.join()

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.server_address[1]}"

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.open.wait()
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def stand(cluster, namespace):
    """Let replicas stand for election in the test's namespace; all are released at the end."""
    standing = []

    def stand(replica, *, timing=QUICK, server=None):
        configuration = configuration_of(cluster.kubeconfig, server=server)
        leadership = Leadership(
            configuration, namespace=namespace, name="lease", replica=replica, timing=timing
        )
        told = queue.Queue()
        leadership.start(lambda: told.put("started"), told.put)
        standing.append(leadership)
        return leadership, told

    yield stand
    for leadership in standing:
        leadership.release()


def holder(cluster, namespace):
    lease = client.CoordinationV1Api(client_of(cluster)).read_namespaced_lease("lease", namespace)
    return lease.spec.holder_identity


def test_one_of_two_leads_and_the_other_takes_over_at_once_when_it_is_released(cluster, namespace, stand):
    first, told_first = stand("a", timing=SLOW)
    assert told_first.get(timeout=PATIENCE) == "started"
    second, told_second = stand("b", timing=SLOW)
    assert (first.leads, second.leads) == (True, False)
    assert holder(cluster, namespace) == first.identity

    first.release()
    assert not first.leads
    assert told_second.get(timeout=PATIENCE / 2) == "started"  # a lease that expires takes twice as long

    assert (second.leads, holder(cluster, namespace)) == (True, second.identity)
    assert told_first.empty()  # who gives up has not lost


def test_a_leader_whose_requests_hang_stops_before_another_starts(cluster, namespace, stand):
    gate = Gate(cluster.api)
    first, told_first = stand("a", server=gate.url)
    assert told_first.get(timeout=PATIENCE) == "started"
    second, told_second = stand("b")

    gate.open.clear()
    why = told_first.get(timeout=PATIENCE)
    assert not first.leads
    assert told_second.empty()
    assert not second.leads
    assert told_second.get(timeout=PATIENCE) == "started"
    assert "renewed" in why
    gate.open.set()
    gate.shutdown()


def test_an_api_server_that_comes_back_before_the_deadline_leaves_the_leader_in_place(
    cluster, namespace, stand
):
    gate = Gate(cluster.api)
    first, told = stand("a", timing=SLOW, server=gate.url)
    assert told.get(timeout=PATIENCE) == "started"
    before = renewal(cluster, namespace)

    gate.open.clear()
    with pytest.raises(queue.Empty):
        told.get(timeout=QUICK.renew)  # several requests fail meanwhile
    gate.open.set()

    wait_until(lambda: renewal(cluster, namespace) > before)
    assert first.leads
    assert told.empty()
    gate.shutdown()


def test_a_loser_ends_its_process_with_a_status_of_its_own(cluster, namespace):
    gate = Gate(cluster.api)
    program = Path(__file__).parent / "lease_process.py"
    process = subprocess.Popen(
        [sys.executable, program, str(cluster.kubeconfig), gate.url, namespace],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(program.parents[1])},
    )
    try:
        assert process.stdout.readline() == "leads\n"
        gate.open.clear()
        _, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        gate.open.set()
        gate.shutdown()

    assert process.returncode == LOST
    assert "no longer leading, so this process ends" in errors


def test_the_published_role_lets_the_operator_elect_and_no_other_lease(cluster):
    with installed(cluster):
        allowed = [
            what
            for what in (
                ("create", "leases"),
                ("get", "leases/assay-operator"),
                ("update", "leases/assay-operator"),
                ("get", "leases/other"),
                ("list", "leases"),
                ("delete", "leases/assay-operator"),
            )
            if may(cluster, *what)
        ]

    assert allowed == [
        ("create", "leases"),
        ("get", "leases/assay-operator"),
        ("update", "leases/assay-operator"),
    ]


def may(cluster, verb, what):
    try:
        cluster.kubectl("auth", "can-i", verb, what, "--namespace=assay-system", f"--as={SERVICE_ACCOUNT}")
    except RuntimeError:  # kubectl's way to say no
        return False
    return True


def renewal(cluster, namespace):
    return (
        client.CoordinationV1Api(client_of(cluster)).read_namespaced_lease("lease", namespace).spec.renew_time
    )


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        pause.wait(0.1)
