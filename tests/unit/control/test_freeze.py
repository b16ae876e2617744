"""The same question of the same object has one place, and one asked anew another."""

import pytest

from assay.control.freeze import REPLAN, plan_key
from builders import an_experiment


def keyed(annotations=None, **spec):
    experiment = an_experiment(**spec)
    about = {"name": "test", "namespace": "team", "uid": "u", "annotations": annotations or {}}
    metadata = type(experiment.metadata).model_validate(about)
    return plan_key(experiment.model_copy(update={"metadata": metadata}))


@pytest.mark.parametrize("spec", [{"suspend": True}, {"execution": {"approval": "manual", "retries": 9}}])
def test_where_and_when_it_runs_is_no_part_of_the_question(spec):
    assert keyed(**spec) == keyed()


def test_what_is_asked_is():
    assert keyed(compare=[]) == keyed()
    assert keyed(arms=[{"name": "only"}]) != keyed()


def test_a_plan_that_is_asked_for_anew_has_a_place_of_its_own_and_the_first_one_keeps_its():
    first, second = (keyed({REPLAN: f"2030-01-0{day}T00:00:00Z"}) for day in (1, 2))

    assert len({keyed(), first, second}) == 3
    assert keyed({"note": "mine"}) == keyed()


def test_what_others_published_is_asked_in_its_author_s_words_so_that_new_members_move_no_plan():
    said = {"arm": "with", "task": "refusals", "value": 0.5, "source": "table 2"}

    assert [one.said for one in an_experiment(published=[said]).spec.published] == [said]
    assert keyed(published=[said]) != keyed(published=[said | {"within": 0.1}])
