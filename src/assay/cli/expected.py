"""What a plan is expected to take of GPUs, as a table for people and as data."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from assay.api.profile import ProfileSpec
from assay.artifacts.documents import ArtifactRef
from assay.cli.terminal import PLAIN, console, say, some
from assay.plan.expected import BYTES, SHARE, Expected
from assay.plan.plan import Plan
from assay.reconcile.decide import FINAL, Decision, State
from assay.reconcile.terms import Terms, bill, priced

Row = dict[str, Any]


def expected_data(
    plan: Plan, decision: Decision, expected: Mapping[ArtifactRef, Expected], profile: ProfileSpec
) -> Row | None:
    """Say what each stage that is left would take, and all of them; None where none would hold a GPU."""
    if not expected:
        return None
    left = [stage for stage in plan.stages if decision.judgements[stage.ref].state not in FINAL]
    prices = profile.prices
    whole = bill(Terms(expected=expected), (stage.ref for stage in left))
    done = sum(
        decision.spent[ref].all for ref, item in decision.judgements.items() if item.state is State.DONE
    )
    return {
        "gpuHours": whole.gpu_hours,
        "unknown": len(whole.unknown),
        "price": prices.cost(whole.gpu_hours),
        "currency": prices.currency,
        "done": {"gpuHours": done, "price": prices.cost(done), "told": priced(done, prices)},
        "approvalGpuHours": profile.limits.approval_gpu_hours,
        "limit": profile.limits.gpu_hours,
        "assumed": {"bytesPerToken": BYTES, "shareOfPeak": SHARE},
        "told": whole.told(prices),
        "stages": [
            {
                "label": stage.label,
                "gpuHours": expected[stage.ref].gpu_hours,
                "why": expected[stage.ref].why,
                "assumed": expected[stage.ref].assumed,
            }
            for stage in left
            if stage.ref in expected
        ],
    }


def print_expected(data: Row | None) -> None:
    """Print alike stages in one line, and what the figures rest on."""
    if data is None:
        return
    if data["done"]["gpuHours"]:
        say(f"\nWhat is done took {data['done']['told']}, and is not paid for again.")
    if not data["stages"]:
        return
    say("\nGPU-hours of what is left:")
    table = Table(**PLAIN)
    for title in ("STAGE", "EACH", "WHY"):
        table.add_column(title, overflow="fold")
    groups: dict[tuple[float | None, str], list[str]] = {}
    for row in data["stages"]:
        groups.setdefault((row["gpuHours"], row["why"]), []).append(row["label"])
    for (hours, why), labels in groups.items():
        table.add_row(some(labels), "unknown" if hours is None else f"{hours:,.3g}", why)
    console().print(table)
    say(f"All: {data['told']}.")
    if any(row["assumed"] for row in data["stages"]):
        assumed = data["assumed"]
        say(
            f"Assumed: {assumed['bytesPerToken']} bytes a token, {assumed['shareOfPeak']:.0%} of the GPUs' peak."
        )
    if data["approvalGpuHours"] is not None and (
        data["unknown"] or data["gpuHours"] > data["approvalGpuHours"]
    ):
        counted = "; what is unknown counts as more" if data["unknown"] else ""
        say(f"Above {data['approvalGpuHours']:g} GPU-hours somebody must approve it{counted}.")
    if data["limit"] is not None and data["gpuHours"] > data["limit"]:
        say(f"The Profile allows {data['limit']:g} GPU-hours: nothing would be launched.")
