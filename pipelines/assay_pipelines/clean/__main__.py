"""`python -m assay_pipelines.clean --stage <uri> --attempt <n>`: one attempt at one clean stage.

Importing this does not import Ray, so a server may import it once and fork a child per stage.
"""

import sys

from assay.artifacts.kinds import Kind
from assay_pipelines.chats import chats_table
from assay_pipelines.clean.program import clean
from assay_pipelines.stage import run_program


def preload() -> None:
    """Load what is otherwise loaded at first use; called once by a server that forks a child per stage."""
    chats_table("preload", [([("user", "")], {})])


def main(argv: list[str] | None = None) -> int:
    """Run the program and return its exit code."""
    return run_program(Kind.CLEAN, clean, argv)


if __name__ == "__main__":
    sys.exit(main())
