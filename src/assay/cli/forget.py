"""`assay forget`: an experiment does not rely on its stages any more, so that `assay gc` may take them."""

from assay.cli.named import find, is_file, name_of
from assay.cli.terminal import say
from assay.errors import SpecError
from assay.stores.open import open_store, open_to_read
from assay.stores.uses import forget, is_pinned, uses


def main(text: str, store_uri: str, *, superseded: bool) -> None:
    """End an experiment's uses: all of them, or those that its file does not ask for any more.

    Raises:
        SpecError: what is superseded is asked for without a file.

    """
    if superseded and not is_file(text):
        raise SpecError(
            f"experiment {text!r}",
            "found a name beside --superseded, expected the experiment's file, which says what stays",
            "Name its file.",
        )
    store = open_to_read(store_uri)
    experiment, keep = name_of(store, text), frozenset[str]()
    if superseded:
        keep = find(store, text).relied_on
    some = any(experiment in names for names in uses(store).values())
    ended = forget(open_store(store_uri), experiment, keep=keep) if some else 0
    say(f"{experiment} does not rely on {ended} stages any more: `assay gc` says what may go")
    if is_pinned(store, experiment):
        say("What it has pinned stays until `assay unpin`.")
