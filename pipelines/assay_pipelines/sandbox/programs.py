"""What goes into the sandbox, and what comes out of it."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one program may take; its judge may take as much again."""

    cpu_seconds: int = 3  # of a core: what else runs fails nobody
    wall_seconds: float = 30.0
    memory_mib: int = 1024  # of address space
    output_kib: int = 1024  # of what it prints


@dataclass(frozen=True, kw_only=True)
class Program:
    """A module that a model wrote, and a benchmark's tests of one of its functions.

    The tests run in a process of their own, in which `entry_point` stands for the model's function: it is called with copies
    of plain values, and returns copies of plain values. The model's code sees no test, and no test any other of its names.
    """

    id: str
    text: str  # the model's module, whole: for HumanEval the prompt and what completes it
    entry_point: str
    tests: str  # passes when it runs to its end; for HumanEval the tests, and `check(<entry point>)`
    given: str = ""  # the benchmark's own code that the tests may use besides; for HumanEval the prompt


class Reason(StrEnum):
    """How a program ended."""

    PASSED = "passed"
    FAILED = "failed"  # a wrong answer, an error, or an end without an answer
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # it printed too much
    KILLED = "killed"  # by a signal, such as that of a segmentation fault


@dataclass(frozen=True, kw_only=True)
class ProgramOutcome:
    """What became of a program."""

    id: str
    reason: Reason
    output: str = ""  # the first of what it printed, and of how the tests ended; worth no trust

    @property
    def passed(self) -> bool:
        """Whether all tests passed."""
        return self.reason is Reason.PASSED
