"""`assay diff`: which stages of two experiments, or of two arms of one, are not the same, and by which fields."""

import json
from pathlib import Path
from typing import Any

from assay.api.faults import did_you_mean
from assay.cli.pick import pick
from assay.cli.terminal import say, some
from assay.errors import SpecError
from assay.plan.diff import Change, Diff, arms_diff, plans_diff, stages_diff
from assay.plan.plan import Plan
from assay.settings.local import compile_file


def main(file: Path, before: str, after: str | None, *, output: str) -> None:
    """Hold a file against another, or two arms or stages of it against each other."""
    _, plan = compile_file(file)
    if after is None:
        found, names = plans_diff(plan, compile_file(Path(before))[1]), (str(file), before)
    else:
        found, names = _inside(plan, before, after), (before, after)
    if output == "json":
        say(json.dumps(_data(found, names)))
    else:
        _print(found, names)


def _inside(plan: Plan, before: str, after: str) -> Diff:
    """Compare two arms, or two stages.

    Raises:
        SpecError: there are no such.

    """
    if "/" in before or "/" in after:
        return stages_diff(plan, pick(plan, before), pick(plan, after))
    arms = dict.fromkeys(
        member.arm for stage in plan.stages for member in stage.members if stage.kind != "compare"
    )
    for name in (before, after):
        if name not in arms:
            raise SpecError(
                f"arm {name!r}",
                f"found no such arm among {', '.join(arms)}",
                did_you_mean(name, list(arms), "Name two arms, or two stages such as with-refusals/sft."),
            )
    return arms_diff(plan, before, after)


def _print(found: Diff, names: tuple[str, str]) -> None:
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Change]] = {}
    for change in found.changes:
        groups.setdefault((tuple(map(str, change.fields)), change.because), []).append(change)
    for (fields, because), changes in groups.items():
        say(some([change.label for change in changes]))
        for field in fields:
            say(f"  {field}")
        if because:
            say(f"  {'and ' if fields else 'only '}because {' and '.join(because)} changed")
    for name, labels in zip(names, (found.only_before, found.only_after), strict=True):
        if labels:
            say(f"only in {name}: {some(labels)}")
    own = sum(bool(change.fields) for change in found.changes)
    rest = len(found.changes) - own
    say(
        f"Stages that differ by fields of their own: {own}; only by what they read: {rest}; the same: {found.same}."
    )


def _data(found: Diff, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "before": names[0],
        "after": names[1],
        "changes": [
            {
                "label": change.label,
                "kind": change.before.kind.value,
                "before": str(change.before.ref),
                "after": str(change.after.ref),
                "fields": [
                    {"path": field.path, "before": field.before, "after": field.after}
                    for field in change.fields
                ],
                "because": list(change.because),
            }
            for change in found.changes
        ],
        "onlyBefore": list(found.only_before),
        "onlyAfter": list(found.only_after),
        "same": found.same,
    }
