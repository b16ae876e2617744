"""A plan in few words: how often each stage name stands in it, in columns from what is read first to what is read last."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from assay.artifacts.documents import ArtifactRef
from assay.plan.plan import Plan, PlannedStage


@dataclass(frozen=True, kw_only=True)
class Node:
    """All distinct stages of one name."""

    name: str
    stages: int
    done: int
    reads: frozenset[str]  # other names


Layers = tuple[tuple[Node, ...], ...]


def layers(plan: Plan, done: AbstractSet[ArtifactRef]) -> Layers:
    """Return the columns; a name stands as late as those allow that read it, and what the longest chain goes through is on top."""
    named: dict[str, list[PlannedStage]] = {}
    for stage in plan.stages:
        named.setdefault(_name(stage), []).append(stage)
    nodes = [
        Node(
            name=name,
            stages=len(stages),
            done=sum(stage.ref in done for stage in stages),
            reads=frozenset(_name(plan.by_ref[ref]) for stage in stages for ref in stage.reads) - {name},
        )
        for name, stages in named.items()
    ]
    levels = _levels(nodes)
    columns: list[tuple[Node, ...]] = []
    for level in sorted(set(levels.values()), reverse=True):
        before = columns[-1][0].name if columns else ""
        column = [node for node in nodes if levels[node.name] == level]
        columns.append(tuple(sorted(column, key=lambda node: before not in node.reads)))
    return tuple(columns)


def _levels(nodes: list[Node]) -> dict[str, int]:
    """Say how many names at most come after each; arms may reverse who reads whom, so that names, unlike stages, may go in circles."""
    levels = dict.fromkeys((node.name for node in nodes), 0)
    for _ in nodes:
        for node in nodes:
            for read in node.reads:
                levels[read] = min(len(nodes), max(levels[read], levels[node.name] + 1))
    return levels


def _name(stage: PlannedStage) -> str:
    return stage.members[0].stage
