"""Arms merge over the pipeline, and the matrix multiplies what it moves."""

import pytest

from assay.errors import SpecError
from assay.plan.arms import expand
from builders import a_pipeline, an_experiment


def stage_of(experiment, label, name):
    return next(item for item in expand(experiment).instances if item.label == label).stages[name]


def test_an_arm_without_words_is_the_pipeline():
    experiment = an_experiment()

    assert stage_of(experiment, "without", "cleaned") == experiment.spec.pipeline[0]


def test_removing_a_step_leaves_the_others_in_order():
    steps = stage_of(an_experiment(), "with", "cleaned").clean.steps

    assert [step.label for step in steps] == ["alternation", "exactDuplicates"]


def test_a_step_can_be_placed_before_another():
    arm = {
        "name": "a",
        "stages": [
            {
                "name": "cleaned",
                "clean": {"steps": [{"shortInput": {"minWords": 3}, "before": "exactDuplicates"}]},
            }
        ],
    }

    steps = stage_of(an_experiment(arms=[arm]), "a", "cleaned").clean.steps

    assert [step.label for step in steps] == ["alternation", "shortInput", "exactDuplicates", "refusals"]


def test_a_step_without_a_place_goes_last():
    arm = {"name": "a", "stages": [{"name": "cleaned", "clean": {"steps": [{"subsample": {"rows": 5}}]}}]}

    steps = stage_of(an_experiment(arms=[arm]), "a", "cleaned").clean.steps

    assert [step.label for step in steps][-1] == "subsample"


def test_one_field_of_a_step_changes_and_the_others_stay():
    arm = {
        "name": "a",
        "stages": [
            {"name": "cleaned", "clean": {"steps": [{"name": "refusals", "refusals": {"scope": "turnPair"}}]}}
        ],
    }

    refusals = stage_of(an_experiment(arms=[arm]), "a", "cleaned").clean.steps[2].refusals

    assert (refusals.level, refusals.scope) == ("medium", "turnPair")


def test_setting_one_member_of_an_exactly_one_of_clears_the_others_and_what_goes_with_them():
    pipeline = an_experiment().model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]["pipeline"]
    pipeline[3]["evaluate"]["model"] = {"from": "sft", "checkpoint": {"epoch": 1}}
    arm = {"name": "a", "stages": [{"name": "scores", "evaluate": {"model": {"uri": "models/base"}}}]}

    model = stage_of(an_experiment(pipeline=pipeline, arms=[arm]), "a", "scores").evaluate.model

    assert (model.uri, model.from_, model.checkpoint) == ("models/base", None, None)


@pytest.mark.parametrize(
    "words", [{"name": "refusal", "remove": True}, {"shortInput": {}, "after": "refusal"}]
)
def test_a_patch_of_what_is_not_there_is_refused_with_the_nearest_name(words):
    arm = {"name": "a", "stages": [{"name": "cleaned", "clean": {"steps": [words]}}]}

    with pytest.raises(SpecError, match=r"spec.arms\[0\] \(a\).*'refusal'.*Did you mean `refusals`"):
        expand(an_experiment(arms=[arm]))


def test_a_stage_that_the_pipeline_lacks_must_be_whole():
    arm = {"name": "a", "stages": [{"name": "cleansed", "clean": {"steps": []}}]}

    with pytest.raises(SpecError, match=r"stages\[cleansed\].clean.sources"):
        expand(an_experiment(arms=[arm]))


SEEDS = {
    "name": "seed",
    "role": "replicate",
    "paths": ["sft.train.seed", "cleaned.clean.steps.subsample.seed"],
    "integers": [1, 2],
}


def test_an_axis_sets_all_its_paths_together_and_skips_what_an_arm_lacks():
    sample = {
        "name": "cut",
        "stages": [{"name": "cleaned", "clean": {"steps": [{"subsample": {"rows": 5}}]}}],
    }
    experiment = an_experiment(arms=[{"name": "whole"}, sample], matrix=[SEEDS])

    assert [item.label for item in expand(experiment).instances] == [
        "whole[seed=1]",
        "whole[seed=2]",
        "cut[seed=1]",
        "cut[seed=2]",
    ]
    assert stage_of(experiment, "whole[seed=2]", "sft").train.seed == 2
    assert stage_of(experiment, "cut[seed=2]", "cleaned").clean.steps[-1].subsample.seed == 2


def test_an_arm_that_an_axis_does_not_move_is_not_multiplied_and_the_plan_says_so():
    base = {"name": "base", "stages": [{"name": "sft", "remove": True}]}
    expansion = expand(
        an_experiment(arms=[{"name": "whole"}, base], matrix=[SEEDS | {"paths": ["sft.train.seed"]}])
    )

    assert [item.label for item in expansion.instances] == ["whole[seed=1]", "whole[seed=2]", "base"]
    assert expansion.notes == ("arm base: axis seed moves nothing in it, so it does not multiply it",)


def test_an_arm_can_have_other_values_on_an_axis():
    null = {"name": "null", "matrix": [{"name": "seed", "integers": [101]}]}
    expansion = expand(
        an_experiment(arms=[{"name": "whole"}, null], matrix=[SEEDS | {"paths": ["sft.train.seed"]}])
    )

    assert [item.label for item in expansion.instances] == [
        "whole[seed=1]",
        "whole[seed=2]",
        "null[seed=101]",
    ]


def test_an_axis_of_named_values_patches_like_an_arm():
    axis = {
        "name": "dose",
        "role": "dose",
        "values": [
            {
                "name": f"n{n}",
                "dose": n,
                "stages": [{"name": "cleaned", "clean": {"steps": [{"subsample": {"rows": n}}]}}],
            }
            for n in (5, 9)
        ],
    }

    experiment = an_experiment(arms=[{"name": "a"}], matrix=[axis])

    assert stage_of(experiment, "a[dose=n9]", "cleaned").clean.steps[-1].subsample.rows == 9


def test_a_path_that_leads_nowhere_in_any_arm_is_refused():
    with pytest.raises(SpecError, match=r"spec.matrix\[0\] \(seed\).*'sfd.train.seed'"):
        expand(an_experiment(matrix=[SEEDS | {"paths": ["sfd.train.seed"]}]))


def test_a_path_to_a_field_that_does_not_exist_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match=r"'sed'.*Did you mean `seed`"):
        expand(an_experiment(matrix=[SEEDS | {"paths": ["sft.train.sed"]}]))


def test_a_path_that_ends_at_a_list_s_item_is_refused_with_what_it_may_end_at():
    split = {"split": {"parts": [{"name": "test", "share": 0.1}]}}
    cleaned, *rest = a_pipeline()
    cleaned["clean"]["steps"].append(split)
    axis = SEEDS | {"paths": ["cleaned.clean.steps.split.parts.test"]}

    with pytest.raises(SpecError, match=r"no field of 'test', expected one: name, share"):
        expand(an_experiment(pipeline=[cleaned, *rest], matrix=[axis]))


def test_an_axis_or_a_value_that_is_named_again_multiplies_nothing():
    values = [{"name": "low", "stages": [{"name": "sft", "train": {"seed": 3}}]}]
    level = {"name": "level", "role": "factor", "values": values * 30}
    seeds = SEEDS | {"paths": ["sft.train.seed"], "integers": [1, 2, 1]}
    expansion = expand(an_experiment(arms=[{"name": "a"}], matrix=[seeds, level, seeds, seeds]))

    assert [item.label for item in expansion.instances] == ["a[seed=1,level=low]", "a[seed=2,level=low]"]
