"""How often verdicts about data are wrong, and how often they see what was planned: `python benchmarks/evaluation_gate.py`.

Seeded simulations of two arms that do not differ, over 3 to 10 runs and 164 to 14,042 items, graded and right-or-wrong,
with variance between runs above zero; and of two that differ by what the plan says is seen four times in five. A share
may exceed its nominal value by three standard errors of the simulation. An argument scales the number of experiments.
"""

import math
import sys

import numpy as np
from _goals import end

from assay.statistics.models import mcnemar
from assay.statistics.power import Design, minimum_detectable_difference
from assay.statistics.runs import difference
from assay.statistics.scores import Arm

RUNS = ((3, 3), (3, 5), (3, 10), (5, 5), (10, 10))
SIZES = {164: 4000, 2000: 1500, 14042: 300}  # items → experiments
RUN_SDS = (0.005, 0.01, 0.03)
REST, TILT = 0.3, 0.2  # standard deviations of run x item, and of arm x item


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    goals = []
    for items, times in SIZES.items():
        count = max(50, int(times * scale))
        for runs in RUNS:
            for sd in RUN_SDS:
                wrong = share(count, lambda rng, runs=runs, items=items, sd=sd: graded(rng, runs, items, sd))
                seen = share(
                    count,
                    lambda rng, runs=runs, items=items, sd=sd: graded(rng, runs, items, sd, detectable=True),
                )
                print(
                    f"graded, {items} items, {runs[0]} and {runs[1]} runs, run SD {sd}:"
                    f" {wrong:.1%} wrong, {seen:.1%} of the detectable seen ({count} experiments)"
                )
                goals.append((f"graded {items} {runs} {sd}: at most 5 % wrong", at_most(wrong, 0.05, count)))
                if runs[0] == runs[1]:
                    goals.append(
                        (
                            f"graded {items} {runs} {sd}: 80 % seen, less at most 5 points",
                            near(seen, 0.8, count),
                        )
                    )
            wrong = share(count, lambda rng, runs=runs, items=items: binary(rng, runs, items))
            print(f"right or wrong, {items} items, {runs[0]} and {runs[1]} runs: {wrong:.1%} wrong")
            goals.append((f"right or wrong {items} {runs}: at most 5 % wrong", at_most(wrong, 0.05, count)))
    rng = np.random.default_rng(9)
    pairs = (binary(rng, (1, 1), 14042, 0.05) for _ in range(300))
    pooled = np.mean([mcnemar(a.items[0], b.items[0]).p <= 0.05 for a, b in pairs])
    print(f"for comparison, McNemar of one run each, taken for a verdict about data: {pooled:.1%} wrong")
    end(goals)


def share(times, make):
    """How often an experiment's p is at most 0.05."""
    rng = np.random.default_rng(20240601)
    return sum(difference(*make(rng)).p_different() <= 0.05 for _ in range(times)) / times


def at_most(found, nominal, times):
    return found <= nominal + 3 * math.sqrt(nominal * (1 - nominal) / times)


def near(found, nominal, times):
    """Up to 5 points may be lost: the plan takes the items' part as known."""
    return found >= nominal - 0.05 - 3 * math.sqrt(nominal * (1 - nominal) / times)


def graded(rng, runs, items, run_sd, *, detectable=False):
    """Two arms of graded scores that do not differ, or differ by what their design can show."""
    shift = 0.0
    if detectable:
        design = Design(
            runs_a=runs[0],
            runs_b=runs[1],
            run_sd=math.sqrt(run_sd**2 + REST**2 / items),
            items=items,
            item_sd=TILT,
            residual_sd=REST,
        )
        shift = minimum_detectable_difference(design)
    difficulty = rng.normal(0, 0.4, items)
    arms = []
    for count, moved in zip(runs, (shift, 0.0), strict=True):
        own = difficulty + rng.normal(moved, TILT / math.sqrt(2), items)
        arms.append(own + rng.normal(0, run_sd, (count, 1)) + rng.normal(0, REST, (count, items)))
    return Arm.of_items("a", arms[0]), Arm.of_items("b", arms[1])


def binary(rng, runs, items, run_sd=0.05):
    """Two arms of right and wrong answers that do not differ; spreads in logits, a run SD of about a point."""
    difficulty = rng.normal(-0.5, 1.5, items)
    arms = []
    for count in runs:
        logits = difficulty + rng.normal(0, 0.2, items) + rng.normal(0, run_sd, (count, 1))
        arms.append(rng.random((count, items)) < 1 / (1 + np.exp(-logits)))
    return Arm.of_items("a", arms[0]), Arm.of_items("b", arms[1])


if __name__ == "__main__":
    main()
