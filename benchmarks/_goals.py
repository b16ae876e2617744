"""How a benchmark ends: what it wanted, and whether it was so."""

import sys
from typing import NoReturn


def end(goals: list[tuple[str, bool]]) -> NoReturn:
    """Print each goal as met or not, and end: with 1 if one is not."""
    for goal, met in goals:
        print(f"{'met' if met else 'NOT MET'}: {goal}")
    sys.exit(not all(met for _, met in goals))
