"""What cannot be read of an experiment's outside inputs is told at once, each with the field that names it."""

import pytest

from assay.errors import SpecErrors
from assay.settings.inputs import SourceErrors
from assay.settings.local import compile_file
from builders import SMALL

TWO_SOURCES = SMALL.replace(
    "[{name: chats, uri: chats.jsonl, format: sharegpt}]",
    "[{name: chats, uri: chats.jsonl, format: sharegpt}, {name: more, uri: more/*.jsonl, format: text}]",
)


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(TWO_SOURCES)
    return path


def test_all_that_is_missing_is_told_in_one_go_with_the_fields_that_name_it(spec):
    with pytest.raises(SourceErrors) as told:
        compile_file(spec)

    place = f"spec.pipeline[0] (cleaned).clean.sources[1] (more).uri, {spec}:8, more/*.jsonl"
    assert [fault.where for fault in told.value.faults] == [
        f"spec.pipeline[0] (cleaned).clean.sources[0] (chats).uri, {spec}:8, chats.jsonl",
        place,
        f"spec.pipeline[1] (sft).train.model.uri, {spec}:15, base",
    ]
    assert str(told.value.faults[1]).startswith(f"{place}: found nothing at file://")


def test_what_an_arm_alone_names_is_told_where_the_arm_names_it(spec):
    (spec.parent / "base").write_text("weights")
    (spec.parent / "chats.jsonl").write_text("{}\n")
    words = "{name: cleaned, clean: {sources: [{name: more, uri: chats.jsonl}, {name: third, uri: third.txt, format: text}]}}"
    spec.write_text(
        TWO_SOURCES.replace("more/*.jsonl", "chats.jsonl").replace(
            "[{name: cleaned, clean: {steps: [{name: refusals, remove: true}]}}]", f"[{words}]"
        )
    )

    with pytest.raises(SpecErrors) as told:
        compile_file(spec)

    assert [fault.where for fault in told.value.faults] == [
        f"spec.arms[1] (kept).stages[0] (cleaned).clean.sources[1] (third).uri, {spec}:22, third.txt"
    ]
