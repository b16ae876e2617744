"""`python -m assay_pipelines.program --stage <store uri>/stages/program/<fingerprint> --attempt <n>`.

In a pod, ASSAY_EXCHANGE says where the command's container finds its folders, and ASSAY_PART which container this is.
"""

import os
import sys
from functools import partial
from pathlib import Path

from assay.artifacts.kinds import Kind
from assay_pipelines.program.carry_out import carry_out
from assay_pipelines.program.parts import publish, read, stand_by
from assay_pipelines.stage import run_program

_PARTS = {"read": read, "publish": publish}


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt, or a container's part of it, and return the exit code."""
    part = os.environ.get("ASSAY_PART")
    if part is None:
        return run_program(Kind.PROGRAM, carry_out, argv)
    if part == "stand-by":  # it ends when the others have, and says nothing of how
        return run_program(Kind.PROGRAM, stand_by, argv, tells=False)
    body = partial(_PARTS[part], exchange=Path(os.environ["ASSAY_EXCHANGE"]))
    return run_program(Kind.PROGRAM, body, argv)


if __name__ == "__main__":
    sys.exit(main())
