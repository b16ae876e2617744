"""On which terms work is launched: what it may take, and whether somebody must approve it first. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from assay.api.profile import Prices
from assay.api.status import AskedStatus, PowerStatus
from assay.artifacts.documents import ArtifactRef
from assay.plan.expected import Expected

APPROVAL_REQUIRED, GPU_HOURS_EXCEEDED = "ApprovalRequired", "GpuHoursExceeded"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an experiment and its Profile say."""

    digest: str = ""  # of the plan: what is approved
    manual: bool = False  # somebody approves it, whatever it takes
    approval_gpu_hours: float | None = None  # above which somebody approves it
    gpu_hours: float | None = None  # most of one experiment
    expected: Mapping[ArtifactRef, Expected] = field(default_factory=dict)  # of the stages that hold GPUs
    prices: Prices = field(default_factory=Prices)
    power: PowerStatus | None = None  # of its primary contrast

    @property
    def ask(self) -> bool:
        """Whether it may matter what is approved."""
        return self.manual or self.approval_gpu_hours is not None


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What stages are expected to take."""

    gpu_hours: float  # of those of which it is known
    unknown: tuple[ArtifactRef, ...]  # the others

    def told(self, prices: Prices) -> str:
        """Say it for people."""
        known = priced(self.gpu_hours, prices)
        if not self.unknown:
            return known
        stages = f"{len(self.unknown)} {'stage' if len(self.unknown) == 1 else 'stages'}"
        if not self.gpu_hours:
            return f"an unknown number of GPU-hours, of {stages}"
        return f"{known} and an unknown number, of {stages}"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far an experiment is."""

    left: tuple[ArtifactRef, ...]  # not launched yet, or to be launched again
    total: int
    reused: int
    spent: float  # GPU-hours of its own attempts
    ahead: float  # GPU-hours that those which run are expected to take still


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """Why nothing is launched."""

    reason: str
    brief: str
    message: str
    asked: AskedStatus | None = None  # what somebody is to approve


def bill(terms: Terms, refs: Iterable[ArtifactRef]) -> Bill:
    """Add up what stages are expected to take."""
    found = [(ref, terms.expected[ref].gpu_hours) for ref in refs if ref in terms.expected]
    return Bill(
        gpu_hours=sum(took for _, took in found if took is not None),
        unknown=tuple(ref for ref, took in found if took is None),
    )


def withheld(terms: Terms, at: Standing, approved: frozenset[str]) -> Withheld | None:
    """Say why nothing may be launched now, or None."""
    left = bill(terms, at.left)
    if terms.gpu_hours is not None and any(ref in terms.expected for ref in at.left):
        most = at.spent + at.ahead + left.gpu_hours
        if most > terms.gpu_hours:
            return Withheld(
                reason=GPU_HOURS_EXCEEDED,
                brief="the experiment would take more GPU-hours than its Profile allows",
                message=f"{priced(at.spent, terms.prices)} spent and {left.told(terms.prices)} expected of what is left,"
                f" and the Profile's limits.gpuHours is {terms.gpu_hours:g}: make the experiment smaller,"
                " or ask the platform team",
            )
    if not at.left or terms.digest in approved:
        return None
    if not terms.manual and not _is_much(terms, left):
        return None
    return Withheld(
        reason=APPROVAL_REQUIRED,
        brief="the plan is not approved",
        message=_message(terms, at, left, approved),
        asked=_asked(terms, at, left),
    )


def _is_much(terms: Terms, left: Bill) -> bool:
    limit = terms.approval_gpu_hours
    return limit is not None and (left.gpu_hours > limit or bool(left.unknown))


def _asked(terms: Terms, at: Standing, left: Bill) -> AskedStatus:
    price = terms.prices.cost(left.gpu_hours)
    return AskedStatus(
        stages=len(at.left),
        gpu_hours=round(left.gpu_hours, 2),
        unknown=len(left.unknown),
        price=None if price is None else round(price, 2),
        currency=None if price is None else terms.prices.currency,
        power=terms.power,
    )


def _message(terms: Terms, at: Standing, left: Bill, approved: frozenset[str]) -> str:
    if terms.manual:
        why = "spec.execution.approval is manual"
    else:
        why = f"the Profile's limits.approvalGpuHours is {terms.approval_gpu_hours:g}"
        why += ", and what is unknown counts as more" if left.unknown else ""
    parts = [
        f"{len(at.left)} of {at.total} stages to run, {at.reused} reused",
        *([f"{left.told(terms.prices)} expected"] if terms.expected else []),
        *([_power(terms.power)] if terms.power else []),
        why,
        *(["what is approved is another plan"] if approved else []),
    ]
    return f"plan {terms.digest}: {'; '.join(parts)}"


def _power(found: PowerStatus) -> str:
    about = f"{found.contrast} on {found.task}"
    if found.power is None or found.detectable is None:
        return f"power of {about} unknown: {found.why}"
    return (
        f"power of {about}: a difference of {found.detectable:.2g} is mostly seen,"
        f" one of {found.margin:.2g} {found.power:.0%} of the time ({found.why})"
    )


def priced(number: float, prices: Prices) -> str:
    """Say GPU-hours for people, and what they cost."""
    told, cost = f"{amount(number)} GPU-hours", prices.cost(number)
    return told if cost is None else f"{told} ({amount(cost)} {prices.currency})"


def amount(number: float) -> str:
    """Write hours or money for people."""
    return f"{number:,.3g}" if number < 100 else f"{number:,.0f}"
