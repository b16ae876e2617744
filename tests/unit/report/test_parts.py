"""A task's parts as one table."""

from assay.report.parts import parts


def a_verdict(contrast, a, b, *, at=None, **scores):
    """Return a verdict with such scores of a and b in each part."""
    return {
        "contrast": contrast,
        "coordinates": at or {},
        "a": {"arm": a},
        "b": {"arm": b},
        "groups": [
            {"group": part, "n": 10, "a": of_a, "b": of_b, "effect": of_a - of_b}
            for part, (of_a, of_b) in scores.items()
        ],
    }


def test_contrasts_stand_beside_each_other_and_every_arm_once():
    table = parts(
        [
            a_verdict("refusals", "without", "with", law=(0.75, 0.5), algebra=(0.25, 0.5)),
            a_verdict("steps", "matched", "with", law=(0.5, 0.5), algebra=(0.5, 0.5)),
        ]
    )

    assert (table["contrasts"], table["arms"]) == (["refusals", "steps"], ["without", "with", "matched"])
    algebra, law = table["rows"]
    assert (algebra["part"], algebra["scores"]) == ("algebra", [0.25, 0.5, 0.5])
    assert [found["effect"] for found in law["effects"]] == [0.25, 0.0]


def test_an_effect_leans_by_its_share_of_the_greatest_of_its_contrast():
    table = parts([a_verdict("refusals", "a", "b", one=(0.75, 0.25), two=(0.25, 0.5), three=(0.5, 0.5))])

    assert [row["effects"][0]["lean"] for row in table["rows"]] == [1.0, 0.0, -0.5]


def test_a_part_that_one_contrast_lacks_is_empty_there():
    table = parts(
        [a_verdict("one", "a", "b", law=(0.5, 0.25)), a_verdict("other", "c", "b", art=(0.5, 0.25))]
    )

    art, law = table["rows"]
    assert [found["effect"] for found in art["effects"]] == [None, 0.25]
    assert law["scores"] == [0.5, 0.25, None]


def test_points_of_a_factor_are_told_apart():
    table = parts(
        [a_verdict("refusals", "a", "b", at={"size": size}, law=(0.5, 0.25)) for size in ("1b", "7b")]
    )

    assert table["contrasts"] == ["refusals[size=1b]", "refusals[size=7b]"]
    assert table["arms"] == ["a[size=1b]", "b[size=1b]", "a[size=7b]", "b[size=7b]"]


def test_a_task_without_parts_has_no_table():
    assert parts([a_verdict("refusals", "a", "b")]) is None
