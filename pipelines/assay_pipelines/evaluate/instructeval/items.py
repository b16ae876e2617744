"""What a benchmark asks, and what was answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.api.evaluate import PromptFormat
from assay_pipelines.outcomes import Measured


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question."""

    id: str
    doc: dict[str, Any]  # the item as the benchmark has it
    opening: str = ""  # before the examples
    shots: tuple[str, ...] = ()  # written out, with answers
    question: str  # written out, up to where the answer begins
    target: str
    weight: float = 1.0

    def prompt(self, shots: int) -> str:
        """Write what the model is shown, with the first so many of its examples."""
        return self.opening + "".join(self.shots[:shots]) + self.question


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """How a benchmark's answers are asked for, and scored."""

    read: Callable[[Sequence[Path], str, int | None], list[Item]]  # files, where they are, limit
    score: "Callable[[Asked, str, Sequence[Answered]], Measured]"  # of all answers of a checkpoint
    tokens: int  # longest answer that is scored
    unit: str = "share that begins with the label"
    chance: float | None = None  # the score of guessing
    temperature: float = 0  # of answers; 0 takes the likeliest token
    runs_code: bool = False  # whether scoring runs what was answered


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A benchmark as a task asks it."""

    task: str
    benchmark: Benchmark
    items: Sequence[Item]
    form: PromptFormat
    samples: int = 1  # answers to each item
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An item with what a model was shown and once said."""

    item: Item
    prompt: str
    whole: bool  # no example was left out, and there was room for a whole answer
    scored: str  # the part of the answer that is scored
    read: str  # all of the answer that was read
    tokens: int  # of the prompt and of all that was read
