"""A confidence interval."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A two-sided confidence interval, in the score's unit.

    Attributes:
        low: its lower end.
        high: its upper end.
        level: how often such intervals cover the truth, 0.95 for 95 %.

    """

    low: float
    high: float
    level: float

    @property
    def width(self) -> float:
        """The distance between the ends."""
        return self.high - self.low

    @property
    def told(self) -> str:
        """The interval in words, such as `95% interval 0.1 to 0.4`."""
        return f"{100 * self.level:.4g}% interval {self.low:.4g} to {self.high:.4g}"

    def moved(self, by: float) -> "Interval":
        """Return the interval of a figure that is so much more."""
        return replace(self, low=self.low + by, high=self.high + by)

    def covers(self, value: float) -> bool:
        """Whether `value` lies between the ends, which belong to it."""
        return self.low <= value <= self.high
