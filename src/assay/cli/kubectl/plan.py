"""`kubectl assay plan`: what the experiment asked for, compiled and frozen, and what becomes of it."""

import json

from assay.cli.expected import expected_data, print_expected
from assay.cli.fit import fit_data, print_fit
from assay.cli.foresight import print_contrasts
from assay.cli.plan import (
    classes_done,
    plan_data,
    plan_rows,
    print_plan,
    print_separate,
    print_unlike,
    tallied,
)
from assay.cli.terminal import say
from assay.report.alike import unlike_contrasts
from assay.report.seen import contrasts_seen
from assay.settings.expected import EarlierStages, expected_in, machines_of
from assay.settings.in_cluster import store_environment
from assay.settings.kubectl import connect, find, open_frozen, profile_named
from assay.settings.models import model_folders


def main(flags: tuple[str, ...], name: str, *, output: str) -> None:
    """Read the plan, and look."""
    kubectl = connect(flags)
    frozen = open_frozen(kubectl, find(kubectl, name))
    plan, decision = frozen.look()
    rows = plan_rows(plan, decision, frozen.store)
    profile = profile_named(kubectl, frozen.applied)
    fit = takes = None
    if profile is not None:
        execution, folders = frozen.applied.execution, model_folders(plan, store_environment(profile.store))
        fit = fit_data(plan, execution, profile, folders)
        machines, earlier = machines_of(execution, profile), EarlierStages()
        expected = expected_in(plan, machines, store=frozen.store, folders=folders, earlier=earlier)
        takes = expected_data(plan, decision, expected, profile)
    seen = contrasts_seen(plan, frozen.store)
    unlike = unlike_contrasts(plan, classes_done(decision, frozen.store))
    if output == "json":
        about = {"uri": frozen.uri, "frozenAt": frozen.frozen_at.isoformat(), "digest": frozen.plan.digest}
        found = {"contrasts": seen, "unlike": unlike, "fit": fit, "expected": takes}
        say(json.dumps(plan_data(plan, rows) | about | found))
        return
    print_plan(plan, rows)
    say(f"digest: {frozen.plan.digest}")
    print_separate(plan)
    print_contrasts(seen)
    print_unlike(unlike)
    print_fit(fit)
    print_expected(takes)
    counts = tallied(rows)
    told = [f"{counts['reuse']} reused", f"{counts['done']} done", f"{counts['run']} to run"]
    told += [f"{counts[verb]} {verb}" for verb in ("running", "failed") if counts[verb]]
    say(f"{len(rows)} distinct stages: {', '.join(told)}.")
    say(f"frozen {frozen.frozen_at:%Y-%m-%d %H:%M:%S %Z}: {frozen.uri}")
