"""The report's figures, each beside the artifact that it came from. No time in it: the same records, the same bytes."""

from collections.abc import Mapping
from statistics import stdev
from typing import Any

from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.plan.plan import Member, Plan, PlannedStage
from assay.report.alike import Classes, differences
from assay.statistics.words import NOT_COMPARABLE

Plain = dict[str, Any]


def report_data(
    plan: Plan, records: Mapping[ArtifactRef, Record], verdicts: Mapping[ArtifactRef, Plain]
) -> Plain:
    """Gather everything that the page shows; `verdicts` are the documents of the compare stages that are done."""
    classes = {ref: record.provenance.environment for ref, record in records.items()}
    documents = [
        _comparison(plan, verdicts[stage.ref], classes) for stage in plan.stages if stage.ref in verdicts
    ]
    return {
        "experiment": plan.experiment,
        "stages": [_stage(stage, records.get(stage.ref)) for stage in plan.stages],
        "comparisons": documents,
        "scores": _scores(plan, records),
        "trainings": [
            {
                **_told(stage),
                **_figures(
                    records[stage.ref], ("rows", "tokens", "steps", "trainingLoss", "parameters", "curve")
                ),
                "speeds": _speeds(records[stage.ref].provenance.figures),
            }
            for stage in plan.stages
            if stage.kind is Kind.TRAIN and stage.ref in records
        ],
        "cleanings": [
            {
                **_told(stage),
                **_figures(records[stage.ref], ("rows", "sources", "steps", "splits")),
                "warnings": warnings(records[stage.ref]),
            }
            for stage in plan.stages
            if stage.kind is Kind.CLEAN and stage.ref in records
        ],
        "notes": list(plan.notes),
    }


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


def _comparison(plan: Plan, document: Plain, classes: Classes) -> Plain:
    """A comparison's document, with what is missing told for people, and each verdict beside the noise and whether its runs were made alike."""
    anyhow = document["comparison"].get("environments") == "any"
    missing = [
        {**item, "told": plan.told(f"{_subject(item)}: {item['reason']}")} for item in document["missing"]
    ]
    verdicts = [_verdict(plan, item, classes, anyhow=anyhow) for item in document["verdicts"]]
    return {**document, "verdicts": verdicts, "missing": missing}


def _verdict(plan: Plan, item: Plain, classes: Classes, *, anyhow: bool) -> Plain:
    sides = {side: {**item[side], "noise": _noise(item[side]["runs"])} for side in ("a", "b")}
    unlike = differences(plan, classes, (run["from"] for side in sides.values() for run in side["runs"]))
    told = {**item, **sides, "unlike": unlike}
    if unlike and not anyhow:
        told["word"] = NOT_COMPARABLE
        told["reading"] = (
            f"{item['a']['arm']} and {item['b']['arm']} were not made alike, so that they may differ by more than their data."
        )
    return told


def _noise(runs: list[Plain]) -> float | None:
    """The standard deviation between the runs of one arm; None where there is but one."""
    return stdev(run["score"] for run in runs) if len(runs) > 1 else None


def _subject(missing: Plain) -> str:
    """What is missing: a question that has no answer, or the stages of a run that did not finish."""
    inside = {**missing["coordinates"], **missing.get("replicate", {})}
    if "contrast" in missing:
        at = ", ".join(f"{axis}={value}" for axis, value in inside.items())
        return f"{missing['contrast']} on {missing['task']}{f' at {at}' if at else ''}"
    return ", ".join(
        Member(arm=missing["arm"], coordinates=inside, stage=name).label for name in missing["stages"]
    )


def _stage(stage: PlannedStage, record: Record | None) -> Plain:
    return {
        **_told(stage),
        "kind": stage.kind.value,
        "done": record is not None,
        "attempt": None if record is None else record.provenance.attempt,
        "environment": None if record is None else record.provenance.environment,
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
    for stage in plan.stages:
        if stage.kind is not Kind.EVALUATE or stage.ref not in records:
            continue
        for member in stage.members:
            for task, checkpoints in records[stage.ref].outputs.summary["tasks"].items():
                for checkpoint, figures in checkpoints.items():
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
                            "runs": [],
                        },
                    )
                    row["runs"].append(
                        {
                            "coordinates": dict(member.coordinates),
                            "score": figures["score"],
                            "n": figures["n"],
                            "from": str(stage.ref),
                        }
                    )
    for row in rows.values():
        row["mean"] = sum(run["score"] for run in row["runs"]) / len(row["runs"])
        row["noise"] = _noise(row["runs"])
    return list(rows.values())
