import json

import numpy as np
import pytest

from assay.artifacts.canonical import canonical_json
from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import OUTCOMES
from assay_pipelines.compare.__main__ import main
from assay_pipelines.outcomes import Measured, Outcome, summary, write_outcomes

ITEMS = 200


def measured(scores, *, task="quiz", checkpoint="final", prompts=(), ids=(), weight=1.0, **more):
    return Measured(
        task=task,
        checkpoint=checkpoint,
        outcomes=tuple(
            Outcome(
                doc_id=ids[at] if ids else f"{at:04}",
                doc_hash=f"doc {at}",
                prompt_hash=prompts[at] if prompts else f"prompt {at}",
                target_hash="target",
                prediction="A",
                outcome=float(score),
                weight=weight,
            )
            for at, score in enumerate(scores)
        ),
        **({"unit": "accuracy", "higher_is_better": True, "chance": 0.25} | more),
    )


def right(share, seed, items=ITEMS):
    """Items solved by a model that solves such a share; the hard ones are hard for all."""
    difficulty = np.random.default_rng(0).random(items)
    noise = np.random.default_rng(seed).normal(0, 0.1, items)
    return (difficulty + noise < share).astype(float)


@pytest.fixture
def evaluated(bench, tmp_path):
    """Make an evaluate stage of a model that was trained on some rows."""
    made = iter(range(1000))

    def make(arm, seed, *scores, rows=100, model=None):
        data = bench.done(Kind.CLEAN, {"arm": arm}, rows=rows)
        trained = bench.done(
            Kind.TRAIN,
            {"data": {"from": data}, "seed": seed},
            rows=2 * rows,
            tokens=50 * rows,
            steps=rows // 10,
            checkpoints=[
                {"label": "rows-40", "rows": 40, "step": 4},
                {"label": "final", "rows": 200, "step": 10},
            ],
        )
        folder = tmp_path / f"evaluated-{next(made)}"
        folder.mkdir()
        write_outcomes(folder / OUTCOMES, scores)
        return bench.done(
            Kind.EVALUATE, {"model": {"from": trained} | (model or {})}, folder, **summary(scores)
        )

    return make


def run_of(ref, seed, **coordinates):
    return {"coordinates": coordinates, "replicate": {"seed": str(seed)}, "stages": {"benchmarks": ref}}


def asking(arms, *, missing=(), **more):
    comparison = {
        "name": "main",
        "stage": "benchmarks",
        "contrasts": [{"name": "question", "a": "one", "b": "other"}],
        "family": "holm",
        "alpha": 0.05,
        "margin": 0.01,
        "margins": [],
    } | more
    return {
        "comparison": {name: value for name, value in comparison.items() if value is not None},
        "arms": [{"arm": arm, "runs": runs} for arm, runs in arms.items()],
        "missing": list(missing),
    }


def verdicts_of(done):
    return json.loads(done.path("verdicts.json").read_bytes())


@pytest.fixture
def two_arms(evaluated):
    def make(share, other, seeds=(1, 2, 3)):
        return {
            arm: [
                run_of(evaluated(arm, seed, measured(right(value + seed / 500, 10 * seed + len(arm)))), seed)
                for seed in seeds
            ]
            for arm, value in (("one", share), ("other", other))
        }

    return make


def test_a_clear_difference_is_called_better_with_all_that_it_rests_on(bench, two_arms):
    done = bench.run(main, Kind.COMPARE, asking(two_arms(0.8, 0.5)))

    (verdict,) = verdicts_of(done)["verdicts"]
    assert (verdict["contrast"], verdict["task"], verdict["word"]) == ("question", "quiz", "better")
    assert verdict["n"] == ITEMS
    assert verdict["interval"]["low"] < verdict["effect"] < verdict["interval"]["high"]
    assert verdict["effect"] == pytest.approx(verdict["a"]["mean"] - verdict["b"]["mean"])
    assert [run["replicate"]["seed"] for run in verdict["a"]["runs"]] == ["1", "2", "3"]
    assert done.summary["verdicts"][0]["word"] == "better"


def test_every_figure_stands_beside_the_artifact_that_it_is_from(bench, two_arms):
    done = bench.run(main, Kind.COMPARE, asking(two_arms(0.8, 0.5)))

    run = verdicts_of(done)["verdicts"][0]["a"]["runs"][0]
    assert run["from"].startswith("evaluate/")
    assert run["lineage"]["training"].pop("from").startswith("train/")
    assert run["lineage"]["training"] == {"rows": 200, "tokens": 5000, "steps": 10}
    assert run["lineage"]["data"].pop("from").startswith("clean/")
    assert run["lineage"]["data"] == {"rows": 100}
    kinds = {ref.split("/")[0] for ref in done.record.provenance.inputs}
    assert kinds == {"evaluate", "train", "clean"}


def test_a_model_kept_on_the_way_was_trained_on_what_came_before_it(bench, evaluated):
    arms = {
        arm: [
            run_of(evaluated(arm, seed, measured(right(0.5, seed)), model={"checkpoint": {"rows": 40}}), seed)
            for seed in (1, 2, 3)
        ]
        for arm in ("one", "other")
    }
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    training = verdict["a"]["runs"][0]["lineage"]["training"]
    assert (training["rows"], training["steps"], "tokens" in training) == (40, 4, False)


def test_two_runs_are_too_few_for_a_word_about_data_but_not_about_two_models(bench, two_arms):
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(two_arms(0.8, 0.5, seeds=(1, 2)))))

    (verdict,) = document["verdicts"]
    assert verdict["word"] == "inconclusive"
    assert "needs at least 3" in verdict["reading"]
    assert [model["a"]["replicate"] for model in document["models"]] == [{"seed": "1"}, {"seed": "2"}]
    assert all(model["method"] == "exact McNemar" and model["p"] < 0.001 for model in document["models"])


def test_arms_that_share_no_replicate_are_compared_by_their_first_models(bench, evaluated):
    arms = {
        "one": [run_of(evaluated("one", 1, measured(right(0.8, 1))), 1)],
        "other": [
            {
                "coordinates": {},
                "replicate": {},
                "stages": {"benchmarks": evaluated("other", 0, measured(right(0.5, 2)))},
            }
        ],
    }
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))

    assert len(document["models"]) == 1


def test_bits_per_byte_weighs_documents_by_their_bytes(bench, evaluated):
    def bits(seed, better):
        rng = np.random.default_rng(seed)
        return measured(
            400 - better + rng.normal(0, 1, 40),
            task="held-out",
            weight=100.0,
            unit="bits per byte",
            higher_is_better=False,
            chance=None,
        )

    arms = {
        arm: [run_of(evaluated(arm, seed, bits(10 * seed + len(arm), better)), seed) for seed in (1, 2, 3)]
        for arm, better in (("one", 50), ("other", 0))
    }
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))

    (verdict,) = document["verdicts"]
    assert verdict["effect"] == pytest.approx(-0.5, abs=0.02)
    assert verdict["word"] == "better"
    assert document["models"][0]["method"].startswith("item bootstrap")


def at(dose, runs):
    return [run | {"coordinates": {"refused": dose}} for run in runs]


def test_where_both_arms_are_the_same_runs_nothing_is_compared_and_the_family_is_smaller(bench, two_arms):
    shared, apart = two_arms(0.6, 0.6)["one"], two_arms(0.8, 0.5, seeds=(4, 5, 6))
    arms = {arm: [*at("0", shared), *at("50", apart[arm])] for arm in ("one", "other")}
    contrasts = [
        {"name": "question", "a": "one", "b": "other"},
        {"name": "back", "a": "other", "b": "one"},
    ]
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms, contrasts=contrasts)))

    assert {verdict["coordinates"]["refused"] for verdict in document["verdicts"]} == {"50"}
    assert all(model["coordinates"] == {"refused": "50"} for model in document["models"])
    assert document["missing"] == []
    assert document["sameRuns"] == [
        {"contrast": "question", "a": "one", "b": "other", "coordinates": {"refused": "0"}},
        {"contrast": "back", "a": "other", "b": "one", "coordinates": {"refused": "0"}},
    ]


def test_a_contrast_of_an_arm_with_its_equal_takes_no_place_beside_another(bench, two_arms):
    arms = two_arms(0.8, 0.5)
    arms["twin"] = arms["one"]
    contrasts = [
        {"name": "question", "a": "one", "b": "other"},
        {"name": "nothing", "a": "one", "b": "twin"},
    ]
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms, contrasts=contrasts)))

    (verdict,) = document["verdicts"]
    assert verdict["adjustedP"] == verdict["p"]
    assert [one["contrast"] for one in document["sameRuns"]] == ["nothing"]


def test_arms_of_the_same_runs_stay_so_when_some_have_failed(bench, two_arms):
    kept, lost = (shared := two_arms(0.6, 0.6)["one"])[:2], shared[2:]
    missing = [{"arm": arm, **run} for arm in ("one", "other") for run in lost]
    document = verdicts_of(
        bench.run(main, Kind.COMPARE, asking({"one": kept, "other": kept}, missing=missing))
    )

    assert document["verdicts"] == []
    assert [one["contrast"] for one in document["sameRuns"]] == ["question"]


def test_arms_that_share_some_runs_are_compared(bench, two_arms):
    arms = two_arms(0.8, 0.5)
    arms["other"] = [arms["one"][0], *arms["other"][1:]]
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))

    assert len(document["verdicts"]) == 1
    assert document["sameRuns"] == []


def test_a_rate_without_a_good_direction_is_higher_or_lower(bench, evaluated):
    arms = {
        arm: [
            run_of(
                evaluated(
                    arm,
                    seed,
                    measured(right(share, seed + len(arm)), unit="share", higher_is_better=None, chance=None),
                ),
                seed,
            )
            for seed in (1, 2, 3)
        ]
        for arm, share in (("one", 0.2), ("other", 0.9))
    }
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert verdict["word"] == "lower"
    assert verdict["reading"].startswith("one is lower than other:")


def test_items_asked_with_another_prompt_are_not_paired(bench, evaluated, two_arms):
    arms = two_arms(0.8, 0.5)
    prompts = [f"another prompt {at}" for at in range(ITEMS)]
    arms["other"][0] = run_of(evaluated("other", 9, measured(right(0.5, 9), prompts=prompts)), 9)
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))

    assert document["verdicts"] == []
    (missing,) = document["missing"]
    assert "the prompt of id '0000' of task quiz differs" in missing["reason"]


def test_items_that_only_some_runs_have_are_left_out_and_counted(bench, evaluated, two_arms):
    arms = two_arms(0.8, 0.5)
    arms["one"][0] = run_of(evaluated("one", 9, measured(right(0.8, 9)[:150])), 9)
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert (verdict["n"], verdict["leftOut"]) == (150, 50)


def test_an_arm_of_which_nothing_finished_is_told(bench, two_arms):
    arms = two_arms(0.8, 0.5)
    lost = {"arm": "other", **arms["other"][0]}
    arms["other"] = []
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms, missing=[lost])))

    assert document["verdicts"] == []
    assert lost | {"reason": "its stage failed"} in document["missing"]
    assert {
        "contrast": "question",
        "task": "quiz",
        "coordinates": {},
        "reason": "no run of other has finished",
    } in (document["missing"])


def test_what_could_not_be_answered_keeps_its_place_in_the_family(bench, evaluated, two_arms):
    arms = two_arms(0.58, 0.5)
    alone = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"][0]
    more = [{"name": "question", "a": "one", "b": "other"}, {"name": "lost", "a": "one", "b": "gone"}]
    (beside,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms | {"gone": []}, contrasts=more)))[
        "verdicts"
    ]

    assert beside["p"] == alone["p"]
    assert beside["adjustedP"] == pytest.approx(min(1, 2 * alone["p"]))


def test_a_point_at_which_a_whole_arm_failed_is_told_and_keeps_its_place(bench, evaluated):
    one = [
        run_of(evaluated("one", seed, measured(right(0.58, 10 * seed))), seed, size=size)
        for size in ("large", "small")
        for seed in (1, 2, 3)
    ]
    other = [
        run_of(evaluated("other", seed, measured(right(0.5, 10 * seed + 5))), seed, size="small")
        for seed in (1, 2, 3)
    ]
    lost = [
        {"arm": arm, **run_of(f"evaluate/{seed}", seed, size=size)}
        for arm, size in (("other", "large"), ("third", "small"))
        for seed in (1, 2, 3)
    ]
    contrasts = [{"name": "question", "a": "one", "b": "other"}, {"name": "more", "a": "one", "b": "third"}]
    spec = asking({"one": one, "other": other, "third": []}, missing=lost, contrasts=contrasts)
    document = verdicts_of(bench.run(main, Kind.COMPARE, spec))

    (verdict,) = document["verdicts"]
    assert verdict["coordinates"] == {"size": "small"}
    assert verdict["adjustedP"] == pytest.approx(min(1, 2 * verdict["p"]))
    told = [(one["contrast"], one["coordinates"], one["reason"]) for one in document["missing"][len(lost) :]]
    assert told == [
        ("question", {"size": "large"}, "no run of other has finished"),
        ("more", {"size": "small"}, "no run of third has finished"),
    ]
    assert all(one["reason"] for one in document["missing"])


def test_the_primary_is_tested_first_and_the_others_wait_for_it(bench, evaluated):
    arms = {
        arm: [
            run_of(
                evaluated(
                    arm,
                    seed,
                    measured(right(0.5, 10 * seed + len(arm))),
                    measured(right(share, 20 * seed + len(arm)), task="second"),
                ),
                seed,
            )
            for seed in (1, 2, 3)
        ]
        for arm, share in (("one", 0.9), ("other", 0.4))
    }
    primary = {"contrast": "question", "task": "quiz"}
    quiz, second = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms, primary=primary)))["verdicts"]

    assert (quiz["primary"], second["primary"]) == (True, False)
    assert second["p"] < 0.05 < second["adjustedP"]
    assert second["exploratory"]


def test_arms_are_compared_within_each_value_of_a_factor(bench, evaluated):
    arms = {
        arm: [
            run_of(
                evaluated(f"{arm}-{size}", seed, measured(right(share, 10 * seed + len(arm)))),
                seed,
                size=size,
            )
            for size in ("small", "large")
            for seed in (1, 2, 3)
        ]
        for arm, share in (("one", 0.8), ("other", 0.5))
    }
    verdicts = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert [verdict["coordinates"] for verdict in verdicts] == [{"size": "large"}, {"size": "small"}]


def test_an_arm_without_the_factor_is_compared_with_each_of_its_values(bench, evaluated, two_arms):
    arms = two_arms(0.8, 0.5)
    arms["one"] = [
        run_of(evaluated(f"one-{size}", seed, measured(right(0.8, seed))), seed, size=size)
        for size in ("small", "large")
        for seed in (1, 2, 3)
    ]
    verdicts = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert [verdict["coordinates"] for verdict in verdicts] == [{"size": "large"}, {"size": "small"}]


def test_of_several_checkpoints_the_last_stands_for_the_run(bench, evaluated):
    def both(share, seed):
        return measured(right(share, seed)), measured(right(0.1, seed), checkpoint="epoch-0.5")

    arms = {
        arm: [run_of(evaluated(arm, seed, *both(share, 10 * seed + len(arm))), seed) for seed in (1, 2, 3)]
        for arm, share in (("one", 0.8), ("other", 0.5))
    }
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert verdict["a"]["mean"] > 0.6


def test_the_verdicts_are_canonical_and_do_not_depend_on_the_order_of_runs(bench, two_arms):
    arms = two_arms(0.8, 0.5)
    one = bench.run(main, Kind.COMPARE, asking(arms)).path("verdicts.json").read_bytes()
    turned = {arm: runs[::-1] for arm, runs in reversed(arms.items())}
    other = bench.run(main, Kind.COMPARE, asking(turned)).path("verdicts.json").read_bytes()

    assert one == other == canonical_json(json.loads(one))


def three_seeds(evaluated, one, other, **more):
    """Two arms of three seeds; `one` and `other` give a seed's scores."""
    return {
        arm: [run_of(evaluated(arm, seed, measured(scores(seed), **more)), seed) for seed in (1, 2, 3)]
        for arm, scores in (("one", one), ("other", other))
    }


def test_the_paper_s_15_against_20_of_164_is_inconclusive_and_says_how_many_problems_it_would_take(
    bench, evaluated
):
    with_refusals = np.repeat([1, 0, 1, 0], [2, 18, 13, 131])
    without = np.repeat([1, 1, 0, 0], [2, 18, 13, 131])
    arms = {
        arm: [run_of(evaluated(arm, 1, measured(scores)), 1)]
        for arm, scores in (("one", with_refusals), ("other", without))
    }
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))

    (verdict,), (model,) = document["verdicts"], document["models"]
    assert (verdict["word"], verdict["interval"], verdict["n"]) == ("inconclusive", None, 164)
    assert (verdict["higherA"], verdict["higherB"]) == (13, 18)
    assert (model["word"], model["onlyA"], model["onlyB"], model["n"]) == ("inconclusive", 13, 18, 164)
    assert model["interval"]["low"] < -5 / 164 < 0 < model["interval"]["high"]
    assert model["problemsNeeded"] == 1594


def test_graded_scores_of_two_models_have_a_bootstraps_interval_and_a_permutations_p(bench, evaluated):
    rng = np.random.default_rng(0)
    arms = three_seeds(
        evaluated, lambda _: rng.random(60) + 0.4, lambda _: rng.random(60), unit="F1", chance=None
    )
    model = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["models"][0]

    assert model["method"].startswith("item bootstrap")
    assert model["permutationP"] == pytest.approx(1e-4)
    assert (model["word"], model["problemsNeeded"]) == ("better", None)


def test_a_task_in_parts_is_told_part_by_part_and_judged_within_them(bench, evaluated):
    ids = [f"{part}/{at:03}" for part in ("algebra", "law") for at in range(ITEMS // 2)]

    def scores(seed, *, algebra, law):
        half = ITEMS // 2
        return np.concatenate([right(algebra, seed, half), right(law, seed, half)])

    arms = three_seeds(
        evaluated,
        lambda seed: scores(seed, algebra=0.9, law=0.5),
        lambda seed: scores(10 + seed, algebra=0.5, law=0.5),
        ids=ids,
    )
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert [(group["group"], group["n"]) for group in verdict["groups"]] == [("algebra", 100), ("law", 100)]
    assert verdict["groups"][0]["effect"] > 0.3 > abs(verdict["groups"][1]["effect"])
    assert verdict["effect"] == pytest.approx(np.mean([group["effect"] for group in verdict["groups"]]))


def test_the_items_on_which_either_arm_is_ahead_are_named_those_that_differ_most_first(bench, evaluated):
    ids = [f"item {at:02}" for at in range(60)]

    def scores(seed, *, strong):
        found = np.zeros(60)
        found[:40] = strong  # on 40 items only one arm is right, on one of them in all its runs but the first
        found[5] = strong and seed != 1
        found[50] = not strong
        return found

    arms = three_seeds(
        evaluated,
        lambda seed: scores(seed, strong=True),
        lambda seed: scores(seed, strong=False),
        ids=ids,
    )
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    assert (verdict["higherA"], verdict["higherB"]) == (40, 1)
    assert verdict["flips"]["b"] == ["item 50"]
    assert verdict["flips"]["a"] == [f"item {at:02}" for at in (*range(5), *range(6, 21))]


def test_items_weighed_by_their_part_make_the_mean_over_parts(bench, evaluated):
    large, small = [f"large/{at:03}" for at in range(90)], [f"small/{at:03}" for at in range(10)]

    def macro(seed, share):
        """Nothing of the large part is solved, and such a share of the small one."""
        solved = np.arange(10) < 10 * share
        solved[seed] = not solved[seed]
        rows = [
            Outcome(
                doc_id=name,
                doc_hash=name,
                prompt_hash=name,
                target_hash="target",
                prediction="A",
                outcome=float(score) / size,
                weight=1 / size,
            )
            for names, scores, size in ((large, [0.0] * 90, 90), (small, solved, 10))
            for name, score in zip(names, scores, strict=True)
        ]
        return Measured(
            task="quiz",
            checkpoint="final",
            outcomes=tuple(rows),
            unit="accuracy",
            higher_is_better=True,
            chance=None,
        )

    arms = {
        arm: [run_of(evaluated(arm, seed, macro(seed, share)), seed) for seed in (1, 2, 3)]
        for arm, share in (("one", 0.9), ("other", 0.5))
    }
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    large_part, small_part = verdict["groups"]
    assert (large_part["a"], large_part["effect"]) == (0.0, 0.0)
    assert small_part["a"] == pytest.approx(0.8)
    assert verdict["a"]["mean"] == pytest.approx(0.4)
    assert verdict["effect"] == pytest.approx(small_part["effect"] / 2)


def test_items_that_ask_the_same_are_judged_again_as_one(bench, evaluated):
    prompts = [f"prompt {at // 20}" for at in range(ITEMS)]
    hard = np.random.default_rng(1).normal(0, 0.3, 10)

    def scores(seed, shift):
        rng = np.random.default_rng(seed)
        return np.repeat(hard * shift, 20) + rng.normal(0, 0.05, ITEMS) + rng.normal(0, 0.01)

    arms = three_seeds(
        evaluated,
        lambda seed: scores(seed, 1.0),
        lambda seed: scores(10 + seed, 0.0),
        prompts=prompts,
        unit="F1",
        chance=None,
    )
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    tied = verdict["tiedPrompts"]
    assert tied["prompts"] == 10
    assert tied["interval"]["high"] - tied["interval"]["low"] > 2 * (
        verdict["interval"]["high"] - verdict["interval"]["low"]
    )
    assert (tied["interval"]["low"] + tied["interval"]["high"]) / 2 == pytest.approx(verdict["effect"])


def test_items_with_prompts_of_their_own_are_tied_to_none(bench, two_arms):
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(two_arms(0.8, 0.5))))["verdicts"]

    assert verdict["tiedPrompts"] is None


def test_how_long_documents_are_does_not_widen_the_interval_of_what_a_byte_of_them_costs(bench, evaluated):
    """Bits per byte are a ratio of sums: documents that all cost the same per byte vary in length alone."""
    rng = np.random.default_rng(5)
    lengths = np.exp(rng.normal(6, 1.2, 100))

    def coded(seed, rate):
        noise = np.random.default_rng(seed).normal(0, 0.01, lengths.size)
        rows = [
            Outcome(
                doc_id=f"{at:03}",
                doc_hash=f"doc {at}",
                prompt_hash="",
                target_hash="target",
                prediction="",
                outcome=float(length * (rate + one + 0.001 * seed)),
                weight=float(length),
            )
            for at, (length, one) in enumerate(zip(lengths, noise, strict=True))
        ]
        return Measured(
            task="text",
            checkpoint="final",
            outcomes=tuple(rows),
            unit="bits per byte",
            higher_is_better=False,
        )

    arms = {
        arm: [run_of(evaluated(arm, seed, coded(seed, rate)), seed) for seed in (1, 2, 3)]
        for arm, rate in (("one", 0.9), ("other", 1.2))
    }
    (verdict,) = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))["verdicts"]

    low, high = verdict["interval"]["low"], verdict["interval"]["high"]
    assert low < verdict["effect"] < high
    assert verdict["effect"] == pytest.approx(-0.3, abs=0.01)
    assert high - low < 0.02  # by lengths alone it would be a fifth


def test_runs_that_measured_differently_are_not_compared(bench, evaluated):
    units = {"one": {"unit": "accuracy"}, "other": {"unit": "perplexity", "higher_is_better": False}}
    arms = {
        arm: [run_of(evaluated(arm, seed, measured(right(0.5, seed), **how)), seed) for seed in (1, 2, 3)]
        for arm, how in units.items()
    }
    document = verdicts_of(bench.run(main, Kind.COMPARE, asking(arms)))

    assert document["verdicts"] == []
    assert "did not measure the same: unit of task quiz is" in document["missing"][0]["reason"]
