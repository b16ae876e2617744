"""An ideal compressor of a mixture: what pre-training, alignment and perturbation would cost it, and how they trade.

The theorem of elasticity (*Language Models Resist Alignment*, theorem 4.2) has pre-training data of three parts that share
nothing, alignment data like the second and perturbing data like the third. A model of all of them that compresses as well
as their joint distribution allows pays, for a response of part i, ln(whole / volume of i) nats to say which part it is,
and the entropy within the part. Perturbing it lengthens the alignment data's code and shortens the pre-training data's, and
the two changes stand as -k, k = |pre-training data| / |alignment data|, whatever the distributions within the parts are.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.statistics.scores import FloatArray, StatisticsError

_STEP = 1e-20j  # of a complex perturbation, whose imaginary part is the derivative (Squire & Trapp 1998): nothing cancels


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """Three parts that share no response.

    Attributes:
        volumes: how much pre-training data each part has.
        leaves: of each part, how likely each of its responses is.

    """

    volumes: tuple[float, float, float]
    leaves: tuple[FloatArray, FloatArray, FloatArray]

    @property
    def volume(self) -> float:
        """How much pre-training data there is."""
        return sum(self.volumes)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Nats per response that the ideal compressor takes, by data set."""

    pretraining: float
    alignment: float
    perturbation: float


def pareto(responses: int, exponent: float) -> FloatArray:
    """Return the probabilities of so many responses whose masses fall as a power of their rank (assumption A.7).

    Raises:
        StatisticsError: no response, or an exponent that is not above 0.

    """
    if responses < 1 or not exponent > 0:
        raise StatisticsError(
            "pareto",
            f"{responses} responses with exponent {exponent!r}, expected at least 1 and an exponent above 0",
            "Give other ones.",
        )
    masses = np.arange(1, responses + 1, dtype=np.float64) ** -exponent
    return np.asarray(masses / masses.sum())


def rates(mixture: Mixture, *, alignment: float, perturbation: float) -> Rates:
    """Return what each data set costs a model of all data: cross-entropies under their joint distribution."""
    found = _costs(mixture, alignment, perturbation).real.tolist()
    return Rates(pretraining=found[0], alignment=found[1], perturbation=found[2])


def elasticity(mixture: Mixture, *, alignment: float, perturbation: float | None = None) -> float:
    """Return kappa, how much the alignment's rate rises for each nat that the pre-training's falls, for a perturbation of 0.

    With `perturbation` kappa is of that whole step; the theorem speaks of one that is small beside the alignment data.
    """
    pretraining, aligned = _changes(mixture, alignment, perturbation)
    return -aligned / pretraining


def hooke_residual(mixture: Mixture, *, alignment: float, perturbation: float | None = None) -> float:
    """Return by how much volume x change is not the same for alignment and pre-training data, as a share of the former."""
    pretraining, aligned = _changes(mixture, alignment, perturbation)
    return (alignment * aligned + mixture.volume * pretraining) / (alignment * aligned)


def ideal_elasticity(ratio: float, perturbation: float | None = None) -> float:
    """Return kappa of thirds of pre-training data, of which there are `ratio` times as many responses as of alignment data.

    How responses are shared out within the thirds cancels; with `perturbation` kappa is of a step of so many, as a share of the alignment data.
    """
    leaves = pareto(256, 1.0)
    thirds = Mixture(volumes=(ratio / 3, ratio / 3, ratio / 3), leaves=(leaves, leaves, leaves))
    return elasticity(thirds, alignment=1.0, perturbation=perturbation)


def _changes(mixture: Mixture, alignment: float, perturbation: float | None) -> tuple[float, float]:
    """Return by how much, or without a perturbation how fast, the rates of pre-training and alignment data change."""
    amounts = (*mixture.volumes, alignment, 1.0 if perturbation is None else perturbation)
    if not all(math.isfinite(amount) and amount > 0 for amount in amounts):
        raise StatisticsError(
            "elasticity", f"the volumes {amounts}, expected all above 0", "Give amounts of data."
        )
    if perturbation is None:
        changes = _costs(mixture, alignment, _STEP).imag / _STEP.imag
    else:
        before, after = (_costs(mixture, alignment, amount).real for amount in (0.0, perturbation))
        changes = after - before
    return float(changes[0]), float(changes[1])


def _costs(mixture: Mixture, alignment: float, perturbation: complex) -> NDArray[np.complex128]:
    """Return what pre-training, alignment and perturbing data cost."""
    volumes = (mixture.volumes[0], mixture.volumes[1] + alignment, mixture.volumes[2] + perturbation)
    costs = [
        -np.dot(leaves, np.log(leaves * (volume / sum(volumes))))
        for leaves, volume in zip(mixture.leaves, volumes, strict=True)
    ]
    shares = [volume / mixture.volume for volume in mixture.volumes]
    return np.array([np.dot(shares, costs), costs[1], costs[2]], dtype=np.complex128)
