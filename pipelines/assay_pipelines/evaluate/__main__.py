"""`python -m assay_pipelines.evaluate --stage <store uri>/stages/evaluate/<fingerprint> --attempt <n>`."""

import os
import sys

from assay.artifacts.kinds import Kind
from assay_pipelines.evaluate.dealing import POD
from assay_pipelines.evaluate.program import evaluate, help_out
from assay_pipelines.stage import run_program


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt, or a pod's share of it, and return the exit code."""
    leads = os.environ.get(POD, "0") == "0"
    return run_program(Kind.EVALUATE, evaluate if leads else help_out, argv, speaks=leads, tells=leads)


if __name__ == "__main__":
    sys.exit(main())
