"""What a verdict can be. Apart from the arithmetic, so that whoever only shows verdicts does not load it."""

from enum import StrEnum

LEAST_RUNS = 3
"""Runs of each arm without which nothing is said about its data."""


NOT_COMPARABLE = "not comparable"
"""What a verdict reads as where its runs were not made alike, whatever the statistics say."""


class Word(StrEnum):
    """A verdict in one word, about arm a against arm b."""

    BETTER = "better"
    WORSE = "worse"
    HIGHER = "higher"
    LOWER = "lower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    FLOOR = "floor"
