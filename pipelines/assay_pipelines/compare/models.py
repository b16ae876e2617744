"""Two models at a time, item by item: what can be said of them, and not of the data that made them. No input or output."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.statistics.models import Bootstrap, ModelDifference, item_bootstrap, mcnemar, sign_flips
from assay.statistics.readings import read
from assay_pipelines.compare.scores import Paired, Run
from assay_pipelines.compare.told import interval_of


@dataclass(frozen=True, kw_only=True)
class Couple:
    """Two arms' runs on one task."""

    name: str  # of the question
    a: tuple[Run, ...]
    b: tuple[Run, ...]
    pair: Paired

    def models(self, alpha: float) -> Iterator[dict[str, Any]]:
        """Compare runs at the same replicate coordinates, or else the first of each arm."""
        same = [
            (row_a, row_b)
            for row_a, run_a in enumerate(self.a)
            for row_b, run_b in enumerate(self.b)
            if dict(run_a.replicate) == dict(run_b.replicate)
        ]
        for row_a, row_b in same or [(0, 0)]:
            yield self._two(row_a, row_b, alpha)

    def _two(self, row_a: int, row_b: int, alpha: float) -> dict[str, Any]:
        run_a, run_b = self.a[row_a], self.b[row_b]
        scores_a, scores_b = self.pair.a[row_a], self.pair.b[row_b]
        rng = _rng(f"{self.name}/{run_a.ref}/{run_b.ref}")
        found: ModelDifference
        permuted: float | None = None
        if self.pair.binary:
            found = mcnemar(scores_a, scores_b, level=1 - alpha)
        else:
            how = Bootstrap(level=1 - alpha)
            linear_a, linear_b = self.pair.linear.a[row_a], self.pair.linear.b[row_b]
            found = item_bootstrap(linear_a, linear_b, rng=rng, groups=self.pair.groups, how=how)
            only_a, only_b = int(np.sum(scores_a > scores_b)), int(np.sum(scores_b > scores_a))
            found = replace(found, only_a=only_a, only_b=only_b)
            permuted = sign_flips(linear_a, linear_b, rng=rng)
        reading = read(
            found,
            names=(_called(run_a), _called(run_b)),
            higher_is_better=self.pair.like.higher_is_better,
            binary=self.pair.binary,
            alpha=alpha,
        )
        return {
            "unit": self.pair.like.unit,
            "a": _side(run_a, float(scores_a.mean())),
            "b": _side(run_b, float(scores_b.mean())),
            "word": reading.word.value,
            "reading": reading.sentence,
            "n": found.n,
            "onlyA": found.only_a,
            "onlyB": found.only_b,
            "effect": found.effect,
            "interval": interval_of(found.interval),
            "p": found.p,
            "permutationP": permuted,
            "problemsNeeded": reading.problems,
            "method": found.method,
        }


def _side(run: Run, score: float) -> dict[str, Any]:
    return {"arm": run.arm, "replicate": dict(run.replicate), "score": score, "from": run.ref}


def _called(run: Run) -> str:
    inside = ",".join(f"{axis}={value}" for axis, value in run.replicate.items())
    return f"{run.arm}[{inside}]" if inside else run.arm


def _rng(seed: str) -> np.random.Generator:
    """Return a generator that the question and its two runs determine: the same records, the same bytes."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
