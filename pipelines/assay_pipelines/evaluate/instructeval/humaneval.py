"""HumanEval: 164 functions to complete, and whether what a model writes passes their tests.

An answer is cut at its first blank line, since a model goes on with other functions. Decoding may have lost the first space of
an answer, so a line indented by an odd number of spaces gets one more, as in the published code.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay_pipelines.evaluate.instructeval.items import Answered, Asked, Benchmark, Item
from assay_pipelines.evaluate.instructeval.scoring import refusals
from assay_pipelines.evaluate.problems import problems_of
from assay_pipelines.outcomes import Measured, Outcome, hashed
from assay_pipelines.sandbox.programs import Limits, Program, Reason
from assay_pipelines.sandbox.run import run_programs

_INSTRUCTION = "Please complete the following Python code without providing any additional tasks such as testing or explanations\n"
_FIELDS = ("task_id", "prompt", "entry_point", "test")


def read(files: Sequence[Path], where: str, limit: int | None) -> list[Item]:
    """Read the problems, at most `limit` of them.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    return [_item(doc) for doc in problems_of(files, where, _FIELDS)[:limit]]


def program(item: Item, answer: str) -> Program:
    """Make a module of what a model answered, beside the tests of its function."""
    prompt, entry_point = str(item.doc["prompt"]), str(item.doc["entry_point"])
    return Program(
        id=item.id,
        text=f"{prompt}{completion(answer)}\n",
        entry_point=entry_point,
        tests=f"{item.doc['test']}\ncheck({entry_point})",
        given=prompt,
    )


def completion(answer: str) -> str:
    """Return the part of an answer that completes the function."""
    even = "\n".join(" " * (_indent(line) % 2) + line for line in answer.split("\n"))
    return even.lstrip("\n").split("\n\n", maxsplit=1)[0]


def score(asked: Asked, checkpoint: str, answers: Sequence[Answered]) -> Measured:
    """Run what one model answered in the sandbox, and score it.

    Raises:
        StageError: `SandboxUnavailable` or `SandboxLost`.

    """
    ended = run_programs([program(answer.item, answer.scored) for answer in answers], Limits())
    return measured(asked, checkpoint, answers, [outcome.reason for outcome in ended])


def measured(asked: Asked, checkpoint: str, answers: Sequence[Answered], ended: Sequence[Reason]) -> Measured:
    """Score all answers of one model by what became of their modules; an item's outcome is the share that passed."""
    by_item: dict[str, list[tuple[Answered, bool]]] = {}
    for answer, reason in zip(answers, ended, strict=True):
        by_item.setdefault(answer.item.id, []).append((answer, reason is Reason.PASSED))
    return Measured(
        task=asked.task,
        checkpoint=checkpoint,
        outcomes=tuple(_outcome(samples) for samples in by_item.values()),
        unit=asked.benchmark.unit,
        higher_is_better=True,
        truncated=sum(not samples[0][0].whole for samples in by_item.values()),
        beside={"refusals": refusals(answers), "ended": dict(sorted(Counter(map(str, ended)).items()))},
    )


def _item(doc: dict[str, Any]) -> Item:
    return Item(id=doc["task_id"], doc=doc, question=f"{_INSTRUCTION}{doc['prompt']}", target=doc["test"])


def _outcome(samples: Sequence[tuple[Answered, bool]]) -> Outcome:
    first = samples[0][0]
    return Outcome(
        doc_id=first.item.id,
        doc_hash=hashed(first.item.doc),
        prompt_hash=hashed(first.prompt),
        target_hash=hashed(first.item.target),
        prediction=completion(first.scored),
        outcome=sum(has_passed for _, has_passed in samples) / len(samples),
        tokens=sum(answer.tokens for answer, _ in samples),
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


HUMANEVAL = Benchmark(
    read=read,
    score=score,
    tokens=512,
    unit="share of problems solved",
    temperature=0.1,
    runs_code=True,
)
