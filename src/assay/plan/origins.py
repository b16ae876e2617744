"""Where in an experiment, as its author wrote it, a stage of one instance got a value: its arm's words, an axis's or the pipeline's."""

from collections.abc import Iterator
from typing import Any

from assay.api.written import Path, Written, walk
from assay.plan.arms import Instance


class Origins:
    """Looks values up in one document."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._known: dict[tuple[str, str, Path, object], str] = {}

    def where(self, instance: Instance, stage: str, path: Path, value: object) -> str:
        """Return the field that gave an instance's stage a value at a path, the stage's kind included."""
        key = (instance.arm, stage, path, value)
        if key not in self._known:
            self._known[key] = self._found(instance.arm, stage, path, value)
        return self._known[key]

    def _found(self, arm: str, stage: str, path: Path, value: object) -> str:
        for start, words in self._of(arm, stage):
            for place, found in walk(words):
                if found == value and _names(place) == _names(path):
                    return self._written.where((*start, *place))
        inside = ".".join(str(part) for part in path)
        return f"arm {arm}, stage {stage}, {inside}"

    def _of(self, arm: str, stage: str) -> Iterator[tuple[Path, Any]]:
        spec = self._written.value["spec"]
        arms = [index for index, one in enumerate(spec["arms"]) if one.get("name") == arm]
        lists: list[tuple[Path, list[Any]]] = []
        for index in arms:
            lists += _of_axes(("spec", "arms", index, "matrix"), spec["arms"][index].get("matrix"))
        lists += _of_axes(("spec", "matrix"), spec.get("matrix"))
        lists += [
            (("spec", "arms", index, "stages"), spec["arms"][index].get("stages") or []) for index in arms
        ]
        lists.append((("spec", "pipeline"), spec["pipeline"]))
        for start, stages in lists:
            for index, words in enumerate(stages):
                if words.get("name") == stage:
                    yield (*start, index), words


def _of_axes(start: Path, axes: list[Any] | None) -> list[tuple[Path, list[Any]]]:
    return [
        ((*start, index, "values", place, "stages"), value.get("stages") or [])
        for index, axis in enumerate(axes or [])
        for place, value in enumerate(axis.get("values") or [])
    ]


def _names(path: Path) -> list[str]:
    """A path without the positions of items, which merging changes."""
    return [part for part in path if isinstance(part, str)]
