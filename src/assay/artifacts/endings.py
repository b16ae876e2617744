"""What the ending of a file's name says about how the file is read: identity and intake have to agree on it."""

from pathlib import PurePath

GZIP, ZSTD = PACKED = (".gz", ".zst")


def endings(name: str) -> tuple[str, str]:
    """Return what a file holds and how it is packed, such as `.jsonl` and `.gz`; either may be empty."""
    path = PurePath(name)
    return (PurePath(path.stem).suffix, path.suffix) if path.suffix in PACKED else (path.suffix, "")
