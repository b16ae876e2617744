"""A program stage in a pod: what assay's containers do before, beside and after the command's own.

What the first has read, and when it began, the last one records: it finds a note of it where the command's container does not
reach. How the command ended the pod's status says, to whoever made the pod.
"""

import json
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

from assay.api.program import Program
from assay.artifacts.exchange import OUTPUT
from assay_pipelines.program.inputs import bring
from assay_pipelines.program.written import take
from assay_pipelines.stage import StageRun

_NOTE = "read.json"  # at home, which assay's containers share


def read(run: StageRun, exchange: Path) -> None:
    """Bring all that the command reads."""
    bring(run, run.words(Program), exchange)
    note = {"inputs": run.inputs, "started": run.started.isoformat()}
    (Path.home() / _NOTE).write_text(json.dumps(note))
    run.progress("program: its command runs")


def stand_by(_run: StageRun) -> None:
    """Show signs of life until the pod ends."""
    while True:
        signal.pause()


def publish(run: StageRun, exchange: Path) -> dict[str, Any]:
    """Check what the command wrote, and return its figures; as `take`."""
    words = run.words(Program)
    note = json.loads((Path.home() / _NOTE).read_text())
    run.inputs |= note["inputs"]
    run.started = datetime.fromisoformat(note["started"])
    run.ran_with(image=words.image)
    return take(run, words, exchange / OUTPUT)
