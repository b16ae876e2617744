"""The steps, one file each.

`LOCAL` steps judge each chat by itself: a pure function of a batch, of the step, and of what `prepared` made of the
step's outside inputs, if it has any. The others compare rows, and `flow.py` carries them out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.api.clean import Step
from assay_pipelines.clean.steps.alternation import alternation
from assay_pipelines.clean.steps.decontaminate import decontaminate, items_of
from assay_pipelines.clean.steps.exact_duplicates import text_keys
from assay_pipelines.clean.steps.languages import languages, mixed_language
from assay_pipelines.clean.steps.low_average import low_average
from assay_pipelines.clean.steps.prompts import prompt_keys
from assay_pipelines.clean.steps.refusals import needs_of, refusals
from assay_pipelines.clean.steps.repeated_queries import repeated_queries
from assay_pipelines.clean.steps.rule import rule
from assay_pipelines.clean.steps.rule_file import rule_file_of
from assay_pipelines.clean.steps.short_input import short_input
from assay_pipelines.clean.table import Chats, Judgement
from assay_pipelines.clean.tokenizer import tokenizer_of

LOCAL: dict[str, Callable[..., Judgement]] = {
    "alternation": alternation,
    "shortInput": short_input,
    "lowAverage": low_average,
    "repeatedQueries": repeated_queries,
    "mixedLanguage": mixed_language,
    "languages": languages,
    "refusals": refusals,
    "decontaminate": decontaminate,
    "rule": rule,
}

KEYS: dict[str, Callable[[Chats, Any], list[bytes]]] = {  # by what steps that compare rows find them alike
    "exactDuplicates": text_keys,
    "split": lambda chats, _: prompt_keys(chats),
}

Outside = Callable[[str], list[Path]]  # from an outside input's identity to its files

_PREPARE: dict[str, Callable[[Any, Outside], Any]] = {
    "lowAverage": tokenizer_of,
    "duplicateSubstrings": tokenizer_of,
    "decontaminate": items_of,
    "refusals": needs_of,
    "rule": rule_file_of,
}


def prepared(step: Step, outside: Outside) -> tuple[Any, ...]:
    """Return what a step is given besides rows: its settings, and what it needs of its outside inputs, if it may."""
    prepare = _PREPARE.get(step.chosen)
    return (step.body,) if prepare is None else (step.body, prepare(step.body, outside))
