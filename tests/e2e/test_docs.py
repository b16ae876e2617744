"""What the documentation shows is what happens.

A page's blocks ```` ```sh run ```` are run in order, all in one empty folder; every line of a block ```` ```text shows ```` after one
is found, in order, in what that one printed. `…` stands for anything, and runs of spaces for one.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh run|text shows)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    path.relative_to(ROOT)
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    if BLOCK.search(path.read_text())
)


def carried_out(block: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}"
    return done.stdout


def as_pattern(line: str) -> str:
    parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
    return r"^\s*" + ".*".join(parts)


def found_in(told: str, lines: list[str]) -> None:
    at = 0
    for line in lines:
        found = re.compile(as_pattern(line), re.MULTILINE).search(told, at)
        assert found, f"no {line!r} after character {at} of:\n{told}"
        at = found.end()


@pytest.mark.timeout(1800)  # a whole experiment is run, on a machine that may have other work
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_of_examples_does_what_it_shows(page, tmp_path):
    told = ""
    for kind, text in BLOCK.findall((ROOT / page).read_text()):
        if kind == "sh run":
            told = carried_out(text, tmp_path)
        else:
            found_in(told, text.splitlines())


def test_a_line_that_was_not_printed_is_missed():
    found_in("a  b\n  c 12 d\n", ["a b", "c … d"])
    with pytest.raises(AssertionError, match="no 'a b' after"):
        found_in("c\n", ["a b"])
    with pytest.raises(AssertionError, match="no 'a b' after"):
        found_in("a b\nc\n", ["c", "a b"])
