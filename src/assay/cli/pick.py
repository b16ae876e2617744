"""From what a user types to a stage of the plan."""

from assay.api.faults import did_you_mean
from assay.errors import SpecError
from assay.plan.plan import Plan, PlannedStage


def pick(plan: Plan, text: str) -> PlannedStage:
    """Find a stage by its label, by `arm/stage` where that is one stage, or by the start of its fingerprint.

    Raises:
        SpecError: none or several fit.

    """
    labels = {stage.label: stage for stage in plan.stages}
    labels |= {member.label: stage for stage in plan.stages for member in stage.members}
    if text in labels:
        return labels[text]
    fitting = {
        stage.ref: stage
        for stage in plan.stages
        for member in stage.members
        if f"{member.arm}/{member.stage}" == text
        or (len(text) >= 6 and stage.ref.fingerprint.startswith(text))
    }
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        several = ", ".join(
            label for label, stage in labels.items() if stage.ref in fitting and label.startswith(text)
        )
        raise SpecError(
            f"stage {text!r}",
            f"found {len(fitting)} stages: {several}",
            "Name one of them, with its coordinates.",
        )
    raise SpecError(
        f"stage {text!r}",
        f"found nothing of this name among {len(plan.stages)} stages",
        did_you_mean(text, list(labels), "The plan and the status list their names."),
    )
