import pytest

from assay.errors import AssayError
from assay.statistics.runs import difference
from assay.statistics.scores import Arm, StatisticsError


def test_an_arm_with_a_score_that_is_not_finite_is_refused_and_the_score_is_named():
    with pytest.raises(
        StatisticsError, match=r"arm x: score nan at \[1, 0\], expected finite numbers\. Score"
    ):
        Arm.of_items("x", [[0, 1], [float("nan"), 1]])
    with pytest.raises(StatisticsError, match=r"score inf at \[2\]"):
        Arm.of_totals("x", [1.0, 2.0, float("inf")])


def test_a_refusal_tells_where_what_and_what_to_do():
    with pytest.raises(AssayError) as caught:
        Arm.of_totals("x", [])
    assert isinstance(caught.value, ValueError)
    assert (caught.value.where, bool(caught.value.found), bool(caught.value.do)) == ("arm x", True, True)


@pytest.mark.parametrize("scores", [[], [[]], [1, 0, 1], [[1], [0]], [[1, 0], [1]], [["a", "b"]], [[[1, 0]]]])
def test_an_arm_of_items_that_is_no_matrix_of_numbers_is_refused(scores):
    with pytest.raises(StatisticsError):
        Arm.of_items("x", scores)


def test_arms_scored_on_different_items_are_refused():
    with pytest.raises(StatisticsError, match=r"x and y: different items \(x: 3, y: 2\)"):
        difference(Arm.of_items("x", [[0, 1, 1]] * 3), Arm.of_items("y", [[0, 1]] * 3))
    with pytest.raises(StatisticsError, match=r"x: 3, y: totals"):
        difference(Arm.of_items("x", [[0, 1, 1]] * 3), Arm.of_totals("y", [1, 2, 3]))


def test_runs_that_agree_on_every_item_are_copies_unless_the_task_is_saturated():
    assert Arm.of_items("x", [[0, 1, 1]] * 3).copies
    assert Arm.of_totals("x", [0.5, 0.5, 0.5]).copies
    assert not Arm.of_items("x", [[0, 1, 1], [0, 1, 1], [1, 1, 0]]).copies
    assert not Arm.of_items("x", [[1, 1, 1]] * 3).copies
    assert not Arm.of_items("x", [[0, 1, 1]]).copies
