"""What lm-evaluation-harness says of one item, as an outcome: as it comes from the harness, or from its `--log_samples`.

In files of samples every tuple is a list, and every answer a text.
"""

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any

from assay_pipelines.outcomes import Outcome

LETTERS = string.ascii_uppercase
"""How choices are named."""

ROLLING = "bits_per_byte"
"""Among the metrics whose item is (log-likelihood, size), the one that arms can share."""

_UNITS = {
    ROLLING: "bits per byte",
    "acc": "accuracy",
    "acc_norm": "accuracy",
    "exact_match": "share exactly right",
}


def unit_of(metric: str) -> str:
    """Name what a score of this metric counts."""
    return _UNITS.get(metric, metric)


def first_filter(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep each item once: a task may score the same answers through several filters, the first being its own."""
    first = samples[0]["filter"]
    return [sample for sample in samples if sample["filter"] == first]


def ids_of(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return items' own ids, if each has another; else their places in the task."""
    own = [str(sample["doc"].get("id", sample["doc_id"])) for sample in samples]
    return own if len(set(own)) == len(own) else [str(sample["doc_id"]) for sample in samples]


def outcome_of(sample: Mapping[str, Any], metric: str, *, doc_id: str, tokens: int = 0) -> Outcome:
    """Read an item's outcome by one of its metrics."""
    value = sample[metric]
    rolling = metric == ROLLING
    return Outcome(
        doc_id=doc_id,
        doc_hash=sample["doc_hash"],
        prompt_hash=sample["prompt_hash"],
        target_hash=sample["target_hash"],
        prediction="" if rolling else _prediction(sample["filtered_resps"]),
        outcome=-value[0] / math.log(2) if rolling else float(value),
        weight=float(value[1]) if rolling else 1.0,
        tokens=tokens,
    )


def _prediction(responses: Sequence[Any]) -> str:
    """Name what the model answered: the likeliest choice by letter, or its words."""
    if len(responses) > 1 and all(isinstance(answer, tuple | list) for answer in responses):
        likelihoods = [float(answer[0]) for answer in responses]
        place = likelihoods.index(max(likelihoods))
        return LETTERS[place] if place < len(LETTERS) else str(place)
    return str(responses[0]) if isinstance(responses[0], str) else ""
