"""The held program; `HELD` is the folder with its pipes."""

import os
from pathlib import Path

HELD = Path(os.environ["HELD"])
(HELD / "imported").read_bytes()


def main(argv: list[str]) -> int:
    (HELD / "running").read_bytes()
    return 0
