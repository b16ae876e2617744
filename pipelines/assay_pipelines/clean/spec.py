"""The resolved spec of a clean stage, typed.

In a resolved spec references are artifacts and URIs are content identities; the models of the API check and fill the
rest, so references are put aside while they do.
"""

from dataclasses import dataclass
from typing import Any

from assay.api.clean import Clean, Source, Step


@dataclass(frozen=True, kw_only=True)
class CleanSpec:
    """A clean stage's words, and the artifacts that they mean."""

    clean: Clean
    artifacts: dict[str, str]  # what stands in the models' references → ArtifactRef

    def artifact(self, source: Source) -> str:
        """Return the ArtifactRef that a source is read from."""
        return self.artifacts[source.from_ or ""]

    def like(self, step: Step) -> str | None:
        """Return the ArtifactRef whose rows a subsample shall equal."""
        like = step.subsample.like if step.subsample else None
        return None if like is None else self.artifacts[like]

    def joining(self) -> list[int]:
        """Return for each source the number of the step at which it joins: its merge, or 0."""
        at = {
            name: number
            for number, step in enumerate(self.clean.steps)
            if step.merge
            for name in step.merge.sources
        }
        return [at.get(source.name, 0) for source in self.clean.sources]


def read_spec(spec: dict[str, Any]) -> CleanSpec:
    """Read the spec of a stage."""
    artifacts: dict[str, str] = {}

    def named(ref: str) -> str:
        name = f"artifact-{len(artifacts)}"
        artifacts[name] = ref
        return name

    sources = [
        source | {"from": named(source["from"])} if source.get("from") else source
        for source in spec["sources"]
    ]
    steps = [
        step | {"subsample": step["subsample"] | {"like": named(step["subsample"]["like"])}}
        if (step.get("subsample") or {}).get("like")
        else step
        for step in spec["steps"]
    ]
    return CleanSpec(clean=Clean.model_validate({"sources": sources, "steps": steps}), artifacts=artifacts)
