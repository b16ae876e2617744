"""The verdicts in the terminal."""

import pytest

from assay.cli.verdicts import print_published, print_verdicts


def side(arm, runs):
    return {"arm": arm, "runs": [{}] * runs, "noise": 0.012 if runs > 1 else None}


def a_verdict(runs=3, **changes):
    return {
        "contrast": "refusals",
        "task": "instructeval_mmlu",
        "coordinates": {},
        "primary": True,
        "exploratory": False,
        "word": "better",
        "effect": 0.12,
        "interval": {"low": 0.1, "high": 0.14},
        "p": 0.01,
        "adjustedP": 0.02,
        "n": 100,
        "unlike": [],
        "a": side("without", runs),
        "b": side("with", runs),
        **changes,
    }


@pytest.fixture
def printed(monkeypatch, capsys):
    def printed(*verdicts, columns=200, **more):
        monkeypatch.setenv("COLUMNS", str(columns))
        document = {
            "comparison": {"name": "study"},
            "verdicts": verdicts,
            "missing": [],
            "sameRuns": [],
            "registration": None,
        }
        none = dict.fromkeys(("models", "curves", "derived", "trends"), ())
        print_verdicts({"comparisons": [document | none | more]})
        return capsys.readouterr().out

    return printed


def test_a_terminal_too_narrow_for_the_table_shows_every_figure_in_lines(printed):
    told = printed(a_verdict(), columns=40)

    assert "refusals * on instructeval_mmlu: better" in told
    assert "  effect 0.12, 0.1…0.14\n  noise 0.012, 0.012\n  p 0.02, 100 items" in told


def test_a_wide_terminal_shows_a_line_per_verdict(printed):
    line = next(line for line in printed(a_verdict()).splitlines() if "better" in line)

    assert line.split() == [
        *(
            "refusals",
            "*",
            "instructeval_mmlu",
            "better",
            "0.12",
            "0.012,",
            "0.012",
            "0.1…0.14",
            "0.02",
            "100",
        )
    ]


def test_verdicts_at_several_points_of_a_factor_are_told_apart(printed):
    told = printed(*(a_verdict(coordinates={"size": size}) for size in ("1b", "7b")))

    assert "refusals[size=1b]" in told
    assert "refusals[size=7b]" in told


@pytest.mark.parametrize(
    "untested", [{"runs": 1, "interval": None, "p": None}, {"runs": 2}, {"word": "floor"}, {"p": None}]
)
def test_where_nothing_was_tested_there_is_no_p_and_it_says_why(printed, untested):
    told = printed(a_verdict(**untested, adjustedP=1.0))

    line = next(line for line in told.splitlines() if "instructeval" in line)
    assert line.split()[-2] == "–"
    assert "takes 3 runs of each arm" in told


def test_a_tested_verdict_needs_no_explanation_of_its_p(printed):
    assert "takes 3 runs" not in printed(a_verdict())


def test_an_arm_of_one_run_has_no_noise(printed):
    told = printed(a_verdict(b=side("with", 1)))

    assert "0.012, –" in told
    assert "– where there is one run" in told


def test_a_published_score_is_told_beside_ours_with_the_difference(capsys):
    theirs = {"value": 0.42, "source": "table 2", "word": "not reproduced", "told": "not within 0.01"}
    row = {"arm": "with", "coordinates": {}, "task": "mmlu", "mean": 0.4, "noise": 0.01}
    scores = [row | {"published": theirs}, row | {"task": "drop", "published": None}]

    print_published({"scores": scores, "published": []})

    told = capsys.readouterr().out.replace("\n", " ")
    assert "with on mmlu: 0.42 (table 2); ours 0.4 ± 0.01, −0.02: not reproduced (not within 0.01)" in told
    assert "drop" not in told


def test_a_published_difference_is_told_beside_ours_with_what_it_comes_to(capsys):
    row = {
        "contrast": "total", "coordinates": {}, "task": "mmlu", "value": 0.037, "source": "table 2",
        "effect": 0.05, "word": "reproduced", "told": "total: better", "exploratory": True,
    }  # fmt: skip

    print_published({"scores": [], "published": [row]})

    told = capsys.readouterr().out.replace("\n", " ")
    assert "total on mmlu: +0.037 (table 2); ours +0.05: reproduced (total: better; exploratory)" in told


def test_a_contrast_whose_runs_were_not_made_alike_says_in_what_once_and_what_to_do(printed):
    unlike = {"word": "not comparable", "unlike": ["sft: zeroStage 0 (with/sft) and 2 (without/sft)"]}

    told = printed(a_verdict(**unlike), a_verdict(**unlike, task="drop"), columns=60)

    assert "refusals * on instructeval_mmlu: not comparable" in told
    assert told.count("warning: refusals: not alike: sft: zeroStage 0 (with/sft) and 2 (without/sft)") == 1
    assert "`environments: any`" in told


def test_a_derived_measure_whose_runs_were_not_made_alike_says_so_by_its_arm(printed):
    unlike = {"word": "not comparable", "unlike": ["sft: device A and B"]}

    told = printed(derived=[a_level(expression="forward", runs=[{}] * 3, **unlike)])

    assert "warning: alpaca: not alike: sft: device A and B" in told


def test_a_comparison_that_allows_differences_is_warned_of_them_and_keeps_its_word(printed):
    told = printed(a_verdict(unlike=["sft: device A and B"]))

    assert "warning: refusals: not alike: sft: device A and B" in told
    assert "environments: any" not in told


def a_level(**changes):
    figures = {"word": "lower", "effect": -0.8, "interval": {"low": -0.9, "high": -0.7}}
    return {
        "arm": "alpaca",
        "coordinates": {},
        "p": 0.001,
        "adjustedP": 0.002,
        "unlike": [],
        **figures,
        **changes,
    }


def test_a_curve_is_told_point_by_point_with_its_slopes(printed):
    points = [{"dose": dose, "mean": mean} for dose, mean in ((0, 0.9), (1000, 0.1))]
    found = {"value": -0.0008, "interval": {"low": -0.0009, "high": -0.0007}}
    told = printed(
        curves=[
            a_level(
                task="positivity",
                axis="negatives",
                n=60,
                replicates=3,
                points=points,
                slope=found,
                initialSlope=found,
                halfLife=None,
                otherScale={"scale": "logit", "change": found, "slope": found, "initialSlope": found},
                ratio={"value": 5.0, "interval": None},
                fit={"reason": "no change is shown"},
                nearest=None,
            )
        ]
    )

    assert "on the logit scale: change -0.0008" in told
    assert "begins 5 times as steep" in told
    assert "exponential not fitted: no change is shown" in told
    assert "alpaca, positivity by negatives: 0: 0.9, 1\u202f000: 0.1" in told
    assert "slope -0.0008 (-0.0009 … -0.0007); initial slope" in told
    assert "half-life" not in told


def test_a_trend_is_told_with_its_slope_and_what_it_is_held_against(printed):
    trend = a_level(
        expression="slope of ln(kappa) by ln(k)",
        slope={"value": 0.2, "interval": {"low": 0.1, "high": 0.3}},
        points=[
            {"dose": dose, "mean": mean, "runs": [{}] * 3, "theory": dose}
            for dose, mean in ((1, 1.1), (8, 1.6))
        ],
        theory="idealMixture",
        against=1.0,
        leftOut=[{"dose": 8, "value": -2.0, "replicate": {"seed": "2"}}],
        runs=[{}] * 3,
    )
    told = printed(trends=[trend])

    assert "alpaca, slope of ln(kappa) by ln(k): 0.2 (0.1 … 0.3)" in told
    assert "1: 1.1, 8: 1.6" in told
    assert "held against 1, the slope of an ideal mixture (1: 1, 8: 8)" in told
    assert "1 of 6 values (-2 at 8 [seed=2])" in told


def test_a_derived_measure_is_a_line_like_a_verdict(printed):
    told = printed(derived=[a_level(expression="forward - inverse", runs=[{}] * 3)])

    line = next(line for line in told.splitlines() if "alpaca" in line)
    assert line.split() == [
        "alpaca",
        "forward",
        "-",
        "inverse",
        "lower",
        "-0.8",
        "–",
        "-0.9…-0.7",
        "0.002",
        "–",
    ]


def test_two_models_are_told_where_data_could_not_be_judged(printed):
    models = [{"task": "quiz", "reading": "Which of these two models is better stays open."}]

    assert "quiz: Which of these two models" in printed(
        a_verdict(runs=1, p=None, interval=None), models=models
    )
    assert "Which of these" not in printed(a_verdict(), models=models)
