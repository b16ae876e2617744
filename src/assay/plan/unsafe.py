"""What stems from sources that a spec calls unsafe: the chats themselves, models that learned from them, and what those wrote.

No step takes the label away: an author who separates what is harmful from the rest does so in sources. A comparison holds
neither texts nor weights, so it is never labelled.
"""

from collections.abc import Iterable, Iterator

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.plan.plan import PlannedStage

_MODELS = (Kind.TRAIN, Kind.PROGRAM)


def unsafe_sources(stages: Iterable[PlannedStage]) -> dict[ArtifactRef, tuple[str, ...]]:
    """Return the stages that stem from unsafe sources, each with their names; none of `stages` precedes what it reads."""
    found: dict[ArtifactRef, tuple[str, ...]] = {}
    for stage in stages:
        if stage.kind is Kind.COMPARE:
            continue
        names = {*stage.document.unsafe, *(name for ref in stage.reads for name in found.get(ref, ()))}
        if names:
            found[stage.ref] = tuple(sorted(names))
    return found


def unsafe_notes(stages: Iterable[PlannedStage]) -> Iterator[str]:
    """Say of every arm whose models stem from unsafe sources that they do."""
    stages = list(stages)
    found = unsafe_sources(stages)
    arms: dict[str, set[str]] = {}
    for stage in stages:
        for member in stage.members if stage.kind in _MODELS and stage.ref in found else ():
            arms.setdefault(member.arm, set()).update(found[stage.ref])
    for arm, names in arms.items():
        yield f"arm {arm}: unsafe, its models stem from {', '.join(sorted(names))}"
