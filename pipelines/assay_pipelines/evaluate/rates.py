"""How often answers are of a kind: those that refuse, by the rule that cleaning removes them with, or that a classifier labels so."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.api.clean import RefusalLevel
from assay_pipelines.classifier import ClassifierFiles, likeliest
from assay_pipelines.evaluate.dealing import Size
from assay_pipelines.evaluate.work import Batch, Work
from assay_pipelines.outcomes import Measured, Outcome, hashed
from assay_pipelines.refusals import refusal

Judged = tuple[str, bool]  # what an answer was taken for, and whether that is what is counted

_AT_ONCE = 16  # answers that a classifier judges, one by one, before they may be kept


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said to one prompt."""

    prompt_id: str
    prompt: tuple[tuple[str, str], ...]  # (role, content)
    text: str
    checkpoint: str  # of the model that said it


def refusing(answers: Sequence[Answer], level: RefusalLevel) -> list[Judged]:
    """Judge answers by the rule."""
    found = (refusal(answer.text, level) for answer in answers)
    return [("answers", False) if match is None else (f"refuses: {match.category}", True) for match in found]


def labelled(answers: Sequence[Answer], classifier: ClassifierFiles, work: Work) -> list[Judged]:
    """Judge answers by a classifier."""
    texts = [answer.text for answer in answers]
    batches = [
        Batch(
            what=["label", classifier.identity, classifier.label, some],
            rows=some,
            make=lambda rows: [likeliest(text, classifier) for text in rows],
            size=Size(tokens=sum(map(len, some))),
        )
        for some in (texts[first : first + _AT_ONCE] for first in range(0, len(texts), _AT_ONCE))
    ]
    labels = [label for found in work.all(batches) for label in found]
    return [(label, label == classifier.label) for label in labels]


def measure(task: str, answers: Sequence[Answer], judged: Sequence[Judged], *, unit: str) -> list[Measured]:
    """Count the answers of each checkpoint by itself."""
    pairs = list(zip(answers, judged, strict=True))
    return [
        Measured(
            task=task,
            checkpoint=checkpoint,
            outcomes=tuple(_outcome(answer, how) for answer, how in pairs if answer.checkpoint == checkpoint),
            unit=unit,
            higher_is_better=None,
        )
        for checkpoint in sorted({answer.checkpoint for answer in answers})
    ]


def _outcome(answer: Answer, judged: Judged) -> Outcome:
    prompt = hashed(answer.prompt)
    return Outcome(
        doc_id=answer.prompt_id,
        doc_hash=prompt,
        prompt_hash=prompt,
        target_hash=hashed(None),
        prediction=judged[0],
        outcome=float(judged[1]),
    )
