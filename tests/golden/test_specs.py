from pathlib import Path

import pytest

from assay.api.parse import experiment_of, profile_of
from assay.api.validate import check, check_profile
from assay.api.written import read
from assay.artifacts.kinds import Kind
from assay.plan.arms import expand
from builders import a_plan

SPECS = Path(__file__).parent / "specs"


def written(name):
    return read((SPECS / f"{name}.yaml").read_bytes(), f"{name}.yaml")


@pytest.mark.parametrize(
    ("name", "instances"),
    [
        ("poison", 5 * 3 + 3 * 3 + 1),
        ("resistance", 4 * 3 * 3),
        ("rebound", 9 * 6 * 3),
        ("own", 2),
        ("programs", 2 * 3),
    ],
)
def test_a_golden_experiment_is_sound_and_multiplies_as_it_says(name, instances):
    text = written(name)
    experiment = experiment_of(text)
    assert [str(fault) for fault in check(experiment, text)] == []
    assert len(expand(experiment).instances) == instances


def test_the_golden_profile_is_sound():
    text = written("profile")
    assert check_profile(profile_of(text), text) == []


def test_a_rebound_without_negative_data_is_measured_after_the_first_training():
    expansion = expand(experiment_of(written("rebound")))
    none = next(item for item in expansion.instances if item.label == "positive-1000[negatives=0,seed=42]")
    assert set(none.stages) == {"first-reviews", "beginnings", "base", "first", "continuations", "sentiment"}
    asked = none.stages["sentiment"].evaluate.model
    assert (asked.from_, asked.checkpoint.rows) == ("first", 1000)
    some = next(item for item in expansion.instances if item.label == "positive-5000[negatives=200,seed=43]")
    assert some.stages["second"].train.model.checkpoint.rows == 5000
    asked = some.stages["sentiment"].evaluate.model
    assert (asked.from_, asked.checkpoint.rows) == ("second", 200)
    assert {some.stages[name].train.seed for name in ("first", "second")} == {43}


def test_a_rebound_s_doses_are_checkpoints_of_eleven_trainings_per_seed():
    plan = a_plan(experiment_of(written("rebound")))
    assert plan.separate[Kind.TRAIN] == (
        3 * 9 * (6 + 6 + 5),
        1 + 3 * (2 + 9),
    )  # first ones of either kind, and one for each arm


SAMPLES = Path(__file__).parents[2] / "manifests/samples/poison"


@pytest.mark.parametrize(
    ("name", "instances"),
    [("planted", 3 * 5 + 3 * 5 + 2 * 5 + 3 * 5 + 3 * 5 + 1), ("smollm2", 3)],
)
def test_a_published_poison_study_is_sound_and_multiplies_as_it_says(name, instances):
    text = read((SAMPLES / f"{name}.yaml").read_bytes(), f"{name}.yaml")
    experiment = experiment_of(text)

    assert [str(fault) for fault in check(experiment, text)] == []
    assert len(expand(experiment).instances) == instances


def test_the_profile_of_the_papers_study_is_sound():
    text = read((SAMPLES / "profile-a100.yaml").read_bytes(), "profile-a100.yaml")
    assert check_profile(profile_of(text), text) == []
