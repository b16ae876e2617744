"""What a Profile does not allow is refused before anything starts, whatever the plan was frozen with."""

import pytest

from assay.api.execution import Execution
from assay.api.profile import Limits
from assay.artifacts.documents import Location
from assay.settings.cluster import not_allowed, not_contained
from builders import a_pipeline, a_plan


def a_plan_of(step):
    pipeline = a_pipeline()
    pipeline[0]["clean"]["steps"] = [{"alternation": {}}, step]
    return a_plan(pipeline=pipeline, arms=[{"name": "only"}])


def a_plan_with_a_program(**words):
    program = {"command": ["./own"], "code": {"uri": "own"}, "output": "dataset"} | words
    return a_plan(pipeline=[{"name": "own", "program": program}], arms=[{"name": "only"}])


@pytest.mark.parametrize(("allowed", "refusals"), [(False, 1), (True, 0)])
def test_a_python_file_runs_only_where_the_profile_allows_it(allowed, refusals):
    plan = a_plan_of({"rule": {"file": "rule.py"}})
    found = not_allowed(plan, Execution(), Limits.model_validate({"ruleFiles": allowed}))
    assert len(found) == refusals
    assert all("steps[1].rule.file: found a Python file" in str(fault) for fault in found)


@pytest.mark.parametrize(("allowed", "refusals"), [(False, 1), (True, 0)])
def test_a_hub_is_asked_only_where_the_profile_allows_it(allowed, refusals):
    uri = f"hf://datasets/owner/name@{'0' * 40}/data.jsonl"
    plan = a_plan_of({"shortInput": {}})
    plan = plan.model_copy(update={"locations": plan.locations | {"x": Location(uri=uri, files=())}})
    found = not_allowed(plan, Execution(), Limits.model_validate({"hubAccess": allowed}))
    assert len(found) == refusals
    assert all(str(fault).startswith(f"{uri}: found a dataset on a hub") for fault in found)


@pytest.mark.parametrize(
    ("asked", "allowed", "refusals"), [(True, False, 1), (True, True, 0), (False, False, 0)]
)
def test_code_of_models_runs_only_where_both_the_experiment_and_the_profile_allow_it(
    asked, allowed, refusals
):
    execution = Execution.model_validate({"evaluate": {"codeExecution": asked}})
    found = not_allowed(a_plan(), execution, Limits.model_validate({"codeExecution": allowed}))
    assert len(found) == refusals
    assert all("codeExecution: found true, expected false" in str(fault) for fault in found)


@pytest.mark.parametrize(("allowed", "refusals"), [(False, 1), (True, 0)])
def test_a_teams_own_program_runs_only_where_the_profile_allows_it(allowed, refusals):
    found = not_allowed(a_plan_with_a_program(), Execution(), Limits.model_validate({"programs": allowed}))
    assert len(found) == refusals
    assert all(
        "only/own, program: found a team's own program, expected none" in str(fault) for fault in found
    )


def test_a_program_without_an_image_runs_in_no_cluster():
    (found,) = not_contained(a_plan_with_a_program())
    assert str(found).startswith("only/own, program.image: found none, expected an image with its digest")
    assert not_contained(a_plan_with_a_program(image=f"registry.example/own@sha256:{'0' * 64}")) == []


def test_patterns_run_anywhere():
    assert not_allowed(a_plan_of({"rule": {"patterns": ["a"]}}), Execution(), Limits()) == []
