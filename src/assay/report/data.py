"""The report's figures, each beside the artifact that it came from. No time in it: the same records, the same bytes."""

from collections.abc import Iterable, Mapping
from statistics import stdev
from typing import Any

from assay.api.profile import Prices
from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import FINAL
from assay.plan.plan import Member, Plan, PlannedStage
from assay.plan.unsafe import unsafe_sources
from assay.report.alike import Classes, differences
from assay.report.arms import arm_differences
from assay.report.contamination import contamination, told
from assay.report.lines import ANSWERS
from assay.report.opening import opening
from assay.report.published import of_contrasts, of_score
from assay.report.work import work
from assay.statistics.words import NOT_COMPARABLE
from assay.stores.registered import Registration, asked

Plain = dict[str, Any]


def report_data(
    plan: Plan,
    records: Mapping[ArtifactRef, Record],
    verdicts: Mapping[ArtifactRef, Plain],
    registered: Mapping[str, Registration] | None = None,
    prices: Prices | None = None,
) -> Plain:
    """Gather everything that the page shows; `verdicts` are the documents of the compare stages that are done.

    `registered` are the comparisons of the experiment's approved plans; none where no plan was approved. `prices` are whose asks.
    """
    classes = {ref: record.provenance.environment for ref, record in records.items()}
    unsafe = unsafe_sources(plan.stages)
    documents = {
        stage.ref: {
            **_comparison(plan, verdicts[stage.ref], classes),
            "registration": _registration(stage, registered or {}),
            "from": str(stage.ref),
        }
        for stage in plan.stages
        if stage.ref in verdicts
    }
    return {
        "experiment": plan.experiment,
        "questions": opening(plan, records, documents),
        "published": of_contrasts(plan, documents, registered or {}),
        "arms": arm_differences(plan),
        "stages": [
            {**_stage(stage, records.get(stage.ref)), "unsafe": list(unsafe.get(stage.ref, ()))}
            for stage in plan.stages
        ],
        "comparisons": list(documents.values()),
        "scores": _scores(plan, records),
        "trainings": [
            {
                **_told(stage),
                **_figures(
                    records[stage.ref], ("rows", "tokens", "steps", "trainingLoss", "parameters", "curve")
                ),
                "speeds": _speeds(records[stage.ref].provenance.figures),
                "unsafe": list(unsafe.get(stage.ref, ())),
            }
            for stage in plan.stages
            if stage.kind is Kind.TRAIN and stage.ref in records
        ],
        "cleanings": [
            {
                **_told(stage),
                **_figures(records[stage.ref], ("rows", "sources", "steps", "splits")),
                "warnings": warnings(records[stage.ref]),
                "unsafe": list(unsafe.get(stage.ref, ())),
            }
            for stage in plan.stages
            if stage.kind is Kind.CLEAN and stage.ref in records
        ],
        "work": work(plan, records, prices),
        "notes": list(plan.notes),
    }


def _registration(stage: PlannedStage, registered: Mapping[str, Registration]) -> Plain | None:
    """Say whether a comparison was asked before any of its answers was there; None where no plan was ever approved."""
    if not registered:
        return None
    found = registered.get(asked(stage.document.spec))
    if found is None:
        return {"exploratory": True, "told": "exploratory: it is not what was approved"}
    if found.results:
        return {
            "exploratory": True,
            "told": f"exploratory: {found.results} of its results were there when it was approved",
        }
    return {"exploratory": False, "told": "registered before any of its results was there"}


def warnings(record: Record) -> list[str]:
    """Say what is done and can hardly be meant: a clean stage that could not read files to their ends, or anything of a source, or kept nothing at all."""
    if record.identity.kind is not Kind.CLEAN:
        return []
    summary = record.outputs.summary
    told = [
        f"0 of {source['in']} rows of source {name} could be read"
        for name, source in summary["sources"].items()
        if source["in"] and source["rejected"] == source["in"]
    ]
    told += [
        f"{number} {'file' if number == 1 else 'files'} of source {name} could not be read to the end, and nobody knows how many rows are"
        " missing: assay ledger --step intake names them"
        for name, source in summary["sources"].items()
        if (number := source.get("brokenFiles", 0))
    ]
    if not summary["rows"] and not any(summary["splits"].values()):
        told.append(f"0 of {sum(source['in'] for source in summary['sources'].values())} rows kept")
    return told


# What documents lack that an older version wrote: plans that are done are still reported.
_SINCE: Plain = {"models": [], "sameRuns": [], **{kind: [] for kind in ANSWERS}}
_SINCE_IN_VERDICTS: Plain = {
    "higherA": None,
    "higherB": None,
    "groups": [],
    "tiedPrompts": None,
    "flips": None,
}
_SINCE_IN_CURVES: Plain = {
    "scale": "probability",
    "ratio": None,
    "fit": None,
    "nearest": None,
    "otherScale": None,
}
_SINCE_IN_MODELS: Plain = {"word": "", "reading": "", "permutationP": None, "problemsNeeded": None}


def _comparison(plan: Plan, document: Plain, classes: Classes) -> Plain:
    """A comparison's document, with what is missing told for people, and each verdict beside the noise and whether its runs were made alike."""
    missing = [
        {**item, "told": plan.told(f"{_subject(item)}: {item['reason']}")} for item in document["missing"]
    ]
    whole = {**_SINCE, **document, "missing": missing}
    whole["sameRuns"] = [{**item, "told": _same(item)} for item in whole["sameRuns"]]
    anyhow = document["comparison"].get("environments") == "any"

    def alike(item: Plain, runs: Iterable[Plain], who: str) -> Plain:
        refs = (ref for run in runs for ref in run.get("curve", [run["from"]]))
        unlike = differences(plan, classes, refs)
        if not unlike or anyhow:
            return {**item, "unlike": unlike}
        reading = f"{who} were not made alike, so that they may differ by more than their data."
        return {**item, "unlike": unlike, "word": NOT_COMPARABLE, "reading": reading}

    return {
        **whole,
        "verdicts": [
            alike(
                {**_SINCE_IN_VERDICTS, **item, **{side: _with_noise(item[side]) for side in ("a", "b")}},
                (*item["a"]["runs"], *item["b"]["runs"]),
                f"{item['a']['arm']} and {item['b']['arm']}",
            )
            for item in whole["verdicts"]
        ],
        "models": [{**_SINCE_IN_MODELS, **item} for item in whole["models"]],
        "curves": [
            alike(
                {**_SINCE_IN_CURVES, **item},
                (run for point in item["points"] for run in point["runs"]),
                f"The runs of {item['arm']}",
            )
            for item in whole["curves"]
        ],
        "derived": [
            alike(
                item,
                (found for run in item["runs"] for found in run["figures"].values()),
                f"The runs of {item['arm']}",
            )
            for item in whole["derived"]
        ],
        "trends": [
            alike(
                item,
                (
                    found
                    for point in item["points"]
                    for run in point["runs"]
                    for found in run["figures"].values()
                ),
                f"The runs of {item['arm']}",
            )
            for item in whole["trends"]
        ],
    }


def _with_noise(side: Plain) -> Plain:
    return {**side, "noise": _noise(side["runs"])}


def _noise(runs: list[Plain]) -> float | None:
    """The standard deviation between the runs of one arm; None where there is but one."""
    return stdev(run["score"] for run in runs) if len(runs) > 1 else None


def _subject(missing: Plain) -> str:
    """What is missing: a question that has no answer, or the stages of a run that did not finish."""
    inside = {**missing["coordinates"], **missing.get("replicate", {})}
    if "stages" not in missing:
        at = ", ".join(f"{axis}={value}" for axis, value in inside.items())
        asked = missing.get("derived") or f"{missing.get('contrast') or missing['arm']} on {missing['task']}"
        whose = f" of {missing['arm']}" if "derived" in missing else ""
        return f"{asked}{whose}{f' at {at}' if at else ''}"
    return ", ".join(
        Member(arm=missing["arm"], coordinates=inside, stage=name).label for name in missing["stages"]
    )


def _same(item: Plain) -> str:
    """Say that both arms of a contrast are the same runs somewhere."""
    at = ", ".join(f"{axis}={value}" for axis, value in item["coordinates"].items())
    return f"{item['contrast']}{f' at {at}' if at else ''}: {item['a']} and {item['b']} are the same runs"


def _stage(stage: PlannedStage, record: Record | None) -> Plain:
    return {
        **_told(stage),
        "kind": stage.kind.value,
        "done": record is not None,
        "attempt": None if record is None else record.provenance.attempt,
        "environment": None if record is None else record.provenance.environment,
        "image": None
        if record is None or record.provenance.origin is None
        else record.provenance.origin.image,
        "inputs": {} if record is None else record.provenance.inputs,
        "outputs": None if record is None else record.outputs_digest,
    }


def _told(stage: PlannedStage) -> Plain:
    return {
        "label": stage.label,
        "members": [member.label for member in stage.members],
        "from": str(stage.ref),
    }


def _figures(record: Record, names: tuple[str, ...]) -> Plain:
    return {name: record.outputs.summary[name] for name in names if name in record.outputs.summary}


def _speeds(figures: Mapping[str, float]) -> dict[str, float | None]:
    names = ("tokensPerSecond", "mfu", "peakMemoryGib", "peakGpuMemoryGib")
    return {name: figures.get(name) for name in names}


def _scores(plan: Plan, records: Mapping[ArtifactRef, Record]) -> list[Plain]:
    """Every score of every run: the replicates of an arm at one point of the other axes beside each other."""
    rows: dict[tuple[str, str, str, str], Plain] = {}
    theirs = {(one.arm, one.task): one for one in plan.published}
    for stage in plan.stages:
        if stage.ref not in records or "tasks" not in records[stage.ref].outputs.summary:
            continue
        found = contamination(plan, records, stage)
        for member in stage.members:
            for task, checkpoints in records[stage.ref].outputs.summary["tasks"].items():
                for checkpoint, figures in checkpoints.items():
                    last = len(checkpoints) == 1 or checkpoint == FINAL
                    name = task if len(checkpoints) == 1 else f"{task} at {checkpoint}"
                    row = rows.setdefault(
                        (member.arm, str(member.point), member.stage, name),
                        {
                            "arm": member.arm,
                            "coordinates": member.point,
                            "stage": member.stage,
                            "task": name,
                            "unit": figures["unit"],
                            "chance": figures["chance"],
                            "published": theirs.get((member.arm, task)) if last else None,
                            "runs": [],
                        },
                    )
                    row["runs"].append(
                        {
                            "coordinates": dict(member.coordinates),
                            "score": figures["score"],
                            "n": figures["n"],
                            "from": str(stage.ref),
                            "contamination": found,
                        }
                    )
    for row in rows.values():
        row["mean"] = sum(run["score"] for run in row["runs"]) / len(row["runs"])
        row["noise"] = _noise(row["runs"])
        row["published"] = row["published"] and of_score(row["published"], row["mean"])
        row["checked"] = "; ".join(dict.fromkeys(told(run["contamination"]) for run in row["runs"]))
    return list(rows.values())
