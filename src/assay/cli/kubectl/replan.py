"""`kubectl assay replan`: look the sources up anew, and plan with what they hold now."""

from assay.cli.terminal import say
from assay.control.freeze import REPLAN
from assay.settings.kubectl import annotate, connect, find


def main(flags: tuple[str, ...], name: str) -> None:
    """Ask for a new plan of the same question."""
    kubectl = connect(flags)
    applied = find(kubectl, name)
    annotate(kubectl, applied, REPLAN)
    before = f" in place of {applied.status.plan.digest[:12]}…" if applied.status.plan else ""
    say(f"{applied}: its sources are resolved anew, and a plan is made of what they hold now{before}.")
    say("Stages whose inputs are what they were keep their records.")
    say(f"`kubectl assay plan {applied.name}` shows it once it is frozen.")
