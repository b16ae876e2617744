"""`python -m assay_pipelines.compare --stage <store uri>/stages/compare/<fingerprint> --attempt <n>`."""

import sys

from assay.artifacts.kinds import Kind
from assay_pipelines.compare.program import compare
from assay_pipelines.stage import run_program


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt and return the exit code."""
    return run_program(Kind.COMPARE, compare, argv)


if __name__ == "__main__":
    sys.exit(main())
