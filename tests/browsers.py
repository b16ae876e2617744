"""A page in headless Chromium, driven through its own DevTools protocol: what it loads, how wide it is, what it looks like."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)

_PATIENCE = 60.0


@dataclass
class Page:
    """A page that a browser shows."""

    socket: aiohttp.ClientWebSocketResponse
    address: str
    requested: list[str] = field(default_factory=list)
    _last: int = 0

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; what the page requests meanwhile is noted."""
        self._last += 1
        await self.socket.send_json({"id": self._last, "method": method, "params": parameters})
        return await self._until(lambda told: told.get("id") == self._last)

    async def open(self, *, width: int, scheme: str = "light", media: str = "screen", at: str = "") -> None:
        """Show the page in a window so wide; `at` is an anchor on it."""
        await self.ask("Network.enable")
        await self.ask("Page.enable")
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.ask("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        await self.ask("Page.navigate", url=self.address + at)
        await self._until(lambda told: told.get("method") == "Page.loadEventFired")

    async def found(self, expression: str) -> Any:
        """Evaluate a JavaScript expression."""
        told = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(_PATIENCE):
            while True:
                told = await self.socket.receive_json()
                if told.get("method") == "Network.requestWillBeSent":
                    self.requested.append(told["params"]["request"]["url"])
                if wanted(told):
                    assert "error" not in told, told
                    return dict(told.get("result", {}))


def shown(file: Path, look: Callable[[Page], Coroutine[Any, Any, None]]) -> None:
    """Start a browser, let it show a file, and look."""
    assert BROWSER is not None
    options = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            (BROWSER, *options, f"--user-data-dir={profile}", "about:blank"),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that the processes that it starts end with it
        )
        try:
            asyncio.run(_looked(_listening(process), file, look))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listening(process: subprocess.Popen[str]) -> str:
    """Return where the browser listens, as it says when it has started."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"listening on ws://([^/]+)/", line):
            return found[1]
    raise AssertionError("the browser ended before it listened")


async def _looked(address: str, file: Path, look: Callable[[Page], Coroutine[Any, Any, None]]) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{address}/json/list") as answer:
            targets = json.loads(await answer.text())
        about = next(target for target in targets if target["type"] == "page")
        async with session.ws_connect(about["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            await look(Page(socket, file.as_uri()))
