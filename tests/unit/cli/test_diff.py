"""What `assay diff` prints."""

import json

import pytest

from assay.cli.diff import main
from assay.errors import SpecError


@pytest.fixture
def edited(spec):
    other = spec.parent / "edited.yaml"
    other.write_text(spec.read_text().replace("vocabulary: 400", "vocabulary: 420"))
    return other


def test_two_files_are_told_by_field_and_by_what_follows(spec, edited, capsys):
    main(spec, str(edited), None, output="text")

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["plain+slower/base", "  tokenizer.train.vocabulary: 400 → 420"]
    assert lines[2:4] == ["plain/sft, slower/sft", "  only because base changed"]
    assert lines[-1].startswith(
        "Stages that differ by fields of their own: 1; only by what they read: 7; the same: 1"
    )


def test_a_diff_for_programs_names_artifacts(spec, capsys):
    main(spec, "plain", "slower", output="json")

    sft = json.loads(capsys.readouterr().out)["changes"][0]
    assert sft["fields"] == [{"path": "optimizer.lr", "before": "0.001", "after": "0.0001"}]
    assert (sft["before"][:6], sft["after"][:6]) == ("train/", "train/")


def test_an_arm_that_is_misspelt_is_refused_with_the_nearest(spec):
    with pytest.raises(SpecError, match="Did you mean `slower`"):
        main(spec, "plain", "slowr", output="text")
