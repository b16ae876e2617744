"""How text reaches the terminal."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

_MOST_LABELS = 3

PLAIN: dict[str, Any] = {"box": None, "pad_edge": False, "header_style": "bold"}  # how tables look


def console() -> Console:
    """Return the console of standard output: colours and widths only on a terminal; labels have brackets, so no markup."""
    return Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def say(text: str) -> None:
    """Print a line as it is."""
    sys.stdout.write(f"{text}\n")


def some(labels: Sequence[str]) -> str:
    """Name the first few."""
    told = ", ".join(labels[:_MOST_LABELS])
    return told if len(labels) <= _MOST_LABELS else f"{told} and {len(labels) - _MOST_LABELS} more"


def lasted(seconds: float) -> str:
    """Such as `8 s`, `12 min`, `30 h`, `3 days`: how long something has been so, to which less does not matter."""
    for most, unit, name in ((60, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < most:
            return f"{max(0.0, seconds) // unit:.0f} {name}"
    return f"{seconds // 86400:.0f} days"


def duration(seconds: float) -> str:
    """Such as `8 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
