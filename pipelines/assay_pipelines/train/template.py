"""How a chat becomes text, and which part of that text is learned.

The learned spans are exact: what an assistant says and the mark that ends its turn, nothing else. ChatML is written here
directly; a tokenizer's own template is rendered turn by turn, and refused where a turn cannot be told apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import StageError
from assay_pipelines.chats import Message
from assay_pipelines.models import require_template

START, END = "<|im_start|>", "<|im_end|>"

# `{{ bos }}` is replaced: models that expect a begin token get one, others do not.
_CHATML = (
    "{{ bos }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Written:
    """A chat as text."""

    text: str
    learned: tuple[tuple[int, int], ...]  # spans of characters, in order: one per assistant turn


Writer = Callable[[Sequence[Message]], Written]


def chatml_template(bos: str | None) -> str:
    """Return ChatML as a Jinja template, for the tokenizer to carry."""
    return _CHATML.replace("{{ bos }}", "{{ bos_token }}" if bos else "")


def chatml_writer(bos: str | None) -> Writer:
    """Write chats as ChatML, exactly as `chatml_template` renders them."""

    def write(messages: Sequence[Message]) -> Written:
        parts, spans, at = [bos or ""], [], len(bos or "")
        for message in messages:
            head = f"{START}{message.role}\n"
            body = f"{message.content}{END}"
            if message.role == "assistant":
                spans.append((at + len(head), at + len(head) + len(body)))
            parts += (head, body, "\n")
            at += len(head) + len(body) + 1
        return Written("".join(parts), tuple(spans))

    return write


def own_writer(tokenizer: Any, name: str) -> Writer:
    """Write chats by the tokenizer's own template.

    Raises:
        StageError: `TemplateMissing`; the writer itself: `TemplateUnfit`.

    """
    require_template(tokenizer, name)
    special = sorted(tokenizer.all_special_tokens, key=len, reverse=True)

    def render(messages: Sequence[Message], *, prompt: bool = False) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt)
        except Exception as error:  # a template may raise anything
            raise _unfit(name, f"that it refuses a chat ({type(error).__name__}: {error})") from error
        return text

    def write(messages: Sequence[Message]) -> Written:
        whole, spans = render(messages), []
        for index, message in enumerate(messages):
            if message.role != "assistant":
                continue
            before, after = render(messages[:index], prompt=True), render(messages[: index + 1])
            if not after.startswith(before) or not whole.startswith(after):
                raise _unfit(name, "that what it writes of a turn depends on the turns around it")
            spans.append((len(before), _end_of_turn(after, len(before), message.content, special)))
        return Written(whole, tuple(spans))

    return write


def _end_of_turn(text: str, start: int, content: str, special: Sequence[str]) -> int:
    """Find where a turn ends: after the last special token behind its content, or at the very end if there is none."""
    at = text.find(content.strip(), start)
    tail = at + len(content.strip()) if at >= 0 else start
    ends = [place + len(token) for token in special if (place := text.rfind(token, tail)) >= 0]
    return max(ends, default=len(text))


def _unfit(name: str, found: str) -> StageError:
    return StageError(
        "TemplateUnfit",
        f"chat template of {name}",
        f"found {found}, expected one whose assistant turns can be told apart",
        "Use template: chatml.",
    )
