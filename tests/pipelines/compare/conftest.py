"""Arms at several doses, and expressions over stages: what dose and derived comparisons are asked of."""

import json
from dataclasses import replace

import numpy as np
import pytest

from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import OUTCOMES
from assay_pipelines.compare.__main__ import main
from assay_pipelines.outcomes import Measured, Outcome, summary, write_outcomes

ITEMS = 60
DOSES = (0.0, 100.0, 200.0, 1000.0)
SEEDS = (1, 2, 3)


def _far(dose):
    return 0.5


@pytest.fixture
def asked(bench, tmp_path):
    """Compare what is described, and return the verdicts' document."""

    def asked(comparison, arms, missing=()):
        common = {"name": "main", "family": "holm", "alpha": 0.05, "margin": 0.01, "margins": []}
        spec = {
            "comparison": common | comparison,
            "arms": [{"arm": arm, "runs": runs} for arm, runs in arms.items()],
            "missing": list(missing),
        }
        return json.loads(bench.run(main, Kind.COMPARE, spec).path("verdicts.json").read_bytes())

    return asked


@pytest.fixture
def curve(bench, tmp_path):
    """Make an arm of several seeds, each evaluated at every dose; `share` gives the score at one, `distance` a divergence."""

    def curve(arm, share, *, distance=_far, unit="share", seeds=SEEDS, doses=DOSES):
        runs = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            hard = rng.normal(0, 0.05, ITEMS)
            for dose in doses:
                luck = rng.normal(0, 0.001)
                rows = tuple(
                    Outcome(
                        doc_id=f"{at:02}",
                        doc_hash=f"{at}",
                        prompt_hash=f"{at}",
                        target_hash="",
                        prediction="",
                        outcome=share(dose) + luck + hard[at],
                    )
                    for at in range(ITEMS)
                )
                one = Measured(
                    task="positivity", checkpoint="final", outcomes=rows, unit=unit, higher_is_better=None
                )
                away = [replace(row, outcome=distance(dose) * (1 + 0.05 * seed)) for row in rows]
                two = Measured(
                    task="kl",
                    checkpoint="final",
                    outcomes=tuple(away),
                    unit="nats per token",
                    higher_is_better=False,
                )
                folder = tmp_path / f"{arm}-{seed}-{dose}"
                folder.mkdir()
                write_outcomes(folder / OUTCOMES, [one, two])
                ref = bench.done(
                    Kind.EVALUATE, {"arm": arm, "seed": seed, "dose": dose}, folder, **summary([one, two])
                )
                runs.append(
                    {
                        "dose": dose,
                        "coordinates": {"negatives": f"{dose:g}"},
                        "replicate": {"seed": str(seed)},
                        "stages": {"sentiment": ref},
                    }
                )
        return runs

    return curve


@pytest.fixture
def resisting(bench):
    """Make an arm's runs, a seed for each pair of a training's loss and an evaluation's bits."""

    def resisting(arm, *pairs):
        return [
            {
                "coordinates": {},
                "replicate": {"seed": str(seed)},
                "stages": {
                    "forward-12": bench.done(Kind.TRAIN, {"arm": arm, "seed": seed}, trainingLoss=loss),
                    "inverse-12": bench.done(
                        Kind.EVALUATE, {"arm": arm, "seed": seed}, tasks={"bits": {"final": {"score": bits}}}
                    ),
                },
            }
            for seed, (loss, bits) in enumerate(pairs, 1)
        ]

    return resisting
