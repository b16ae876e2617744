"""How long a page takes to open in headless Chromium, without what the browser itself takes to start."""

import shutil
import subprocess
import time
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BLANK = "about:blank"
RUNS = 5


def browser() -> str | None:
    """Return the first browser that is installed here."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def seconds_to_open(command: str, page: Path, folder: Path) -> tuple[float, float]:
    """Return how long a page takes until it is drawn, and how long the browser does by itself; the best of some, taken in turn."""
    opened, started = [], []
    for _ in range(RUNS):
        started.append(drawn(command, BLANK, folder))
        opened.append(drawn(command, page.as_uri(), folder))
    return min(opened) - min(started), min(started)


def drawn(command: str, address: str, folder: Path) -> float:
    start = time.perf_counter()
    picture = f"--screenshot={folder / 'seen.png'}"
    arguments = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", picture, address)
    subprocess.run((command, *arguments), check=True, capture_output=True)
    return time.perf_counter() - start
