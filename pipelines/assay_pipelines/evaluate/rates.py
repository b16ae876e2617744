"""How often answers refuse, by the same rule that the cleaning step removes refusals with."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.api.clean import RefusalLevel
from assay_pipelines.evaluate.outcomes import Measured, Outcome, hashed
from assay_pipelines.refusals import refusal


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said to one prompt."""

    prompt_id: str
    prompt: tuple[tuple[str, str], ...]  # (role, content)
    text: str
    checkpoint: str  # of the model that said it


def measure(task: str, answers: Sequence[Answer], *, level: RefusalLevel) -> list[Measured]:
    """Judge every answer; each checkpoint that answered is measured by itself."""
    checkpoints = sorted({answer.checkpoint for answer in answers})
    return [
        Measured(
            task=task,
            checkpoint=checkpoint,
            outcomes=tuple(_outcome(answer, level) for answer in answers if answer.checkpoint == checkpoint),
            unit="share of answers that refuse",
            higher_is_better=None,
        )
        for checkpoint in checkpoints
    ]


def _outcome(answer: Answer, level: RefusalLevel) -> Outcome:
    match = refusal(answer.text, level)
    prompt = hashed(answer.prompt)
    return Outcome(
        doc_id=answer.prompt_id,
        doc_hash=prompt,
        prompt_hash=prompt,
        target_hash=hashed(None),
        prediction="answers" if match is None else f"refuses: {match.category}",
        outcome=float(match is not None),
    )
