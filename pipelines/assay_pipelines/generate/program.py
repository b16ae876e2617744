"""From a stage's spec to chats: every prompt, answered by every checkpoint asked for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from assay.api.generate import Generate
from assay.artifacts.outputs import chats_file
from assay.errors import StageError
from assay_pipelines.chats import Message, chats_table, write_rows
from assay_pipelines.dataset import Chat, chats_of
from assay_pipelines.decoding import Prompt, Reply, Sampling, answer
from assay_pipelines.inference import LoadedModel, answering, labels_asked, models_asked
from assay_pipelines.stage import StageRun

SOURCE = "generated"


def generate(run: StageRun) -> dict[str, Any]:
    """Carry out a generate stage and return its figures.

    Raises:
        StageError: the model is unfit, or there is nothing to ask.

    """
    words = run.words(Generate)
    source = words.prompts
    asked = prompts_of(chats_of(run, source.from_, split=source.split), limit=source.limit)
    if not asked:
        raise StageError(
            "EmptyDataset",
            f"prompts of {source.from_}",
            "found no chat in which a user asks, expected some",
            "Look at what its steps drop.",
        )
    total = len(asked) * len(labels_asked(run, words))
    batch = answering(run).batch
    chats: list[tuple[list[Message], dict[str, Any]]] = []
    figures: dict[str, Any] = {"rows": 0, "tokens": 0, "checkpoints": {}, "truncated": 0}
    for loaded in models_asked(run, words):
        loaded.require_template()

        def told(done: int, label: str = loaded.label, before: int = len(chats)) -> None:
            run.progress(f"generate: {label}", done=before + done, total=total, unit="answers")

        replies = _replies(words, asked, loaded, batch=batch, done=told)
        chats += [_chat(chat, replies[chat.id], loaded) for chat in asked]
        figures["checkpoints"][loaded.label] = len(replies)
        figures["rows"] += len(replies)
        figures["tokens"] += sum(len(reply.tokens) for reply in replies.values())
        figures["truncated"] += sum(not reply.ended for reply in replies.values())
    write_rows(run.output / chats_file(), [chats_table(SOURCE, chats)])
    return figures


def prompts_of(chats: Sequence[Chat], *, limit: int | None) -> list[Chat]:
    """Cut each chat before its last assistant turn, and keep those in which something is asked, smallest ids first."""
    asked = []
    for chat in sorted(chats, key=lambda chat: chat.id):
        answered = [place for place, turn in enumerate(chat.messages) if turn.role == "assistant"]
        turns = chat.messages[: answered[-1]] if answered else chat.messages
        if turns and turns[-1].role == "user":
            asked.append(replace(chat, messages=turns))
    return asked[:limit]


def _replies(
    words: Generate, asked: Sequence[Chat], loaded: LoadedModel, *, batch: int, done: Callable[[int], None]
) -> dict[str, Reply]:
    prompts = [
        Prompt(
            id=chat.id,
            tokens=loaded.tokenizer.apply_chat_template(
                chat.turns(),
                add_generation_prompt=True,
                return_dict=False,
            ),
        )
        for chat in asked
    ]
    sampling = Sampling(
        temperature=words.temperature, top_p=words.top_p, max_tokens=words.max_tokens, seed=words.seed
    )
    replies = answer(prompts, loaded, sampling, batch=batch, done=done)
    return {reply.prompt_id: reply for reply in replies}


def _chat(asked: Chat, reply: Reply, loaded: LoadedModel) -> tuple[list[Message], dict[str, Any]]:
    text = loaded.tokenizer.decode(reply.tokens, skip_special_tokens=True)
    return [*asked.messages, Message("assistant", text)], {"prompt": asked.id, "checkpoint": loaded.label}
