"""A stage is found by as much of its name as tells it from the others."""

import pytest

from assay.artifacts.documents import ArtifactRef
from assay.cli.pick import pick_ref
from assay.errors import SpecError

CLEANED, FIRST, SECOND = (
    ArtifactRef(f"{kind}/{digit * 64}") for kind, digit in (("clean", "a"), ("train", "b"), ("train", "c"))
)
NAMES = {
    CLEANED: ["base/cleaned", "base/cleaned", "other/cleaned"],
    FIRST: ["base/sft[seed=1]", "base/sft[seed=1]"],
    SECOND: ["base/sft[seed=2]", "base/sft[seed=2]"],
}


@pytest.mark.parametrize("text", ["base/cleaned", "other/cleaned", "cleaned", "aaaaaa"])
def test_a_name_that_fits_one_stage_is_enough(text):
    assert pick_ref(NAMES, text) == CLEANED


@pytest.mark.parametrize("text", ["sft", "base/sft"])
def test_a_name_that_fits_several_stages_names_them(text):
    with pytest.raises(SpecError, match=r"found 2 stages: base/sft\[seed=1\], base/sft\[seed=2\]"):
        pick_ref(NAMES, text)


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(SpecError, match="base/cleaned"):
        pick_ref(NAMES, "base/cleand")
