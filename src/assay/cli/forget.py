"""`assay forget`: an experiment does not rely on its stages any more, so that `assay gc` may take them."""

from assay.cli.named import find, is_file
from assay.cli.terminal import say
from assay.errors import SpecError
from assay.stores.open import open_store, open_to_read
from assay.stores.uses import forget, is_pinned


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
    found = find(open_to_read(store_uri), text)
    store = open_store(store_uri)
    ended = forget(store, found.experiment, keep=found.relied_on if superseded else frozenset())
    say(f"{found.experiment} does not rely on {ended} stages any more: `assay gc` says what may go")
    if is_pinned(store, found.experiment):
        say("What it has pinned stays until `assay unpin`.")
