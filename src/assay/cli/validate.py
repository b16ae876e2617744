"""`assay validate`: whether the spec is right and compiles."""

import json
from pathlib import Path

from assay.cli.terminal import say
from assay.settings.local import compile_file


def main(file: Path, *, output: str) -> None:
    """Check everything that can be checked without a store."""
    experiment, plan = compile_file(file)
    if output == "json":
        counts = {"experiment": experiment.metadata.name, "stages": len(plan.stages)}
        say(json.dumps({"valid": True, **counts}))
        return
    arms = len(experiment.spec.arms)
    say(f"{file}: valid. {arms} arms compile to {len(plan.stages)} distinct stages.")
    for note in plan.notes:
        say(f"  note: {note}")
