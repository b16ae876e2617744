"""Keep some rows, so that a smaller sample is a subset of a larger one with the same seed.

Rows are put in one order, which only their hash and the seed decide, and the first ones are kept. Stratified, a source's
first rows of m stand at 1/2m, 3/2m, … of the way, so that every beginning of the order holds equal shares of all.
With `order: training` it is the order in which a training of the seed learns them.
"""

import numpy as np

from assay.api.clean import Subsample
from assay.errors import StageError
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import Ints
from assay_pipelines.order import order_of


def wanted(step: Subsample, live: int, like: int | None, where: str) -> int:
    """Return how many rows are kept.

    Raises:
        StageError: `TooFewRows`: there are fewer than asked for.

    """
    if step.share is not None:
        return int(step.share * live + 0.5)
    count = step.rows if like is None else like
    if count is None or count > live:
        raise StageError(
            "TooFewRows",
            where,
            f"found {live} rows, expected at least the {count} to keep",
            "Ask for fewer, or give the stage more.",
        )
    return count


def subsample(rows: Rows, live: Ints, step: Subsample, count: int) -> Verdict:
    """Drop what stands behind the first `count` rows."""
    if step.order == "training":
        order = order_of(rows.ids(live).to_pylist(), step.seed, epoch=0)
    else:
        order = np.lexsort((rows.rank[live], rows.draw("subsample", step.seed)[live]))
    if step.stratify == "source":
        way = np.empty(len(live))
        for source in np.unique(rows.source[live]):
            mine = order[rows.source[live][order] == source]
            way[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        order = order[np.argsort(way[order], kind="stable")]
    return Verdict(dropped=np.sort(live[order[count:]]), rule="notSampled")
