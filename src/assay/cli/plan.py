"""`assay plan`: what would run, what would be reused, and why; what would not be alike, what would not fit, and what it takes."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from assay.artifacts.documents import ArtifactRef, StageDocument
from assay.artifacts.environment import environment
from assay.artifacts.kinds import Kind
from assay.cli.expected import expected_data, print_expected
from assay.cli.fit import fit_data, print_fit
from assay.cli.foresight import print_contrasts
from assay.cli.picture import picture_data, print_picture
from assay.cli.terminal import PLAIN, console, say
from assay.plan.explain import nearest
from assay.plan.layers import layers
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.decide import FINAL, REUSED, Decision, Judgement, State
from assay.report.alike import unlike_contrasts
from assay.report.seen import contrasts_seen
from assay.settings.expected import EarlierStages, expected_in, machines_of
from assay.settings.local import backend_for, open_local, profile_file, stored_stages
from assay.settings.models import model_folders
from assay.stores.records import load_record
from assay.stores.store import Store

Row = dict[str, Any]

_MOST_REASONS = 3
_VERBS = ("reuse", "done", "running", "failed", "run")


def main(
    file: Path, store_uri: str, *, profile: Path | None, output: str, expect: Path | None = None
) -> None:
    """Observe and decide, without acting; with a Profile's file, work out whether trainings fit its GPUs, and how long they hold them."""
    local = open_local(file, store_uri, expected=expect)
    pools = None if profile is None else profile_file(profile)
    backend = backend_for(local.experiment, None)
    plan, decision = local.control(backend).look()
    backend.close()
    rows = plan_rows(plan, decision, local.store)
    unlike = unlike_contrasts(plan, _classes_here(plan, decision, local.store))
    seen = contrasts_seen(plan, local.store)
    fit = takes = None
    if pools is not None:
        execution, folders = local.experiment.spec.execution, model_folders(plan)
        fit = fit_data(plan, execution, pools, folders)
        expected = expected_in(
            plan,
            machines_of(execution, pools),
            store=local.store,
            folders=folders,
            earlier=EarlierStages(),
        )
        takes = expected_data(plan, decision, expected, pools)
    if output == "json":
        about = {
            "digest": None if expect else local.plan.digest,
            "contrasts": seen,
            "unlike": unlike,
            "fit": fit,
            "expected": takes,
        }
        say(json.dumps(plan_data(plan, rows) | about))
        return
    print_plan(plan, rows)
    if expect is None:
        say(f"digest: {local.plan.digest}")
    else:
        say(
            f"note: inputs are as {expect.name} tells, not read: no stage over them is reused, and no digest can be approved"
        )
    print_separate(plan)
    print_contrasts(seen)
    print_unlike(unlike)
    print_fit(fit)
    print_expected(takes)
    reused = tallied(rows)["reuse"]
    say(f"{len(rows)} distinct stages: {reused} to reuse, {len(rows) - reused} to run. Nothing was started.")


def plan_rows(plan: Plan, decision: Decision, store: Store) -> list[Row]:
    """Say of every stage what it is, how it stands and why."""
    stored: dict[Kind, list[StageDocument]] = {}
    rows = []
    for stage in plan.stages:
        if stage.kind not in stored:
            stored[stage.kind] = list(stored_stages(store, stage.kind))
        rows.append(_row(plan, stage, decision.judgements[stage.ref], stored[stage.kind]))
    return rows


def plan_data(plan: Plan, rows: list[Row]) -> Row:
    """Return a plan for programs."""
    about = {"experiment": plan.experiment, "digest": plan.digest, "stages": rows, "notes": plan.notes}
    seen = {"separate": separate_data(plan), "layers": picture_data(layers(plan, _done(rows)))}
    return about | seen | tallied(rows)


def separate_data(plan: Plan) -> Row:
    """Return for programs how much of a plan is shared."""
    return {
        kind.value: {"stages": wanted, "distinct": distinct}
        for kind, (wanted, distinct) in plan.separate.items()
    }


def print_separate(plan: Plan) -> None:
    """Print how many stages there would be without sharing, and how many there are."""
    wanted, distinct = [], []
    for kind, (one_by_one, shared) in plan.separate.items():
        wanted.append(f"{one_by_one} {kind.value}")
        distinct.append(f"{shared} {kind.value}")
    say(f"as separate pipelines: {', '.join(wanted)} stages; distinct: {', '.join(distinct)}")


def print_plan(plan: Plan, rows: list[Row]) -> None:
    """Print a plan for people."""
    print_picture(layers(plan, _done(rows)))
    say("")
    table = Table(**PLAIN)
    for title in ("STAGE", "KIND", "PLAN", "WHY"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row["label"], row["kind"], row["plan"], row["why"])
    console().print(table)
    for note in plan.notes:
        say(f"note: {note}")


def print_unlike(unlike: list[str]) -> None:
    """Print which contrasts would not be comparable, and what can be done before anything runs."""
    for line in unlike:
        say(f"warning: {line}")
    if unlike:
        say(
            "Such a contrast reads `not comparable`. To run a stage that is done again, delete its record.json in the store"
            " (`-o json` has each stage's `ref`); or let the comparison say `environments: any`."
        )


def classes_done(decision: Decision, store: Store) -> dict[ArtifactRef, Row]:
    """Return the environment classes of what is done."""
    done = [ref for ref, judgement in decision.judgements.items() if judgement.state is State.DONE]
    records = {ref: load_record(store, ref) for ref in done}
    return {ref: record.provenance.environment for ref, record in records.items() if record is not None}


def _classes_here(plan: Plan, decision: Decision, store: Store) -> dict[ArtifactRef, Row]:
    """Return the environment classes of what is done, and of what would run here, as far as they are known before."""
    here, train = environment(), plan.execution["train"]
    training = {
        "processes": train["nodes"] * train["processesPerNode"],
        "deterministic": train["deterministic"],
    }
    expected = {stage.ref: here | (training if stage.kind is Kind.TRAIN else {}) for stage in plan.stages}
    return expected | classes_done(decision, store)


def tallied(rows: list[Row]) -> dict[str, int]:
    """Count the stages by what becomes of them."""
    return {verb: sum(row["plan"] == verb for row in rows) for verb in _VERBS}


def _done(rows: list[Row]) -> set[ArtifactRef]:
    return {ArtifactRef(row["ref"]) for row in rows if row["plan"] in {"reuse", "done"}}


def _row(plan: Plan, stage: PlannedStage, judgement: Judgement, stored: list[StageDocument]) -> Row:
    verb = _verb(judgement)
    return {
        "label": stage.label,
        "kind": stage.kind.value,
        "ref": str(stage.ref),
        "plan": verb,
        "why": _why(plan, stage, judgement, stored),
        "members": [member.label for member in stage.members],
    }


def _verb(judgement: Judgement) -> str:
    if judgement.state is State.DONE:
        return "reuse" if judgement.reason == REUSED else "done"
    return "running" if judgement.state is State.RUNNING else "failed" if judgement.state in FINAL else "run"


def _why(plan: Plan, stage: PlannedStage, judgement: Judgement, stored: list[StageDocument]) -> str:
    if judgement.state is State.DONE:
        return "its record is in the store"
    if judgement.message:
        return f"{judgement.reason}: {plan.told(judgement.message)}"
    if judgement.state is State.RUNNING:
        return f"attempt {judgement.attempt} runs"
    found = nearest(stage.document, (other for other in stored if other.ref != stage.ref))
    waiting = "waits for its inputs; " if judgement.state is State.WAITING else ""
    if found is None:
        return f"{waiting}the store has no {stage.kind.value} stage yet"
    other, differing = found
    reads = frozenset((*stage.reads, *other.reads))
    own = [str(item) for item in differing if not item.is_read(reads)]
    told = own[:_MOST_REASONS]
    if len(own) > _MOST_REASONS:
        told.append(f"{len(own) - _MOST_REASONS} more")
    if len(own) < len(differing):
        told.append("what it reads")
    return f"{waiting}nearest differs in {'; '.join(told)}"
