"""What an experiment asked for, compiled once against what its sources held then, and kept."""

from collections.abc import Callable
from datetime import datetime

from assay.api.experiment import Experiment
from assay.artifacts.canonical import digest
from assay.artifacts.documents import Document
from assay.artifacts.layout import experiment_key
from assay.plan.plan import Plan
from assay.stores.documents import read_document
from assay.stores.store import Store

REPLAN = "assay.dev/replan"  # an annotation: whatever it says, said anew it asks for a new plan
_NOT_ASKED = {"suspend", "execution"}  # they change where and when, never what


class FrozenPlan(Document):
    """`plan.json`: a plan, and when it was made."""

    frozen_at: datetime
    plan: Plan


def plan_key(experiment: Experiment) -> str:
    """Return where the frozen plan lies: the same question of the same object has one place."""
    asked = experiment.spec.model_dump(mode="json", by_alias=True, exclude=_NOT_ASKED)
    asked["published"] = [one.said for one in experiment.spec.published]
    if not asked["published"]:
        del asked["published"]  # what was asked before there was such a field has the place that it had
    metadata = experiment.metadata
    if again := metadata.annotation(REPLAN):
        asked["replan"] = again
    return experiment_key(
        f"{metadata.namespace}/{metadata.name}",
        f"{metadata.uid}/{digest('assay.asked/1', asked)[:20]}/plan.json",
    )


def frozen(store: Store, experiment: Experiment, make: Callable[[], Plan], now: datetime) -> FrozenPlan:
    """Return the experiment's frozen plan, made now if there is none yet; of several who make it the first counts."""
    key = plan_key(experiment)
    known = read_document(store, key, FrozenPlan)
    if known is not None:
        return known
    made = FrozenPlan(frozen_at=now, plan=make())
    if store.create(key, made.encode()):
        return made
    return read_document(store, key, FrozenPlan) or made
