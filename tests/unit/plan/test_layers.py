"""A plan in columns."""

from assay.artifacts.kinds import Kind
from assay.cli.picture import picture
from assay.plan.layers import layers
from builders import a_pipeline, a_plan

SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


def test_names_stand_in_columns_with_how_many_stages_they_are():
    found = layers(a_plan(matrix=[SEEDS], compare=[CONTRAST]), set())

    assert picture(found, 200) == ["cleaned ×2 ─ sft ×6 ─ answers ×6 ─ scores ×6 ─ effect"]


def test_a_name_stands_as_late_as_it_is_read_and_the_longest_chain_on_top():
    pipeline = a_pipeline()
    prompts = {
        "name": "prompts",
        "clean": {"sources": [{"name": "asked", "uri": "p.jsonl", "format": "text"}]},
    }
    pipeline[2]["generate"]["prompts"]["from"] = "prompts"

    found = layers(a_plan(pipeline=[prompts, *pipeline], arms=[{"name": "one"}]), set())

    assert picture(found, 200) == ["cleaned ─ sft     ─ answers ─ scores", "          prompts"]


def test_what_is_done_is_counted():
    plan = a_plan()
    done = {stage.ref for stage in plan.stages if stage.kind is Kind.CLEAN or stage.label == "with/sft"}

    assert picture(layers(plan, done), 200) == [
        "cleaned ×2 (done) ─ sft ×2 (1 done) ─ answers ×2 ─ scores ×2"
    ]


def test_a_picture_that_is_too_wide_goes_on_below():
    found = layers(a_plan(), set())

    lines = picture(found, 24)

    assert lines == ["cleaned ×2 ─ sft ×2", "─ answers ×2 ─ scores ×2"]


def test_a_name_that_reads_its_own_of_another_arm_stands_once():
    like = {"subsample": {"like": "without/cleaned", "seed": 1}}
    arm = {"name": "cut", "stages": [{"name": "cleaned", "clean": {"steps": [like]}}]}

    found = layers(a_plan(arms=[{"name": "without"}, arm]), set())

    assert [[node.name for node in column] for column in found] == [
        ["cleaned"],
        ["sft"],
        ["answers"],
        ["scores"],
    ]
