"""What of a row is measured by its likelihood: a document as it is, a chat as the model reads it, or its last answer alone."""

from collections.abc import Sequence
from typing import Literal

from assay.errors import StageError
from assay_pipelines.dataset import Chat
from assay_pipelines.evaluate.likelihood import Text
from assay_pipelines.inference import LoadedModel


def texts_of(chats: Sequence[Chat], loaded: LoadedModel, of: Literal["text", "answers"]) -> list[Text]:
    """Write every row as the model reads it; `answers` takes what stands before each last answer as given.

    Raises:
        StageError: `BenchmarkMalformed`: there is no answer to measure.

    """
    if not all(chat.is_text for chat in chats):
        loaded.require_template()
    if of == "answers":
        return [_last_answer(chat, loaded) for chat in chats]
    return [
        Text(id=chat.id, text=chat.messages[0].content if chat.is_text else _written(chat.turns(), loaded))
        for chat in chats
    ]


def _last_answer(chat: Chat, loaded: LoadedModel) -> Text:
    """Return a chat no further than the mark that ends its last answer: what a training learns of that turn."""
    *before, last = chat.turns()
    given = _written(before, loaded, answering=True) if last["role"] == "assistant" else ""
    text = "" if chat.is_text else _written(chat.turns(), loaded)
    if not given or not text.startswith(f"{given}{last['content']}"):
        raise StageError(
            "BenchmarkMalformed",
            f"row {chat.id}",
            "found no answer at its end as the model's template writes it, expected one to measure",
            "Leave `of` out, or give chats that end in an assistant's turn.",
        )
    end = len(given) + len(last["content"])
    mark = loaded.tokenizer.eos_token or ""
    return Text(id=chat.id, text=text[: end + len(mark) * text.startswith(mark, end)], given=len(given))


def _written(turns: list[dict[str, str]], loaded: LoadedModel, *, answering: bool = False) -> str:
    """Write turns by the model's template, without the token that every text is started with anyway."""
    text: str = loaded.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answering)
    return text.removeprefix(loaded.tokenizer.bos_token or "")
