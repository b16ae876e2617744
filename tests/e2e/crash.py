"""Dying at a chosen effect.

`CRASH=<role>:<n>` makes the process of that role, `runner` or `program`, kill itself with SIGKILL just before the n-th
thing that it changes in a store (1 is the first), and `CRASH_MARK` names a file that is made first, so that it happens once
and a test can tell whether it happened at all.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.stores.folder import FolderStore

EFFECTS = ("create", "put", "upload", "delete")


@contextmanager
def armed(role: str) -> Iterator[None]:
    """Count this process's effects from here on, and die at the chosen one."""
    wanted, _, number = os.environ.get("CRASH", "").partition(":")
    if wanted != role:
        yield
        return
    left = [int(number)]
    originals = {name: getattr(FolderStore, name) for name in EFFECTS}

    def dying(name: str) -> Any:
        def effect(self: FolderStore, *arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and _first():
                os.kill(os.getpid(), signal.SIGKILL)
            return originals[name](self, *arguments)

        return effect

    for name in EFFECTS:
        setattr(FolderStore, name, dying(name))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(FolderStore, name, original)


def _first() -> bool:
    try:
        Path(os.environ["CRASH_MARK"]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
