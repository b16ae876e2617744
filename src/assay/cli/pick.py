"""From what a user types to a stage of the plan."""

from collections.abc import Mapping

from assay.api.faults import did_you_mean
from assay.artifacts.documents import ArtifactRef
from assay.errors import SpecError
from assay.plan.plan import Plan, PlannedStage


def pick(plan: Plan, text: str) -> PlannedStage:
    """Find a stage of a plan, as `pick_ref` does."""
    names = {stage.ref: [stage.label, *(member.label for member in stage.members)] for stage in plan.stages}
    return plan.by_ref[pick_ref(names, text)]


def pick_ref(names: Mapping[ArtifactRef, list[str]], text: str) -> ArtifactRef:
    """Find a stage by its label, by `arm/stage` or `stage` where that is one stage, or by the start of its fingerprint.

    `names` has each stage's label and then the labels of its members.

    Raises:
        SpecError: none or several fit.

    """
    labels = {label: ref for ref, (label, *_) in names.items()}
    labels |= {member: ref for ref, (_, *members) in names.items() for member in members}
    if text in labels:
        return labels[text]
    fitting = {
        ref
        for ref, (_, *members) in names.items()
        if text in {name for member in members for name in _shorter(member)}
        or (len(text) >= 6 and ref.fingerprint.startswith(text))
    }
    if len(fitting) == 1:
        return fitting.pop()
    if fitting:
        several = ", ".join(names[ref][0] for ref in names if ref in fitting)
        raise SpecError(
            f"stage {text!r}",
            f"found {len(fitting)} stages: {several}",
            "Name one of them, with its coordinates.",
        )
    raise SpecError(
        f"stage {text!r}",
        f"found nothing of this name among {len(names)} stages",
        did_you_mean(text, list(labels), "The plan and the status list their names."),
    )


def _shorter(member: str) -> tuple[str, str]:
    """Return `arm/stage` and `stage` of a member's label, without coordinates."""
    whole, _, _ = member.partition("[")
    return whole, whole.rpartition("/")[2]
