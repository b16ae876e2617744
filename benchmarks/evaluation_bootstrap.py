"""How long the paired bootstrap takes: `python benchmarks/evaluation_bootstrap.py`. 14,042 items, 6 arms, 10,000 resamples.

Six arms are five contrasts against the first. Right-or-wrong scores, graded ones of few values (as a mean of three
runs), and scores that are all different, which are the slowest; with scipy's own bootstrap of one contrast beside them.
"""

import time

import numpy as np
from _goals import end
from scipy import stats

from assay.statistics.models import Bootstrap, item_bootstrap

ITEMS, ARMS = 14_042, 6
HOW = Bootstrap(resamples=10_000)


def main() -> None:
    draw = np.random.default_rng(0)
    solved = (draw.random((ARMS, 3, ITEMS)) < draw.beta(1, 1, ITEMS)).astype(float)
    kinds = {
        "right or wrong": solved[:, 0],
        "means of three runs": solved.mean(axis=1),
        "all different": solved.mean(axis=1) + draw.normal(0, 0.1, (ARMS, ITEMS)),
        "right or wrong, in 57 subjects": solved[:, 0],
    }
    goals = []
    for name, arms in kinds.items():
        groups = [f"{at % 57:02}" for at in range(ITEMS)] if "subjects" in name else None
        start = time.process_time()
        for arm in arms[1:]:
            item_bootstrap(arms[0], arm, rng=np.random.default_rng(1), groups=groups, how=HOW)
        took = time.process_time() - start
        print(f"{name}: {took:.2f} s of one core")
        goals.append((f"{name}: at most 10 s", took <= 10))
    start = time.process_time()
    gaps = kinds["all different"][0] - kinds["all different"][1]
    stats.bootstrap((gaps,), np.mean, n_resamples=10_000, batch=100, method="percentile", rng=draw)
    print(f"scipy's percentile bootstrap of one contrast: {time.process_time() - start:.2f} s")
    end(goals)


if __name__ == "__main__":
    main()
