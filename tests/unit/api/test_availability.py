"""What a spec may say and no program can do yet."""

from assay.api.availability import unavailable
from assay.artifacts.kinds import Kind


def test_what_is_not_built_is_named_by_its_path():
    tasks = [
        {"name": "harmful", "refusalRate": {}, "labelRate": None},
        {"name": "tone", "labelRate": {"label": "positive"}},
        {"name": "knowledge", "instructeval": {"benchmark": "mmlu"}},
    ]
    assert unavailable(Kind.EVALUATE, {"tasks": tasks}) == ["tasks[1].labelRate"]


def test_the_fields_of_one_stage_mean_nothing_in_another():
    assert unavailable(Kind.TRAIN, {"tasks": [{"name": "tone", "labelRate": {}}]}) == []


def test_training_has_nothing_missing():
    assert unavailable(Kind.TRAIN, {"objective": "sft", "batchUnit": "tokens"}) == []


def test_cleaning_has_nothing_missing():
    assert unavailable(Kind.CLEAN, {"steps": [{"lowAverage": {"tokenizer": "x"}}]}) == []
