"""What a plan's contrasts could show, with the spread of the runs in the experiment's last report."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from assay.api.status import PowerStatus
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import experiment_key
from assay.plan.plan import Plan
from assay.stores.store import Store

Row = dict[str, Any]


def contrasts_seen(plan: Plan, store: Store) -> list[Row]:
    """Work out what every contrast could show."""
    if not any(stage.kind is Kind.COMPARE for stage in plan.stages):
        return []
    # What has no contrasts does not wait for the arithmetic.
    from assay.report.foresight import foresight  # noqa: PLC0415

    earlier: list[Row] = []
    with contextlib.suppress(ValueError):  # a damaged report tells as little as none
        earlier = json.loads(store.get(experiment_key(plan.experiment, "report.json")) or b"{}").get(
            "scores", []
        )
    return foresight(plan, earlier)


def primary_power(rows: Sequence[Row]) -> PowerStatus | None:
    """Return what the primary contrast could show; None where there is none."""
    row = next((row for row in rows if row["primary"]), None)
    return None if row is None else PowerStatus.model_validate(row)
