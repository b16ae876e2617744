"""Runs as the program of compare stages reads them, without their files."""

from collections.abc import Mapping
from typing import Any

from assay_pipelines.compare.scores import Run, TaskScore


def runs_of(
    spec: Mapping[str, Any],
    scored: Mapping[str, Mapping[str, Mapping[str, TaskScore]]],
    lineage: Mapping[str, Any] | None = None,
) -> list[Run]:
    """Return the runs of a compare stage over `scores`, whose stages came to what `scored` says."""
    return [
        Run(
            arm=arm["arm"],
            coordinates=run["coordinates"],
            replicate=run["replicate"],
            ref=run["stages"]["scores"],
            scores=scored[run["stages"]["scores"]],
            lineage=lineage or {},
        )
        for arm in spec["arms"]
        for run in arm["runs"]
    ]
