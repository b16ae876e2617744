"""What a laptop and a cluster have in common."""

from datetime import UTC, datetime

from assay.api.availability import unavailable
from assay.errors import SpecError
from assay.plan.plan import Plan


def not_yet(plan: Plan) -> list[SpecError]:
    """Name what the plan asks for and no program can do yet."""
    return [
        SpecError(
            f"{stage.label}, {path}", "found what this version cannot do yet", "Leave it out, or wait for it."
        )
        for stage in plan.stages
        for path in unavailable(stage.kind, stage.document.spec)
    ]


def now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)
