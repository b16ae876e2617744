"""`assay import`: an experiment made of evaluations that lm-evaluation-harness has carried out elsewhere.

It writes the experiment's file and no more: what runs, what is kept and what is compared is then as in every other.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from assay.adapters.sources import FileSources
from assay.api.imported import logged_tasks
from assay.api.written import read
from assay.artifacts.documents import Location
from assay.cli.terminal import say
from assay.errors import SpecError
from assay.plan.examine import examine
from assay.plan.identity import OutsideInput
from assay.stores.open import open_source


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of an arm, and the folder that has its samples."""

    arm: str
    seed: str
    folder: str

    @property
    def label(self) -> str:
        """As it was named."""
        return f"{self.arm}/{self.seed}"


def main(file: Path, named: Sequence[str]) -> None:
    """Write the file of an experiment that compares runs made elsewhere; nothing is run."""
    runs = runs_of(named)
    if file.exists():
        raise SpecError(str(file), "found a file, expected none", "Name another, or delete it.")
    _check_folders(runs)
    below = [Run(arm=run.arm, seed=run.seed, folder=_seen_from(file, run.folder)) for run in runs]
    text = experiment_of(file.stem, below)
    examine(read(text.encode(), str(file))).sound()
    file.write_text(text)
    arms = len({run.arm for run in runs})
    say(f"{file}: {arms} arms, {len(runs)} runs")
    say(
        f"assay run {file} reads and compares them; change the contrasts and the margin first if others are meant."
    )


def runs_of(named: Sequence[str]) -> list[Run]:
    """Read what the command line names as `ARM/SEED=FOLDER`.

    Raises:
        SpecError: something else, a run twice, or one arm alone.

    """
    runs: dict[str, Run] = {}
    for text in named:
        label, equals, folder = text.partition("=")
        arm, slash, seed = label.partition("/")
        if not (equals and slash and arm and seed and folder):
            raise SpecError(
                f"run {text!r}",
                "found no arm, seed and folder, expected ARM/SEED=FOLDER",
                "Write it such as base/1=runs/base-1.",
            )
        if label in runs:
            raise SpecError(
                f"run {label}",
                f"found it twice, as {runs[label].folder} and {folder}, expected each seed of an arm once",
                "Give one of them another seed.",
            )
        runs[label] = Run(arm=arm, seed=seed, folder=folder)
    if len({run.arm for run in runs.values()}) < 2:
        raise SpecError(
            "runs",
            "found one arm, expected at least two to compare",
            "Name the runs of another arm, such as base/1=runs/base-1.",
        )
    return list(runs.values())


def experiment_of(name: str, runs: Sequence[Run]) -> str:
    """Write the experiment: every arm's runs, and each arm held against the first."""
    arms = list(dict.fromkeys(run.arm for run in runs))
    lines = [
        "apiVersion: assay.dev/v1alpha1",
        "kind: Experiment",
        f"metadata: {{name: {_text(name)}}}",
        "spec:",
        "  pipeline:",
        f"  - {{name: scores, imported: {{samples: {_text(runs[0].folder)}}}}}  # each run says its own",
        "  arms:",
    ]
    for arm in arms:
        lines += [
            f"  - name: {_text(arm)}",
            "    matrix:",
            "    - name: seed",
            "      role: replicate",
            "      values:",
            *(
                f"      - {{name: {_text(run.seed)}, stages: [{{name: scores, imported: {{samples: {_text(run.folder)}}}}}]}}"
                for run in runs
                if run.arm == arm
            ),
        ]
    lines += [
        "  compare:",
        "  - name: imported",
        "    stage: scores",
        "    contrasts:  # each is one question: a minus b",
        *(f"    - {{name: {_text(arm)}, a: {_text(arm)}, b: {_text(arms[0])}}}" for arm in arms[1:]),
        "    margin: 0.01  # equivalent within this, in each task's own unit",
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _check_folders(runs: Sequence[Run]) -> None:
    """Look into every folder, so that what is missing shows before anything is written."""
    sources = FileSources(Path.cwd(), hub_access=False)
    seen: dict[str, Run] = {}
    for run in runs:
        found = sources.resolve(OutsideInput(path=(), uri=run.folder, revision=None))
        first = seen.setdefault(found.identity, run)
        if first is not run:
            raise SpecError(
                f"run {run.label}, {run.folder}",
                f"found the very files of run {first.label}, expected another run's",
                "Name the folder that this run wrote: the same evaluation twice is no second run.",
            )
        _check_tasks(found.location, run)


def _check_tasks(location: Location, run: Run) -> None:
    where = f"run {run.label}, {run.folder}"
    uris = {file.path: file.uri for file in location.files}

    def results(name: str) -> Any:
        folder, _, _ = uris[name].rpartition("/")
        text = open_source(folder).get(name.rpartition("/")[2])
        try:
            return json.loads(text or b"")
        except ValueError as error:
            raise SpecError(
                f"{where}, {name}", "found damaged bytes, expected JSON", "Copy the folder again."
            ) from error

    logged_tasks(uris, results, where)


def _seen_from(file: Path, folder: str) -> str:
    """Return a folder's path relative to the experiment's file, as paths in it are; URIs stay what they are."""
    if urlparse(folder).scheme:
        return folder
    return Path(os.path.relpath(Path(folder).absolute(), file.absolute().parent)).as_posix()
