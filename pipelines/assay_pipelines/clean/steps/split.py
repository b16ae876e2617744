"""Set parts of the rows aside, by the hash of their messages, or of their prompts, and the seed.

Whether a row is in a part depends on nothing else, so it is held out of every arm alike, and rows with the same messages,
or the same prompt, go together. What is in no part goes on.
"""

import numpy as np

from assay.api.clean import Split
from assay_pipelines.clean.rows import Hashes, Rows, drawn
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import Ints


def split(
    rows: Rows, live: Ints, step: Split, name: str, prompts: tuple[Hashes, Hashes] | None = None
) -> Verdict:
    """Cut the unit interval into the parts' shares, in their order, and see where each row falls.

    `prompts` are the hashes by which rows go together, beside the live places; absent: those of their messages.
    """
    high, low = (rows.high[live], rows.low[live]) if prompts is None else prompts
    fallen = drawn(high, low, f"split/{name}", step.seed) / 2.0**64
    edges = np.cumsum([part.share for part in step.parts])
    part = np.searchsorted(edges, fallen, side="right")
    return Verdict(aside={item.name: live[part == number] for number, item in enumerate(step.parts)})
