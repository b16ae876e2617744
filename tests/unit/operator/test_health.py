"""Liveness and readiness, with a clock of the test's own, over HTTP."""

import asyncio

import aiohttp
import pytest

from assay_operator.health import Health, health_app
from assay_operator.metrics import Metrics
from assay_operator.servers import serve
from clocks import Clock


def asked(health, path):
    async def ask():
        runner = await serve(health_app(health, Metrics()), 0, host="127.0.0.1")
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{runner.addresses[0][1]}{path}") as response,
            ):
                return response.status, await response.text()
        finally:
            await runner.cleanup()

    return asyncio.run(ask())


def test_a_process_without_hearts_and_gates_is_alive_and_ready():
    assert [asked(Health(), path) for path in ("/healthz", "/readyz")] == [(200, "ok")] * 2


def test_a_heart_that_is_silent_for_too_long_ends_liveness_until_it_beats_again():
    clock = Clock(100.0)
    health = Health(clock)
    heart = health.heart("queue", within=30)

    clock.now += 30
    assert asked(health, "/healthz") == (200, "ok")
    clock.now += 1
    assert asked(health, "/healthz") == (503, "queue has been silent for 31 s, expected a beat within 30 s")
    heart.beat()
    assert asked(health, "/healthz") == (200, "ok")


@pytest.mark.parametrize(
    ("is_open", "expected"), [(True, (200, "ok")), (False, (503, "caches is not ready"))]
)
def test_a_closed_gate_makes_it_unready_and_not_dead(is_open, expected):
    health = Health()
    health.gate("caches", lambda: is_open)

    assert asked(health, "/readyz") == expected
    assert asked(health, "/healthz") == (200, "ok")


def test_metrics_are_served_as_text():
    status, text = asked(Health(), "/metrics")

    assert status == 200
    assert "assay_leader 0.0" in text
