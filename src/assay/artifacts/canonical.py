"""One value, one encoding, one hash.

Canonical JSON: sorted keys, no white space, UTF-8, floats in Python's shortest round-trip form with integral floats
written as integers (so that `1.0` and `1`, which YAML and an API server may swap, are one value). What has no single
encoding is refused, never passed through `str()`, because a permissive fallback would let a value silently fork a
fingerprint.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from assay.errors import BugError

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def canonical_json(value: Any) -> bytes:
    """Encode a JSON-like value canonically.

    Raises:
        BugError: the value holds a non-finite float, a non-string key or a type with no canonical form.

    """
    return json.dumps(_plain(value, "$"), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(tag: str, value: Any) -> str:
    """Hash a JSON-like value as lower-case hexadecimal SHA-256; `tag` keeps hashes of different things apart."""
    return hashlib.sha256(canonical_json([tag, value])).hexdigest()


def _plain(value: Any, where: str) -> Any:
    if type(value) in _AS_THEY_ARE:  # most of a document
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _refusal(where, value, "a finite number")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _refusal(where, key, "string keys")
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise _refusal(where, value, "null, boolean, number, string, list or mapping")


def _refusal(where: str, value: object, expected: str) -> BugError:
    return BugError(
        where, f"found {value!r} ({type(value).__name__}), expected {expected}", "Please report this."
    )
