"""Experiments that somebody means ill with, or wrote late at night: each golden spec, changed in a few places.

The same seed gives the same specs.
"""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SPECS = Path(__file__).parent / "golden" / "specs"
NAMES = ("poison", "rebound", "resistance", "own")

# What may stand where a value stood.
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    -0.0,
    float("inf"),
    float("nan"),
    "",
    " ",
    "../../../../etc/passwd",
    "/etc/shadow",
    "file:///proc/self/environ",
    "s3://../..",
    "s3://bucket/../../other",
    "hf://datasets/../..",
    "C:\\windows",
    "a/b/c",
    "a\x00b",
    "\ud800",
    "\u202e\u200b",
    "{{ 7 * 7 }}",
    "$(id)",
    "`id`; rm -rf /",
    "' OR 1=1 --",
    "%s%n%x",
    "x" * 5000,
    "é" * 300,
    "(" * 2000,
    "(a+)+$",
    "__class__",
    "2 ** 9999999",
    [],
    {},
    [[]],
    {"": ""},
    {"from": "cleaned"},
    {"remove": True},
    {"$ref": "#"},
)


def hostile_specs(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield experiments as an API server would hand them over."""
    rng = random.Random(seed)
    specs = [YAML(typ="safe").load((SPECS / f"{name}.yaml").read_text()) for name in NAMES]
    for _ in range(count):
        spec = copy.deepcopy(rng.choice(specs))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            _change(spec["spec"] if isinstance(spec.get("spec"), dict) else spec, rng)
        if rng.random() < 0.05:
            _change(spec, rng)
        yield spec


def _change(tree: Any, rng: random.Random) -> None:
    """Change one place below a mapping or a list."""
    places = list(_places(tree))
    if not places:
        return
    holder, key = rng.choice(places)
    other, inner = rng.choice(places)
    ways = rng.random()
    if isinstance(holder[key], int | float) and ways < 0.4:
        holder[key] = rng.choice((holder[key] + 1, holder[key] * 2, holder[key] // 2, 1))
    elif ways < 0.5:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif ways < 0.6:
        del holder[key]
    elif ways < 0.75:
        holder[key] = copy.deepcopy(other[inner])  # from elsewhere in the spec
    elif ways < 0.85 and isinstance(holder, dict):
        holder[rng.choice(("", "from", "uri", "remove", "name", "x" * 300))] = copy.deepcopy(other[inner])
    elif ways < 0.95 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(rng.choice((1, 2, 30))))
    else:
        holder[key] = _deep(rng.choice((5, 90)))


def _deep(levels: int) -> Any:
    tree: Any = "core"
    for _ in range(levels):
        tree = {"a": [tree]}
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield tree, key
        yield from _places(value)
