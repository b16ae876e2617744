"""`python -m assay_pipelines.generate --stage <store uri>/stages/generate/<fingerprint> --attempt <n>`."""

import sys

from assay.artifacts.kinds import Kind
from assay_pipelines.generate.program import generate
from assay_pipelines.stage import run_program


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt and return the exit code."""
    return run_program(Kind.GENERATE, generate, argv)


if __name__ == "__main__":
    sys.exit(main())
