"""What `assay run` asks for before anything starts."""

import pytest

from assay.cli.run import main
from assay.errors import SpecError
from assay.settings.local import compile_file


@pytest.fixture
def manual(spec):
    spec.write_text(spec.read_text().replace("spec:\n", "spec:\n  execution: {approval: manual}\n", 1))
    return spec


def refused(file, store, approve):
    with pytest.raises(SpecError) as error:
        main(file, store.uri, parallel=None, approve=approve, output="json")
    assert not list(store.keys("stages/"))
    return str(error.value)


def test_a_plan_that_needs_approval_is_not_started_where_nobody_can_be_asked(manual, store):
    digest = compile_file(manual)[1].digest
    told = refused(manual, store, None)

    assert f"--approve {digest}" in told
    assert "stages to run, 0 reused" in told


def test_the_approval_of_another_plan_starts_nothing(manual, store):
    before = compile_file(manual)[1].digest
    manual.write_text(manual.read_text().replace("vocabulary: 400", "vocabulary: 420"))

    assert "the plan is another than what was approved" in refused(manual, store, before)
