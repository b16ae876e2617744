"""How a training went, step by step."""

from dataclasses import dataclass, field, fields

import numpy as np
import torch

COMPARED = ("margin", "preferred")  # what is measured of pairs: see `PairNetwork`


@dataclass
class Course:
    """One figure per step taken."""

    losses: list[float] = field(default_factory=list)  # mean over what the batch counts
    weights: list[int] = field(default_factory=list)  # which is: learned tokens, or pairs
    comparisons: list[list[float]] = field(default_factory=list)  # of pairs: what `COMPARED` names
    rates: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)  # before clipping
    tokens: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # for tokens; in some of them none stood

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.losses)

    def loss_of(self, begin: int, end: int) -> float:
        """Mean loss per learned token, or pair, over steps `begin` to `end`."""
        weights = np.array(self.weights[begin:end], dtype=np.float64)
        return float(np.dot(weights, np.array(self.losses[begin:end])) / weights.sum())

    @property
    def padding_share(self) -> float:
        """Share of all places for tokens that none stood in."""
        return 1 - sum(self.tokens) / sum(self.places)

    def curve(self, points: int) -> dict[str, list[float]]:
        """Return the losses over steps as a curve of so many points at most: means over spans, at each span's last step."""
        ends = sorted({round(self.steps * point / points) for point in range(1, points + 1)} - {0})
        spans = zip([0, *ends], ends, strict=False)
        return {"step": [float(end) for end in ends], "loss": [self.loss_of(*span) for span in spans]}

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return it as tensors, by name, each number exact."""
        whole = {"weights", "tokens", "targets", "sequences", "places"}
        return {
            one.name: torch.tensor(
                getattr(self, one.name), dtype=torch.int64 if one.name in whole else torch.float64
            )
            for one in fields(self)
        }

    @classmethod
    def of(cls, tensors: dict[str, torch.Tensor]) -> "Course":
        """Return what `tensors` said."""
        return cls(**{name: tensor.tolist() for name, tensor in tensors.items()})
