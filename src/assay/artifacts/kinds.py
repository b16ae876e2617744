"""The kinds of stage, and the semantics number of each program.

A semantics number is part of every fingerprint. It is raised when the same identity would give other outputs; a program refuses a `stage.json` with another number than its own.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What a stage does."""

    CLEAN = "clean"
    TRAIN = "train"
    GENERATE = "generate"
    EVALUATE = "evaluate"
    PROGRAM = "program"
    COMPARE = "compare"


SEMANTICS: dict[Kind, int] = {
    Kind.CLEAN: 3,
    Kind.TRAIN: 2,
    Kind.GENERATE: 2,
    Kind.EVALUATE: 5,
    Kind.PROGRAM: 1,
    Kind.COMPARE: 7,
}
