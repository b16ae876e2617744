"""Items put to a model: prompts that fit, and the answers to them.

A prompt that is longer than instruct-eval's limit, or than the model's context leaves room for, loses examples from the
last on; what is still too long without any is asked as it is, if the context holds it. Answers are read further than
they are scored, because the first two tokens of an answer cannot show that it declines.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from assay.api.evaluate import PromptFormat
from assay_pipelines.decoding import Prompt, Sampling, answer
from assay_pipelines.evaluate.dealing import Size
from assay_pipelines.evaluate.instructeval.items import Answered, Asked, Item
from assay_pipelines.evaluate.work import Batch, Work
from assay_pipelines.inference import LoadedModel

LONGEST = 2048  # tokens of a prompt, before examples are left out
_READ = 32  # tokens of an answer in which a refusal is looked for


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What a model is shown of an item."""

    text: str
    tokens: list[int]
    whole: bool


def ask(asked: Asked, loaded: LoadedModel, work: Work) -> list[Answered]:
    """Ask one model one benchmark.

    Raises:
        StageError: `ContextTooSmall`, `ModelNotFinite`, `OutOfMemory` or `TemplateMissing`.

    """
    if asked.form is PromptFormat.TEMPLATE:
        loaded.require_template()
    benchmark = asked.benchmark
    shown = {item.id: _shown(item, asked.form, loaded, answer=benchmark.tokens) for item in asked.items}
    turns = [(item, f"{item.id}#{sample}") for item in asked.items for sample in range(asked.samples)]
    sampling = Sampling(
        temperature=benchmark.temperature,
        top_p=1,
        max_tokens=max(benchmark.tokens, _READ),
        seed=asked.seed,
    )
    tokens = _replies(
        [Prompt(id=turn, tokens=shown[item.id].tokens) for item, turn in turns], loaded, sampling, work
    )
    return [
        Answered(
            item=item,
            prompt=shown[item.id].text,
            whole=shown[item.id].whole,
            scored=_text(tokens[turn][: benchmark.tokens], loaded),
            read=_text(tokens[turn], loaded),
            tokens=len(shown[item.id].tokens) + len(tokens[turn]),
        )
        for item, turn in turns
    ]


def _replies(
    prompts: Sequence[Prompt], loaded: LoadedModel, sampling: Sampling, work: Work
) -> dict[str, list[int]]:
    """Return the tokens of the answer to each prompt; batches are planned as `answer` would, the longest first."""

    def made(some: Sequence[Prompt]) -> list[list[int]]:
        found = {
            reply.prompt_id: reply.tokens
            for reply in answer(some, loaded, sampling, batch=len(some), done=lambda _: None)
        }
        return [found[prompt.id] for prompt in some]

    ordered = sorted(prompts, key=lambda prompt: (-len(prompt.tokens), prompt.id))
    batches = [
        Batch(
            what=["instructeval", loaded.label, asdict(sampling), [vars(prompt) for prompt in chunk]],
            rows=chunk,
            make=made,
            size=Size(tokens=sum(len(prompt.tokens) + sampling.max_tokens for prompt in chunk)),
        )
        for chunk in (ordered[first : first + work.batch] for first in range(0, len(ordered), work.batch))
    ]
    return {
        prompt.id: reply
        for batch, replies in zip(batches, work.all(batches), strict=True)
        for prompt, reply in zip(batch.rows, replies, strict=True)
    }


def _shown(item: Item, form: PromptFormat, loaded: LoadedModel, *, answer: int) -> _Shown:
    """Write an item with as many of its examples as fit."""
    room = min(LONGEST, loaded.context - answer)
    for shots in range(len(item.shots), -1, -1):
        text = item.prompt(shots)
        if form is PromptFormat.TEMPLATE:
            text = loaded.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
            )
        raw = form is PromptFormat.RAW  # a template writes the special tokens itself
        tokens = loaded.tokenizer(text, add_special_tokens=raw, verbose=False).input_ids
        if len(tokens) <= room:
            break
    return _Shown(text=text, tokens=tokens, whole=shots == len(item.shots) and len(tokens) <= room)


def _text(tokens: list[int], loaded: LoadedModel) -> str:
    text: str = loaded.tokenizer.decode(tokens, skip_special_tokens=True)
    return text
