"""What a shell may complete: the stages of every arm that an experiment's file has, without looking at what they read."""

from pathlib import Path

from assay.api.written import read
from assay.errors import SpecError
from assay.plan.examine import examine
from assay.plan.plan import Member


def stages_in(file: Path) -> list[str]:
    """Return their labels; none while the file cannot be read."""
    try:
        instances = examine(read(file.read_bytes(), str(file))).expansion.instances
    except (SpecError, OSError):
        return []
    return [
        Member(arm=instance.arm, coordinates=dict(instance.coordinates), stage=stage).label
        for instance in instances
        for stage in instance.stages
    ]
