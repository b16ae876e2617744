"""What a program of a team's own is given, and what its exit code says: docs/programs.md is the contract.

It meets assay in one folder, which it finds by variables: what it reads, its parameters, and where it writes.
"""

from assay.errors import Retry, StageError

INPUTS, CODE, PARAMETERS, OUTPUT = "inputs", "code", "parameters.json", "output"

SCORES = "scores.jsonl"
"""Of outcomes, as a program reads and writes them."""

CHATS = "chats.jsonl"
"""Of a dataset, as a program reads and writes it."""

TRY_AGAIN = 75
"""The exit code of a program that another attempt may mend: sysexits.h's EX_TEMPFAIL, as assay's own programs have it."""

_KILLED = (128 + 9, 128 + 15)  # from outside: by memory's end, or whoever ended it


def variables(folder: str, threads: int) -> dict[str, str]:
    """Return what a program finds in its environment; `folder` is where it meets assay."""
    return {
        "ASSAY_INPUTS": f"{folder}/{INPUTS}",
        "ASSAY_OUTPUT": f"{folder}/{OUTPUT}",
        "ASSAY_PARAMETERS": f"{folder}/{PARAMETERS}",
        "OMP_NUM_THREADS": str(threads),
        "PYTHONUNBUFFERED": "1",
    }


def program_failed(code: int, why: str = "") -> StageError:
    """Say that a command did not end with 0; one that a signal ended has 128 and its number, one that could not start a reason."""
    return StageError(
        "ProgramFailed",
        "the program's command",
        f"found exit code {code}{f' ({why[:500]})' if why else ''}, expected 0",
        "Its log says why.",
        retry=Retry.LATER if code in (TRY_AGAIN, *_KILLED) else Retry.NEVER,
    )
