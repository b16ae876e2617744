"""From a stage's program into the sandbox and back."""

from collections.abc import Sequence

from assay_pipelines.sandbox.programs import Limits, Program, ProgramOutcome


def run_programs(programs: Sequence[Program], limits: Limits) -> list[ProgramOutcome]:
    """Run programs one after another, each in processes of its own, and return what became of them, in order.

    Raises:
        StageError: `SandboxUnavailable`: this machine cannot contain them, and nothing has run; `SandboxLost`: the
            container that runs them ended.

    """
    raise NotImplementedError
