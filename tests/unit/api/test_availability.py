"""What a spec may say and no program can do yet."""

from assay.api.availability import unavailable
from assay.artifacts.kinds import Kind


def test_steps_and_options_that_are_not_built_are_named_by_their_paths():
    steps = [
        {"alternation": {}},
        {"nearDuplicates": {}, "alternation": None},
        {"lowAverage": {"minTokensPerMessage": 3, "tokenizer": "x"}},
        {"lowAverage": {"minTokensPerMessage": 3, "tokenizer": None}},
    ]
    assert unavailable(Kind.CLEAN, {"steps": steps}) == [
        "steps[1].nearDuplicates",
        "steps[2].lowAverage.tokenizer",
    ]


def test_other_stages_have_nothing_missing_here():
    assert unavailable(Kind.TRAIN, {"steps": [{"nearDuplicates": {}}]}) == []
