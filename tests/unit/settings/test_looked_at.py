"""Whoever looks at an experiment through kubectl and the store judges its records as its operator does."""

from datetime import UTC, datetime

import pytest

from assay.artifacts.documents import Attempt
from assay.reconcile.decide import not_trusted
from assay.report.write import read_report
from assay.settings.kubectl import Frozen
from assay.stores.claims import claim, declare_stage
from builders import a_plan, an_applied
from fakes.memory_store import MemoryStore
from finisher import complete

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PLAN = a_plan()
STAGE = PLAN.stages[0]


@pytest.fixture
def store():
    made = MemoryStore()
    declare_stage(made, STAGE.document)
    claim(made, STAGE.ref, Attempt(number=1, owner="somebody", claimed_at=NOW))
    complete(made, STAGE.ref, 1)  # on no cluster: by no image
    return made


@pytest.mark.parametrize(
    ("trusted", "state", "reason"),
    [((), "done", "RecordFound"), ((f"sha256:{'1' * 64}",), "failed", "RecordNotTrusted")],
)
def test_a_record_of_an_image_that_the_profile_does_not_trust_is_not_done(store, trusted, state, reason):
    frozen = Frozen(
        applied=an_applied(),
        uri="s3://bucket/plan.json",
        frozen_at=datetime.now(UTC),
        plan=PLAN,
        store=store,
        trusted=frozenset(trusted),
    )
    _, decision = frozen.look()
    judged = decision.judgements[STAGE.ref]
    report = read_report(PLAN, store, refused=not_trusted(decision))

    assert (judged.state, judged.reason) == (state, reason)
    assert bool(not_trusted(decision)) == (state == "failed")
    assert [found["label"] for found in report.data["cleanings"]] == (
        [STAGE.label] if state == "done" else []
    )
