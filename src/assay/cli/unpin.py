"""`assay unpin`: let an experiment's stages go once nobody relies on them."""

from assay.cli.named import name_of
from assay.cli.terminal import say
from assay.stores.open import open_store, open_to_read
from assay.stores.uses import is_pinned, unpin


def main(text: str, store_uri: str) -> None:
    """Take all pins of an experiment away."""
    store = open_to_read(store_uri)
    experiment = name_of(store, text)
    taken = unpin(open_store(store_uri), experiment) if is_pinned(store, experiment) else 0
    say(f"{experiment}: {taken} pins taken away")
