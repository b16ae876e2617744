"""Outside inputs that a plan is told of, in place of looking them up: for plans that are made where their data is not.

Nothing of them is read, so a stage over them has an identity that no real stage has: such a plan can be looked at, and not run.
"""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlparse

from assay.api.expectation import ExpectedInput
from assay.api.faults import did_you_mean
from assay.artifacts.canonical import digest
from assay.artifacts.documents import Location, SourceFile
from assay.errors import SpecError
from assay.plan.compile import Resolved
from assay.plan.identity import OutsideInput
from assay.ports.sources import Sources

_WEIGHTS = "model.safetensors"


class ExpectedSources:
    """Answers for the inputs that it was told of, and asks others for all else."""

    def __init__(self, told: Iterable[ExpectedInput], base: Path, otherwise: Sources) -> None:
        self._told = {_key(item.uri, item.revision): item for item in told}
        self._base, self._otherwise = base.absolute(), otherwise

    def resolve(self, wanted: OutsideInput) -> Resolved:
        """Return what the URI is expected to hold, or what it holds now."""
        item = self._told.get(wanted.key)
        if item is None:
            return self._otherwise.resolve(wanted)
        identity = f"sha256:{digest('assay.expected/1', [item.uri, item.revision, item.bytes])}"
        name = Path(urlparse(item.uri).path).name if item.configuration is None else _WEIGHTS
        files = (
            SourceFile(uri=item.uri, path=name, size=item.bytes, identity=identity),
            *self._configured(item),
        )
        return Resolved(identity=identity, location=Location(uri=item.uri, files=files))

    def _configured(self, item: ExpectedInput) -> Iterable[SourceFile]:
        if item.configuration is None:
            return
        path = self._base / item.configuration
        if not path.is_file():
            raise SpecError(
                f"expected input {item.uri}",
                f"found no configuration at {path}, expected a model's config.json",
                "Correct the path; it is relative to the file of expected inputs.",
            )
        size = path.stat().st_size
        yield SourceFile(
            uri=path.as_uri(), path="config.json", size=size, identity=f"expected:{item.configuration}"
        )


def unasked(told: Iterable[ExpectedInput], wanted: Iterable[str]) -> list[str]:
    """Return what is told of, and is no input that is wanted (keys): a file of expectations may serve several specs.

    Raises:
        SpecError: it is nearly the name of an input that nothing is told of.

    """
    known, keys = {_key(item.uri, item.revision) for item in told}, set(wanted)
    untold, left = sorted(keys - known), sorted(known - keys)
    for key in left:
        if near := did_you_mean(key, untold):
            raise SpecError(
                f"expected input {key}", "found no such input, expected one that the spec names", near
            )
    return left


def _key(uri: str, revision: str | None) -> str:
    return OutsideInput(path=(), uri=uri, revision=revision).key
