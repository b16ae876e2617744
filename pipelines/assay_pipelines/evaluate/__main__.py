"""`python -m assay_pipelines.evaluate --stage <store uri>/stages/evaluate/<fingerprint> --attempt <n>`."""

import sys

from assay.artifacts.kinds import Kind
from assay_pipelines.evaluate.program import evaluate
from assay_pipelines.stage import run_program


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt and return the exit code."""
    return run_program(Kind.EVALUATE, evaluate, argv)


if __name__ == "__main__":
    sys.exit(main())
