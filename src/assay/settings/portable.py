"""A spec's file and all that it reads, as a folder that stands by itself.

What lies below the spec's own folder keeps its path, so that the spec is what it was; everything else goes below `inputs/`, and
the spec names it there. So does what lay below such a folder before: a star in its path would find what is brought beside it. Content stays what it is, and so does every fingerprint.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

from assay.api.experiment import Experiment, Stage
from assay.api.relocate import relocated
from assay.artifacts.documents import Location, SourceFile
from assay.errors import SpecError
from assay.plan.compile import Resolved, compile_plan, wanted_inputs
from assay.plan.plan import Plan
from assay.plan.shape import outside_names
from assay.settings.local import compile_file, examined_file, resolved_file
from assay.stores.files import sha256_of
from assay.stores.open import open_source

INPUTS = "inputs"


@dataclass(frozen=True, kw_only=True)
class Portable:
    """An experiment in a folder of its own.

    Attributes:
        places: where each outside input lies now, relative to the folder, by its content identity.
        elsewhere: inputs that stay where they are: on a hub.
        renamed: inputs that have another identity here, because they were known by an object store's ETag.

    """

    experiment: Experiment
    plan: Plan
    places: Mapping[str, Location] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()


def written_to(folder: Path, path: Path, taken: frozenset[str]) -> Portable:
    """Bring a spec's file and its inputs to a folder, in which the names `taken` are for other things.

    Raises:
        SpecError: what the folder's spec asks for is not what the spec asks for.

    """
    examined = examined_file(path)
    experiment = examined.sound()
    resolved = resolved_file(path, examined)
    names: dict[str, str] = {}
    places: dict[str, Location] = {}
    elsewhere, renamed = [], []
    for key, wanted in wanted_inputs(examined.expansion).items():
        found = resolved[key]
        if not found.location.files:
            elsewhere.append(wanted.uri)
            continue
        place = _place(wanted.uri, found, taken | {path.name, INPUTS})
        if place.uri != wanted.uri:
            names[wanted.uri] = place.uri
        anew = [_copied(file, folder / target) for file, target in place.files]
        if any(anew):
            renamed.append(wanted.uri)
        places[found.identity] = place.location
    text = path.read_bytes().decode("utf-8-sig")
    moved = relocated(text, names, outside_names(Stage)) if names else text
    (folder / path.name).write_bytes(moved.encode())
    plan = compile_plan(experiment, examined.expansion, resolved)
    if not renamed:
        _check(plan, folder / path.name)
    return Portable(
        experiment=experiment,
        plan=plan,
        places=places,
        elsewhere=tuple(elsewhere),
        renamed=tuple(renamed),
    )


def _check(plan: Plan, written: Path) -> None:
    anew = compile_file(written)[1]
    lost = [stage.label for stage in plan.stages if stage.ref not in anew.by_ref]
    if lost:
        raise SpecError(
            f"export of {plan.experiment}",
            f"found {len(lost)} stages that would be others there, such as {lost[0]}, expected the same ones",
            "Name the spec's inputs file by file, where a star may find what others are.",
        )


@dataclass(frozen=True, kw_only=True)
class _Place:
    uri: str  # relative to the folder, as the spec says it
    below: str  # of which the files' own paths are relative
    resolved: Resolved

    @property
    def files(self) -> Iterator[tuple[SourceFile, str]]:
        """Yield each file, and where it goes."""
        return ((file, f"{self.below}{file.path}") for file in self.resolved.location.files)

    @property
    def location(self) -> Location:
        files = (file.model_copy(update={"uri": target}) for file, target in self.files)
        return Location(uri=self.uri, files=tuple(files))


def _place(uri: str, resolved: Resolved, taken: frozenset[str]) -> _Place:
    """Say where an input goes: to the same relative path if there is one that nothing else has."""
    files = resolved.location.files
    lone = "*" in uri or (len(files) == 1 and files[0].uri == resolved.location.uri)
    path = unquote(urlparse(uri).path) if uri.startswith("file:") else uri
    stars = path.rstrip("/").split("*", maxsplit=1)[0]
    above = stars.rpartition("/")[0]
    name = path.rstrip("/").removeprefix(f"{above}/")
    parts = PurePosixPath(path).parts
    inside = not urlparse(uri).scheme and not path.startswith("/") and ".." not in parts
    # A star at the top would find what the folder has of its own.
    stays = inside and parts != () and parts[0] not in taken and "*" not in parts[0]
    if stays:
        return _Place(uri=uri, below=_slashed(above if lone else path), resolved=resolved)
    own = f"{INPUTS}/{resolved.identity.partition(':')[2][:12]}"
    return _Place(uri=f"{own}/{name}", below=_slashed(own if lone else f"{own}/{name}"), resolved=resolved)


def _slashed(folder: str) -> str:
    return f"{folder.rstrip('/')}/" if folder else ""


def _copied(file: SourceFile, to: Path) -> bool:
    """Bring a file over; say whether it will be known by another identity there.

    Raises:
        SpecError: it is not what it was a moment ago.

    """
    folder, _, name = file.uri.rpartition("/")
    open_source(folder).download(unquote(name) if folder.startswith("file:") else name, to)
    if not file.identity.startswith("sha256:"):
        return True
    if file.identity != f"sha256:{sha256_of(to)}":
        raise SpecError(file.uri, "found other bytes than a moment ago, expected the same", "Export again.")
    return False
