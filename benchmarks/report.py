"""How large a report of 100 arms is, and how fast it opens: `python benchmarks/report.py [FOLDER to keep the page in]`.

100 arms of three seeds, each with data of its own cleaned in ten steps, are evaluated on four tasks, two of them made of
57 and 27 parts, and each is compared with the first. Scores are drawn at random; records and verdicts are made of them by
the programs' own code and lie in a store, from which the report is made as `assay report` makes it.
"""

import sys
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from _browser import browser, seconds_to_open
from _goals import end

from assay.api.compare import Comparison
from assay.artifacts.canonical import canonical_json
from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import VERDICTS
from assay.plan.plan import Plan
from assay.report.write import write_report
from assay.stores.folder import FolderStore
from assay_pipelines.compare.scores import Item, TaskScore
from assay_pipelines.compare.verdicts import judge
from bench import Bench
from builders import a_pipeline, a_plan
from scored import runs_of

ARMS = 100
AT_ONCE = 50  # contrasts of a comparison
SEEDS = [1, 2, 3]
STEPS = ("alternation", "shortInput", "lowAverage", "repeatedQueries", "mixedLanguage", "languages",
         "exactDuplicates", "duplicateSubstrings", "nearDuplicates", "refusals")  # fmt: skip
TASKS = {"mmlu": (57, 5, 0.25), "bbh": (27, 5, None), "drop": (1, 100, None), "gsm8k": (1, 164, None)}
GOAL_MIB = 10
GOAL_SECONDS = 2
GOAL_BUILD_SECONDS = 5


def main() -> None:
    plan = planned()
    with tempfile.TemporaryDirectory() as kept:
        store = FolderStore(Path(kept) / "store")
        recorded(plan, Bench(store=store, folder=Path(kept)))
        start, busy = time.perf_counter(), time.process_time()
        report = write_report(plan, store)
        wrote, busy = time.perf_counter() - start, time.process_time() - busy
        again = write_report(plan, store)
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(kept)
        page = folder / "report.html"
        page.write_text(report.html)
        size = page.stat().st_size / 2**20
        questions = sum(len(document["verdicts"]) for document in report.data["comparisons"])
        print(
            f"{ARMS} arms, {len(plan.stages)} stages, {questions} verdicts: read and written in {wrote:.1f} s,"
            f" {busy:.1f} s of them on the processor"
        )
        print(f"page: {size:.2f} MiB")
        goals = [
            (f"the page is at most {GOAL_MIB} MiB", size <= GOAL_MIB),
            ("the same records make the same bytes", report.html == again.html),
            (f"it is read and written within {GOAL_BUILD_SECONDS} s", wrote <= GOAL_BUILD_SECONDS),
        ]
        command = browser()
        if command is None:
            start = time.perf_counter()
            HTMLParser().feed(report.html)
            print(
                f"no Chromium here, so nothing opened it; Python parses it in {time.perf_counter() - start:.1f} s"
            )
        else:
            took, bare = seconds_to_open(command, page, Path(kept))
            print(
                f"opened and drawn in {took:.2f} s, beyond the {bare:.2f} s that the browser takes to start"
            )
            goals.append((f"it opens within {GOAL_SECONDS} s", took <= GOAL_SECONDS))
        end(goals)


def planned() -> Plan:
    """Plan an experiment of so many arms, each compared with the first."""
    cleaned, trained, *_ = a_pipeline()
    scores = {"name": "scores", "evaluate": {"model": {"from": "sft"}, "tasks": [
        {"name": name, "harness": {}} for name in TASKS]}}  # fmt: skip
    names = [f"without-topic-{number:03}" for number in range(ARMS)]
    arms = [
        {
            "name": name,
            "stages": [{"name": "cleaned", "clean": {"steps": [{"shortInput": {"minWords": at + 1}}]}}],
        }
        for at, name in enumerate(names)
    ]
    contrasts = [{"name": f"topic-{at:03}", "a": name, "b": names[0]} for at, name in enumerate(names) if at]
    return a_plan(
        pipeline=[cleaned, trained, scores],
        arms=arms,
        matrix=[{"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": SEEDS}],
        compare=[
            {
                "name": f"topics-{at // AT_ONCE + 1}",
                "stage": "scores",
                "contrasts": contrasts[at : at + AT_ONCE],
            }
            for at in range(0, len(contrasts), AT_ONCE)
        ],
    )


def recorded(plan: Plan, bench: Bench) -> None:
    """Record every stage as done."""
    rng = np.random.default_rng(1)
    scored: dict[str, dict[str, dict[str, TaskScore]]] = {}
    for stage in plan.stages:
        match stage.kind:
            case Kind.CLEAN:
                bench.finish(stage.document, **a_cleaning_summary(rng))
            case Kind.TRAIN:
                bench.finish(stage.document, **a_training_summary(rng))
            case Kind.EVALUATE:
                found = scored[str(stage.ref)] = {task: {"final": drawn(rng, task)} for task in TASKS}
                bench.finish(
                    stage.document, tasks={task: {"final": told(one["final"])} for task, one in found.items()}
                )
            case Kind.COMPARE:
                files = bench.folder / stage.label.replace("/", "-")
                files.mkdir()
                (files / VERDICTS).write_bytes(canonical_json(judged(stage.document.spec, scored)))
                bench.finish(stage.document, files)
            case other:
                raise AssertionError(other)


def drawn(rng: np.random.Generator, task: str) -> TaskScore:
    """Draw one run's answers; hard items are hard for every run."""
    parts, each, chance = TASKS[task]
    difficulty = np.random.default_rng(len(task)).random(parts * each)
    noise = rng.normal(rng.normal(0, 0.02), 0.2, parts * each)
    outcomes = np.round(np.clip(1 - difficulty + noise, 0, 1))
    items = {
        f"part {at // each}/{at}" if parts > 1 else f"{at}": Item(
            doc_hash=f"{at}", prompt_hash=f"{at}", outcome=float(outcome), weight=1.0
        )
        for at, outcome in enumerate(outcomes)
    }
    return TaskScore(items=items, unit="accuracy", higher_is_better=True, chance=chance)


def told(scored: TaskScore) -> dict:
    score = float(np.mean([item.outcome for item in scored.items.values()]))
    return {"score": score, "n": len(scored.items), "unit": scored.unit, "chance": scored.chance}


def judged(spec: dict, scored: dict) -> dict:
    """Compare what was drawn, as the program of compare stages does."""
    comparison = Comparison.model_validate(spec["comparison"])
    training = {"rows": 9000, "tokens": 4_000_000, "steps": 70, "from": "train/"}
    runs = runs_of(spec, scored, lineage={"training": training})
    return {"comparison": spec["comparison"], **judge(comparison, runs, ())}


def a_cleaning_summary(rng: np.random.Generator) -> dict:
    sources = {"chats": {"in": 10_000, "rejected": 12}, "guanaco": {"in": 2_000, "rejected": 0}}
    left, steps = {"chats": 9_988, "guanaco": 2_000}, []
    for kind in STEPS:
        dropped = {name: int(rng.integers(0, 1 + rows // 20)) for name, rows in left.items()}
        counts = {
            name: {"in": rows, "dropped": dropped[name], "setAside": 0, "changed": 0}
            for name, rows in left.items()
        }
        left = {name: rows - dropped[name] for name, rows in left.items()}
        total = {
            key: sum(each[key] for each in counts.values())
            for key in ("in", "dropped", "setAside", "changed")
        }
        steps.append({"name": kind, "kind": kind, **total, "out": sum(left.values()), "sources": counts})
    return {"rows": sum(left.values()), "sources": sources, "steps": steps, "splits": {}}


def a_training_summary(rng: np.random.Generator) -> dict:
    losses = (3 * np.exp(-np.arange(48) / 20) + rng.random(48) / 5 + 1).tolist()
    curve = {"step": list(range(1, 49)), "loss": losses}
    return {
        "rows": 9000,
        "tokens": 4_000_000,
        "steps": 48,
        "trainingLoss": 1.2,
        "parameters": 10**9,
        "curve": curve,
    }


if __name__ == "__main__":
    main()
