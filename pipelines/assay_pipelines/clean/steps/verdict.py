"""What a step that compares rows says: about which places, with what lines."""

from dataclasses import dataclass, field

import numpy as np

from assay_pipelines.clean.table import Floats, Ints

NOWHERE = np.empty(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Places are those of `Rows`."""

    dropped: Ints = field(default_factory=lambda: NOWHERE)
    rule: str = ""
    duplicate_of: Ints | None = None  # beside each dropped place
    score: Floats | None = None  # likewise
    cluster: Ints | None = None  # likewise: a number that the members of one cluster share
    aside: dict[str, Ints] = field(default_factory=dict)  # part → places
