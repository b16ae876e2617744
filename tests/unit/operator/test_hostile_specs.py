"""Whatever a spec says, it is judged: allowed and compiled, or refused with a field for every fault."""

import contextlib
import json

import pytest

from assay.errors import SpecError
from assay.plan.examine import examine_object
from assay_operator.webhook import BadReviewError, answer, parsed
from builders import a_plan
from hostile import hostile_specs


@pytest.mark.parametrize("seed", range(4))
def test_a_hostile_spec_is_judged_and_what_is_allowed_compiles_or_says_why_not(seed):
    allowed = refused = 0
    for value in hostile_specs(seed, 100):
        request = {"uid": "1", "kind": {"kind": "Experiment"}, "object": value, "oldObject": None}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        body = json.dumps(review).encode()
        if b"Infinity" in body or b"NaN" in body:  # no API server sends such numbers
            with pytest.raises(BadReviewError, match="is no JSON"):
                parsed(body)
            continue
        response = answer(parsed(body))["response"]
        if response["allowed"]:
            allowed += 1
            compiles(value)
        else:
            refused += 1
            causes = response["status"]["details"]["causes"]
            assert causes
            assert all(cause["field"] and cause["message"] for cause in causes)
    assert allowed
    assert refused


def compiles(value):
    experiment = examine_object(value).sound()
    with contextlib.suppress(SpecError):
        assert all(len(stage.ref.fingerprint) == 64 for stage in a_plan(experiment).stages)
