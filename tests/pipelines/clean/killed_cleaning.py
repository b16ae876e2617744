"""The clean program on a Ray of its own, killed when a block comes to a pass.

`python killed_cleaning.py first|later|never PIECE --stage … --attempt …`: in the first pass, in one behind it, or not at all, by
the block of that piece.
"""

import os
import signal
import sys
from functools import partial

import pyarrow as pa

from assay_pipelines.clean import blocks, flow
from assay_pipelines.clean.__main__ import main
from assay_pipelines.clean.judge import Pass, judge


def deadly(table: pa.Table, this: Pass, *, program: int, when: str, piece: int) -> pa.Table:
    """Kill the program instead of judging one block, in Ray's worker."""
    if when == ("first" if this.first else "later") and table["row"][0].as_py() >> 31 == piece:
        os.kill(program, signal.SIGKILL)
        signal.pause()  # Ray ends with the program
    return judge(table, this)


if __name__ == "__main__":
    when, piece = sys.argv[1], int(sys.argv[2])
    blocks.SMALL_BYTES = -1
    flow.judge = partial(deadly, program=os.getpid(), when=when, piece=piece)
    sys.exit(main(sys.argv[3:]))
