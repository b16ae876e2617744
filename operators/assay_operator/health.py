"""Whether the process is alive and ready, and the HTTP endpoints that say so.

They are served by the event loop itself, so that a loop which hangs fails its probe by silence; what runs in threads
beats a heart.
"""

import time
from collections.abc import Callable

from aiohttp import web

from assay_operator.metrics import CONTENT_TYPE, Metrics

Clock = Callable[[], float]


class Heart:
    """Beaten by a worker each time it comes round; may be beaten from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beaten = clock()

    def beat(self) -> None:
        """Say that the worker is alive."""
        self._beaten = self._clock()

    @property
    def silent(self) -> float:
        """The seconds since the last beat."""
        return self._clock() - self._beaten


class Health:
    """Gathers hearts, which make the process alive, and gates, which make it ready."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._hearts: dict[str, tuple[Heart, float]] = {}
        self._gates: dict[str, Callable[[], bool]] = {}

    def heart(self, name: str, *, within: float) -> Heart:
        """Return a heart that must beat at least every so many seconds from now on."""
        heart = Heart(self._clock)
        self._hearts[name] = (heart, within)
        return heart

    def gate(self, name: str, is_open: Callable[[], bool]) -> None:
        """Be ready only when this is so, such as a loaded certificate."""
        self._gates[name] = is_open

    def dead(self) -> list[str]:
        """Say what has been silent for too long."""
        return [
            f"{name} has been silent for {heart.silent:.0f} s, expected a beat within {within:.0f} s"
            for name, (heart, within) in list(self._hearts.items())
            if heart.silent > within
        ]

    def unready(self) -> list[str]:
        """Say what is not ready yet."""
        return [f"{name} is not ready" for name, is_open in list(self._gates.items()) if not is_open()]


def health_app(health: Health, metrics: Metrics) -> web.Application:
    """Return the application behind the health port: /healthz, /readyz, /metrics."""

    async def healthz(_request: web.Request) -> web.Response:
        return _answer(health.dead())

    async def readyz(_request: web.Request) -> web.Response:
        return _answer([*health.dead(), *health.unready()])

    async def figures(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", figures)])
    return app


def _answer(complaints: list[str]) -> web.Response:
    return web.Response(text="\n".join(complaints) or "ok", status=503 if complaints else 200)
