"""`assay unpin`: let an experiment's stages go once nobody relies on them."""

from assay.cli.named import find
from assay.cli.terminal import say
from assay.stores.open import open_store, open_to_read
from assay.stores.uses import unpin


def main(text: str, store_uri: str) -> None:
    """Take all pins of an experiment away."""
    experiment = find(open_to_read(store_uri), text).experiment
    say(f"{experiment}: {unpin(open_store(store_uri), experiment)} pins taken away")
