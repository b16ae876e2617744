"""`assay gc`: what nobody relies on any more; it goes only when asked to."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from rich.filesize import decimal
from rich.table import Table

from assay.cli.terminal import PLAIN, console, say
from assay.errors import SpecError
from assay.settings.common import now
from assay.stores.garbage import Documents, Garbage, Stored, garbage, remove, survey
from assay.stores.open import open_store, open_to_read
from assay.stores.store import delete_all
from assay.stores.uses import Pinned

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_AGE = re.compile(r"([0-9]{1,9})([dhm])")
_OLDEST = timedelta(days=36500)


def main(store_uri: str, *, older_than: str, yes: bool, output: str) -> None:
    """Say what may go; let it go where that is asked."""
    spared = age(older_than)
    store = open_to_read(store_uri)
    pinned = Pinned(store)
    found = garbage(survey(store, pinned), Documents(store), now=now(), spared=spared)
    something = bool(found.stages or found.leftovers)
    if yes and something:
        store = open_store(store_uri)
    gone = list(remove(store, found.stages, pinned)) if yes else []
    if yes:
        delete_all(store, [info.key for info in found.leftovers])
    if output == "json":
        say(json.dumps(_data(found, gone, deleted=yes)))
        return
    _print(found)
    if not something or not yes:
        say("Nothing was deleted: --yes does that." if something else "Nothing to delete.")
        return
    say(f"deleted {len(gone)} stages, {decimal(_bytes(gone) + _left(found))}")
    if len(gone) < len(found.stages):
        say(f"{len(found.stages) - len(gone)} came to be wanted meanwhile, and stay")


def age(text: str) -> timedelta:
    """Read an age such as `7d`, `12h` or `30m`.

    Raises:
        SpecError: it is none.

    """
    found = _AGE.fullmatch(text)
    read = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    if read is None or read > _OLDEST:
        raise SpecError(
            f"--older-than {text}",
            f"found no age, expected such as 7d, 12h or 30m, up to {_OLDEST.days}d",
            "Correct it.",
        )
    return read


def _print(found: Garbage) -> None:
    if found.stages:
        table = Table(**PLAIN)
        for title in ("KIND", "STAGES", "SIZE", "LAST WRITTEN"):
            table.add_column(title, justify="left" if title == "KIND" else "right")
        for kind in sorted({stored.ref.kind for stored in found.stages}):
            stages = [stored for stored in found.stages if stored.ref.kind is kind]
            last = max(stored.modified for stored in stages)
            table.add_row(kind.value, str(len(stages)), decimal(_bytes(stages)), f"{last:%Y-%m-%d}")
        console().print(table)
        say(f"{len(found.stages)} stages that nobody relies on, {decimal(_bytes(found.stages))}")
    if found.leftovers:
        say(f"{decimal(_left(found))} that attempts left which came to nothing, in stages that stay")
    reasons = Counter(found.kept.values())
    told = ", ".join(f"{count} {reason.value}" for reason, count in sorted(reasons.items()))
    say(f"{len(found.kept)} stages stay{': ' if told else ''}{told}")


def _data(found: Garbage, gone: Iterable[Stored], *, deleted: bool) -> dict[str, Any]:
    removed = {stored.ref for stored in gone}
    return {
        "deleted": deleted,
        "bytes": _bytes(found.stages) + _left(found),
        "leftovers": [info.key for info in found.leftovers],
        "stages": [
            {
                "ref": str(stored.ref),
                "bytes": stored.size,
                "modified": stored.modified.isoformat(),
                "gone": stored.ref in removed,
            }
            for stored in found.stages
        ],
        "kept": {str(ref): reason.value for ref, reason in sorted(found.kept.items())},
    }


def _bytes(stages: Iterable[Stored]) -> int:
    return sum(stored.size for stored in stages)


def _left(found: Garbage) -> int:
    return sum(info.size for info in found.leftovers)
