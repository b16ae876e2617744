from assay.report.curve import HEIGHT, WIDTH, curve


def test_a_curve_runs_from_left_to_right_and_falls_with_the_loss():
    drawn = curve({"step": [10, 20, 40], "loss": [4.0, 2.0, 1.0]})

    points = [tuple(map(float, point.split(","))) for point in drawn["points"].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points)  # y counts downwards
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert drawn["told"] == "loss from 4 to 1 over 40 steps"


def test_a_loss_that_stays_is_a_level_line():
    drawn = curve({"step": [1, 2], "loss": [3.0, 3.0]})

    assert {point.split(",")[1] for point in drawn["points"].split()} == {f"{HEIGHT / 2:.1f}"}
