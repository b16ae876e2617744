"""`assay pin`: keep what an experiment relies on, whatever becomes of the experiment."""

from assay.cli.named import find
from assay.cli.terminal import say
from assay.errors import SpecError
from assay.settings.common import now
from assay.stores.open import open_store, open_to_read
from assay.stores.uses import pin


def main(text: str, store_uri: str) -> None:
    """Pin an experiment: what its file asks for now, or what it uses by its name.

    Raises:
        SpecError: it uses nothing.

    """
    found = find(open_to_read(store_uri), text)
    if not found.relied_on:
        raise SpecError(
            f"experiment {found.experiment} in {store_uri}",
            "found that it uses no stage, expected some",
            "Run it first, or name its file.",
        )
    made = pin(open_store(store_uri), found.experiment, found.relied_on, now())
    say(f"pinned {len(made.stages)} stages of {found.experiment}: `assay gc` keeps them until `assay unpin`")
