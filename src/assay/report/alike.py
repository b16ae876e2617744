"""Whether runs that are compared were made alike: across environment classes they may differ by more than data.

Compared are the stages that compute in floating point, each with those of the same name, from the measured ones up to all
that they were made from. What a class does not say is not known to differ. The version of assay is no part of it: its
semantics numbers say when a program computes something else.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan, PlannedStage

Classes = Mapping[ArtifactRef, Mapping[str, Any]]

# Cleaning promises the same bytes everywhere.
_COMPUTING = (Kind.TRAIN, Kind.GENERATE, Kind.EVALUATE, Kind.PROGRAM)


def differences(plan: Plan, classes: Classes, refs: Iterable[str]) -> list[str]:
    """Say in what the runs that wrote some artifacts were not made alike; `classes` are the environment classes that are known.

    Such as `sft: zeroStage 0 (with/sft) and 2 (without/sft)`.
    """
    found: dict[
        tuple[str, str], dict[str, str]
    ] = {}  # (stage name, member) → value → where it was seen first
    for stage in _lineage(plan, refs):
        for member, value in _members(classes.get(stage.ref, {})):
            found.setdefault((stage.members[0].stage, member), {}).setdefault(value, stage.label)
    return [
        f"{name}: {member} {' and '.join(f'{value} ({label})' for value, label in values.items())}"
        for (name, member), values in found.items()
        if len(values) > 1
    ]


def unlike_contrasts(plan: Plan, classes: Classes) -> list[str]:
    """Say of each contrast of a plan in what its runs were not, or would not be, made alike, unless that is allowed."""
    told: dict[str, None] = {}
    for stage in plan.stages:
        if stage.kind is not Kind.COMPARE:
            continue
        comparison = stage.document.spec["comparison"]
        if comparison.get("environments") == "any":
            continue
        points = {arm["arm"]: _points(arm["runs"]) for arm in stage.document.spec["arms"]}
        for contrast in comparison.get("contrasts") or ():
            for (at_a, a), (at_b, b) in product(
                points.get(contrast["a"], {}).items(), points.get(contrast["b"], {}).items()
            ):
                if all(dict(at_b).get(axis, value) == value for axis, value in at_a):
                    for line in differences(plan, classes, (*a, *b)):
                        told[f"{contrast['name']}: not alike: {line}"] = None
    return list(told)


def _points(runs: Iterable[Mapping[str, Any]]) -> dict[tuple[tuple[str, str], ...], list[str]]:
    """Group what an arm's runs wrote by where they are along axes that are no replicates."""
    points: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for run in runs:
        points.setdefault(tuple(sorted(run["coordinates"].items())), []).extend(run["stages"].values())
    return points


def _lineage(plan: Plan, refs: Iterable[str]) -> Iterator[PlannedStage]:
    ahead, seen = [ArtifactRef(ref) for ref in refs], set[str]()
    while ahead:
        ref = ahead.pop(0)
        if ref in seen or ref not in plan.by_ref:
            continue
        seen.add(ref)
        stage = plan.by_ref[ref]
        ahead += stage.reads
        if stage.kind in _COMPUTING:
            yield stage


def _members(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        if name == "libraries":
            yield from ((library, version) for library, version in value.items() if library != "assay")
        else:
            yield name, str(value)
