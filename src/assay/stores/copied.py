"""A stage that is done, brought from one store into a folder that is another."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse

from assay.artifacts.documents import Attempt, Location, Record
from assay.artifacts.layout import claim_key, data_key, experiment_key
from assay.stores.claims import claim, declare_stage
from assay.stores.documents import read_document
from assay.stores.records import download_output, publish
from assay.stores.store import Store


def copy_stage(
    record: Record, source: Store, target: Store, *, places: Mapping[str, Location], whole: bool
) -> None:
    """Bring a stage into `target`, a folder; its claim says where inputs lie there (`places`, by content identity).

    Unless `whole`, what it wrote is left out: whoever runs it again makes that anew.

    Raises:
        StoreError: a file is gone, or not what its record says.

    """
    ref, number = record.identity.ref, record.provenance.attempt
    declare_stage(target, record.identity)
    attempt = read_document(source, claim_key(ref, number), Attempt)
    if attempt is not None:
        found = {name: places.get(name, location) for name, location in attempt.locations.items()}
        claim(target, ref, attempt.model_copy(update={"locations": found}))
    root = Path(unquote(urlparse(target.uri).path))
    for path in record.outputs.files if whole else ():
        download_output(source, record, path, root / data_key(ref, number, path))
    publish(target, record)


def copy_documents(experiment: str, source: Store, target: Store) -> None:
    """Bring over what an experiment registered before it had answers."""
    for info in source.keys(f"{experiment_key(experiment, 'registered')}/"):
        data = source.get(info.key)
        if data is not None:
            target.create(info.key, data)
