"""A program whose output is a digest of all that it was given."""

from collections.abc import Callable
from typing import Any

from assay.artifacts.canonical import digest
from assay.artifacts.kinds import Kind
from assay_pipelines.stage import StageRun, run_program
from e2e import crash


def program(kind: str) -> Callable[[list[str]], int]:
    """Return the program's `main`."""

    def body(run: StageRun) -> dict[str, Any]:
        read = {ref: run.artifact(ref).record.outputs_digest for ref in run.stage.reads}
        run.progress("digesting", done=1, total=1, unit="inputs")
        (run.output / "digest.txt").write_text(digest("test", [run.spec, read]))
        return {"read": len(read)}

    def main(argv: list[str]) -> int:
        with crash.armed("program"):
            return run_program(Kind(kind), body, argv)

    return main
