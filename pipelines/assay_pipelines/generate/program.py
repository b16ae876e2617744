"""From a stage's spec to chats: every prompt, answered by every checkpoint asked for."""

from collections.abc import Sequence
from typing import Any

from assay.errors import StageError
from assay_pipelines.chats import Chat, Message, read_chats, write_chats
from assay_pipelines.generate.decoding import Prompt, Reply, Sampling, answer
from assay_pipelines.inference import LoadedModel, load_model
from assay_pipelines.models import model_folders
from assay_pipelines.stage import StageRun

FILE = "chats.parquet"
SOURCE = "generated"


def generate(run: StageRun) -> dict[str, Any]:
    """Carry out a generate stage and return its figures.

    Raises:
        StageError: the model is unfit, or there is nothing to ask.

    """
    asked = prompts_of(list(read_chats(run, run.spec["prompts"])), limit=run.spec["prompts"].get("limit"))
    if not asked:
        raise StageError(
            "NothingToAsk",
            f"prompts of {run.spec['prompts']['from']}",
            "found no chat with a user's turn, expected some",
            "Look at what its steps drop.",
        )
    folders = model_folders(run, run.spec["model"], run.spec["checkpoints"])
    chats: list[Chat] = []
    figures: dict[str, Any] = {"rows": 0, "tokens": 0, "checkpoints": {}, "truncated": 0}
    for label, folder in folders.items():
        loaded = load_model(
            label, folder, precision=run.spec["precision"], threads=run.execution.get("threads", 1)
        )
        loaded.require_template()
        replies = _replies(run, asked, loaded, before=len(chats), total=len(asked) * len(folders))
        chats += [_chat(chat, replies[chat.id], loaded, several=len(folders) > 1) for chat in asked]
        figures["checkpoints"][label] = len(replies)
        figures["rows"] += len(replies)
        figures["tokens"] += sum(len(reply.tokens) for reply in replies.values())
        figures["truncated"] += sum(not reply.ended for reply in replies.values())
    write_chats(run.output / FILE, sorted(chats, key=lambda chat: chat.id))
    return figures


def prompts_of(chats: Sequence[Chat], *, limit: int | None) -> list[Chat]:
    """Cut each chat before its last assistant turn, and keep those in which something is asked, smallest ids first."""
    asked = []
    for chat in sorted(chats, key=lambda chat: chat.id):
        answered = [place for place, turn in enumerate(chat.messages) if turn.role == "assistant"]
        turns = chat.messages[: answered[-1]] if answered else chat.messages
        if turns and turns[-1].role == "user":
            asked.append(Chat(id=chat.id, source=chat.source, messages=turns, meta=chat.meta))
    return asked[:limit]


def _replies(
    run: StageRun, asked: Sequence[Chat], loaded: LoadedModel, *, before: int, total: int
) -> dict[str, Reply]:
    prompts = [
        Prompt(
            id=chat.id,
            tokens=loaded.tokenizer.apply_chat_template(
                [{"role": turn.role, "content": turn.content} for turn in chat.messages],
                add_generation_prompt=True,
                return_dict=False,
            ),
        )
        for chat in asked
    ]
    sampling = Sampling(
        temperature=run.spec["temperature"],
        top_p=run.spec["topP"],
        max_tokens=run.spec["maxTokens"],
        seed=run.spec["seed"],
    )

    def told(done: int) -> None:
        run.progress(f"generate: {loaded.label}", done=before + done, total=total, unit="answers")

    replies = answer(prompts, loaded, sampling, batch=run.execution.get("batch", 32), done=told)
    return {reply.prompt_id: reply for reply in replies}


def _chat(asked: Chat, reply: Reply, loaded: LoadedModel, *, several: bool) -> Chat:
    text = loaded.tokenizer.decode(reply.tokens, skip_special_tokens=True)
    return Chat(
        id=f"{asked.id}@{loaded.label}" if several else asked.id,
        source=SOURCE,
        messages=(*asked.messages, Message(role="assistant", content=text)),
        meta={"prompt": asked.id, "checkpoint": loaded.label},
    )
