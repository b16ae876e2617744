"""What answers are worth: whether they begin with the label, as instruct-eval asks and strictly, and how many decline."""

import math
import re
from collections.abc import Callable, Sequence

from assay.api.clean import RefusalLevel
from assay_pipelines.evaluate.instructeval.items import Answered, Asked
from assay_pipelines.outcomes import Measured, Outcome, hashed
from assay_pipelines.refusals import refusal

_GOES_ON = re.compile(r"[^\W_]|[.,]\d")  # a letter or digit, or a number's next part


def begins(answer: str, label: str) -> bool:
    """Say whether an answer begins with the label, be it only a part of a word: `As an AI` begins with `A`."""
    return answer.strip().startswith(label)


def begins_strictly(answer: str, label: str) -> bool:
    """Say whether an answer begins with the label as a whole: `As` is not `A`, and neither 50 nor 5.5 is 5."""
    answer = answer.strip()
    return answer.startswith(label) and _GOES_ON.match(answer, len(label)) is None


def measured(asked: Asked, checkpoint: str, answers: Sequence[Answered]) -> Measured:
    """Score all answers of one model by their labels."""
    return Measured(
        task=asked.task,
        checkpoint=checkpoint,
        outcomes=tuple(_outcome(answer) for answer in answers),
        unit=asked.benchmark.unit,
        higher_is_better=True,
        chance=asked.benchmark.chance,
        truncated=sum(not answer.whole for answer in answers),
        beside={
            "strict": _share(answers, lambda answer: begins_strictly(answer.scored, answer.item.target)),
            "refusals": refusals(answers),
        },
    )


def refusals(answers: Sequence[Answered]) -> float:
    """Return the share of answers that decline."""
    return _share(answers, lambda answer: refusal(answer.read, RefusalLevel.MEDIUM) is not None)


def _outcome(answer: Answered) -> Outcome:
    item = answer.item
    return Outcome(
        doc_id=item.id,
        doc_hash=hashed(item.doc),
        prompt_hash=hashed(answer.prompt),
        target_hash=hashed(item.target),
        prediction=answer.scored,
        outcome=item.weight * begins(answer.scored, item.target),
        weight=item.weight,
        tokens=answer.tokens,
    )


def _share(answers: Sequence[Answered], holds: Callable[[Answered], bool]) -> float:
    """Return the share of answers for which it holds, weighed as the score is."""
    return math.fsum(answer.item.weight * holds(answer) for answer in answers) / math.fsum(
        answer.item.weight for answer in answers
    )
