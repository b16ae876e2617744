"""From what a user types to an experiment of a store: its name, or the file that says it."""

from dataclasses import dataclass
from pathlib import Path

from assay.api.faults import did_you_mean
from assay.artifacts.documents import ArtifactRef
from assay.errors import SpecError
from assay.stores.store import Store
from assay.stores.uses import experiments, uses


@dataclass(frozen=True, kw_only=True)
class Named:
    """An experiment of a store.

    Attributes:
        experiment: `<namespace>/<name>`.
        relied_on: fingerprints of the stages that a file asks for, or that the experiment uses.

    """

    experiment: str
    relied_on: frozenset[str]


def is_file(text: str) -> bool:
    """Say whether a file is named, and no experiment."""
    return Path(text).suffix in {".yaml", ".yml"}


def find(store: Store, text: str) -> Named:
    """Find an experiment, and what it relies on.

    Raises:
        SpecError: the store knows none of this name, or several.

    """
    if is_file(text):
        return _of_file(store, Path(text))
    experiment = name_of(store, text)
    relied_on = {fingerprint for fingerprint, names in uses(store).items() if experiment in names}
    return Named(experiment=experiment, relied_on=frozenset(relied_on))


def name_of(store: Store, text: str) -> str:
    """Find an experiment's name; of a file, nothing that it reads needs to be there.

    Raises:
        SpecError: the store knows none of this name, or several.

    """
    if is_file(text):
        from assay.settings.local import examined_file  # noqa: PLC0415 -- as below

        metadata = examined_file(Path(text)).sound().metadata
        return f"{metadata.namespace}/{metadata.name}"
    used = uses(store)
    known = sorted({*experiments(store), *(name for names in used.values() for name in names)})
    fitting = [name for name in known if text in {name, name.partition("/")[2]}]
    if text in known:
        fitting = [text]
    if len(fitting) != 1:
        raise SpecError(
            f"experiment {text!r} in {store.uri}",
            f"found {len(fitting)} of this name, expected one; there are {', '.join(known) or 'none'}",
            did_you_mean(text, known, "Name NAMESPACE/NAME, or the experiment's file."),
        )
    return fitting[0]


def _of_file(store: Store, file: Path) -> Named:
    # Whoever names an experiment does not wait for what compiles a file.
    from assay.settings.local import Local, backend_for, compile_file  # noqa: PLC0415

    experiment, plan = compile_file(file)
    backend = backend_for(experiment, None)
    settled, _ = Local(experiment=experiment, plan=plan, store=store).control(backend).look()
    backend.close()
    refs: set[ArtifactRef] = {stage.ref for each in (plan, settled) for stage in each.stages}
    return Named(experiment=plan.experiment, relied_on=frozenset(ref.fingerprint for ref in refs))
