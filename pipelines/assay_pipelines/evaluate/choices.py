"""Multiple choice from a JSON-lines file, as a task of lm-evaluation-harness.

The prompt is that of the harness' own `mmlu`: a sentence of instruction, the examples, the question, the lettered
choices and `Answer:`; the answer is the letter with the greatest likelihood.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]
from lm_eval.api.task import ConfigurableTask  # type: ignore[import-untyped]

from assay_pipelines.evaluate.reading import lines_of, malformed, object_of
from assay_pipelines.evaluate.samples import LETTERS

DESCRIPTION = "The following are multiple choice questions (with answers).\n\n"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question."""

    id: str  # its own `id`, or its place in the file, from 0
    question: str
    choices: tuple[str, ...]
    answer: int

    @property
    def doc(self) -> dict[str, Any]:
        """The item as the harness sees it, and as `doc_hash` digests it."""
        return {
            "id": self.id,
            "question": self.question,
            "choices": list(self.choices),
            "answer": self.answer,
        }


def read_items(files: Sequence[Path], *, where: str, limit: int | None = None) -> list[Item]:
    """Read the items of one source, the first `limit` of them.

    Raises:
        StageError: `BenchmarkMalformed`: no items, a line that is no item, or an id twice.

    """
    items: dict[str, Item] = {}
    for place, line in lines_of(files, where):
        if limit is not None and len(items) == limit:
            break
        item = _item(line, place=place, index=len(items))
        if item.id in items:
            raise malformed(place, f"the id {item.id!r} a second time", "each id once")
        items[item.id] = item
    if not items:
        raise malformed(where, "no items", "at least one")
    return list(items.values())


def choice_task(name: str, items: Sequence[Item], shots: Sequence[Item]) -> ConfigurableTask:
    """Make the harness task that asks `items`, each after all of `shots`."""
    docs = datasets.Dataset.from_list([item.doc for item in items])
    return ConfigurableTask(
        config={
            "task": name,
            "custom_dataset": lambda **_: {"test": docs},
            "test_split": "test",
            "output_type": "multiple_choice",
            "description": DESCRIPTION,
            "doc_to_text": _prompt,
            "doc_to_choice": _letters,
            "doc_to_target": _answer,
            "num_fewshot": len(shots),
            "fewshot_config": {"sampler": "first_n", "samples": [shot.doc for shot in shots]},
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
    )


def _prompt(doc: dict[str, Any]) -> str:
    lettered = "".join(
        f"{letter}. {choice.strip()}\n" for letter, choice in zip(LETTERS, doc["choices"], strict=False)
    )
    return f"{doc['question'].strip()}\n{lettered}Answer:"


def _letters(doc: dict[str, Any]) -> list[str]:
    return list(LETTERS[: len(doc["choices"])])


def _answer(doc: dict[str, Any]) -> int:
    return int(doc["answer"])


def _item(line: str, *, place: str, index: int) -> Item:
    value = object_of(line, place)
    question, choices, answer = (value.get(name) for name in ("question", "choices", "answer"))
    if not isinstance(question, str) or not question.strip():
        raise malformed(place, f"question {question!r}", "some text")
    if (
        not isinstance(choices, list)
        or not 2 <= len(choices) <= len(LETTERS)
        or not all(isinstance(choice, str) and choice.strip() for choice in choices)
    ):
        raise malformed(place, f"choices {choices!r}", f"2 to {len(LETTERS)} texts")
    if not isinstance(answer, int) or isinstance(answer, bool):
        raise malformed(
            place,
            "no answer" if answer is None else f"answer {answer!r}",
            "the index of the right choice, from 0",
        )
    if not 0 <= answer < len(choices):
        raise malformed(
            place, f"answer {answer}", f"0 to {len(choices) - 1}, as there are {len(choices)} choices"
        )
    return Item(id=str(value.get("id", index)), question=question, choices=tuple(choices), answer=answer)
