"""Make `.venv` hold exactly what `uv.lock` says, with nothing on the machine but Python.

It fetches uv at one version into `.tools/uv`, and lets it do the rest. All stays inside the checkout but uv's own
cache. When nothing changed since the last time it says nothing and takes no time.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV_VERSION = "0.13.8"
TOOL = ROOT / ".tools" / "uv"
UV = TOOL / "bin" / "uv"
STAMP = ROOT / ".venv" / "setup-stamp"  # it goes when `.venv` goes


def main() -> None:
    _check_python()
    inputs = [ROOT / "uv.lock", ROOT / "pyproject.toml", Path(__file__).resolve()]
    state = hashlib.sha256(sys.version.encode() + b"".join(path.read_bytes() for path in inputs)).hexdigest()
    if UV.exists() and STAMP.exists() and STAMP.read_text() == state:
        return
    started = time.monotonic()
    _get_uv()
    sync = [UV, "sync", "--all-extras", "--locked", "--python", sys.executable, "--no-python-downloads"]
    if not _succeeds(sync):
        _fail("`uv sync` could not fill .venv", "a package index in reach and a lock that fits")
    STAMP.write_text(state)
    print(f"setup: .venv is ready ({time.monotonic() - started:.0f} s)", flush=True)


def _check_python() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    bounds = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', project, re.MULTILINE)
    lowest, beyond = (int(minor) for minor in bounds.groups())
    if not (3, lowest) <= sys.version_info[:2] < (3, beyond):
        found = f"Python {sys.version.split()[0]} at {sys.executable}"
        sys.exit(
            f"setup: found {found}, expected 3.{lowest} to 3.{beyond - 1}. "
            f"Install one and name it: `make setup PYTHON=python3.{lowest}`."
        )


def _get_uv() -> None:
    if UV.exists() and _words([UV, "--version"])[1] == UV_VERSION:
        return
    wanted = f"uv=={UV_VERSION}"
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    if _succeeds([sys.executable, *pip, "--target", TOOL, wanted]):
        return
    print("setup: this Python's own pip does not install; trying a virtual environment's", flush=True)
    if not _succeeds([sys.executable, "-m", "venv", "--clear", TOOL]):
        _fail("neither pip nor venv works", "a Python that has one of them")
    if not _succeeds([TOOL / "bin" / "python", *pip, wanted]):
        _fail(f"pip could not install {wanted}", "a package index in reach")


def _words(command: list) -> list:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def _succeeds(command: list) -> bool:
    """Run it; show what it says but addresses, as an index's may hold a token, and the lock file read aloud."""
    quiet = os.environ | {"PIP_ROOT_USER_ACTION": "ignore"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in process.stdout:
        if not line.startswith((" + ", " - ", " ~ ")):
            print(re.sub(r"https?://[^\s`'\")]+", "<url>", line), end="", flush=True)
    return process.wait() == 0


def _fail(found: str, expected: str) -> None:
    advice = "Its own words are above. Check the network and the index settings, then run `make setup` again."
    sys.exit(f"setup: {found}; expected {expected}. {advice}")


if __name__ == "__main__":
    main()
