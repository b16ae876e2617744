"""The steps, one file each.

`LOCAL` steps judge each chat by itself: a pure function of a batch. The others compare rows: `exact_duplicates`,
`split` and `subsample` judge the rows' hashes, all at once, on the driver.
"""

from collections.abc import Callable
from typing import Any

from assay_pipelines.clean.steps.alternation import alternation
from assay_pipelines.clean.steps.languages import languages, mixed_language
from assay_pipelines.clean.steps.low_average import low_average
from assay_pipelines.clean.steps.refusals import refusals
from assay_pipelines.clean.steps.repeated_queries import repeated_queries
from assay_pipelines.clean.steps.short_input import short_input
from assay_pipelines.clean.table import Chats, Judgement

LOCAL: dict[str, Callable[[Chats, Any], Judgement]] = {
    "alternation": alternation,
    "shortInput": short_input,
    "lowAverage": low_average,
    "repeatedQueries": repeated_queries,
    "mixedLanguage": mixed_language,
    "languages": languages,
    "refusals": refusals,
}
