"""`assay run`: carry the plan out on this machine."""

import json
import signal
import sys
from pathlib import Path
from types import FrameType

import typer

from assay.cli.plan import print_separate, separate_data
from assay.cli.progress import EXIT_INTERRUPTED, LiveView, PlainView, View
from assay.cli.terminal import console, say
from assay.cli.verdicts import print_verdicts, print_warnings
from assay.errors import SpecError
from assay.plan.plan import Plan
from assay.reconcile.decide import Decision, State
from assay.report.write import write_report
from assay.settings.local import Local, backend_for, open_local

EXIT_FAILED = 1


def main(file: Path, store_uri: str, *, parallel: int | None, approve: str | None, output: str) -> None:
    """Run what is not done yet, then report."""
    local = open_local(file, store_uri, writing=True)
    approved = _approved(local, approve, asking=output == "text")
    backend = backend_for(local.experiment, parallel, approved)
    control = local.control(backend)
    reused = sum(judgement.state is State.DONE for judgement in control.look()[1].judgements.values())
    signal.signal(signal.SIGTERM, _interrupted)
    terminal = console()
    view: View = (
        LiveView(terminal, local.store)
        if terminal.is_terminal and output == "text"
        else PlainView(as_json=output == "json")
    )
    last: list[tuple[Plan, Decision]] = []

    def watch(plan: Plan, decision: Decision) -> None:
        last[:] = [(plan, decision)]
        view.watch(plan, decision)

    try:
        with view:
            decision = control.run(watch, backend.wait)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: asking what runs to end …\n")
        backend.stop()
        sys.stderr.write("What is finished is kept: run the same command to go on.\n")
        sys.exit(EXIT_INTERRUPTED)
    finally:
        backend.close()
    plan = last[-1][0]
    _finish(local, plan, decision, reused, output)


def _approved(local: Local, given: str | None, *, asking: bool) -> frozenset[str]:
    """Return the digest of the plan if whoever runs this approves it, where the experiment wants that.

    Raises:
        SpecError: they do not, another plan was approved, or nobody can be asked.

    """
    if given is None and local.experiment.spec.execution.approval == "automatic":
        return frozenset()
    backend = backend_for(local.experiment, None)
    held = local.control(backend).look()[1].withheld
    backend.close()
    digest, where = local.plan.digest, "spec.execution.approval"
    if given is not None and given != digest:
        found = f"found {given}, expected {digest}: the plan is another than what was approved"
        raise SpecError("--approve", found, "Look at it with `assay plan`, then approve that digest.")
    if held is None or given is not None:
        return frozenset(filter(None, [given]))
    if asking and sys.stdin.isatty() and sys.stdout.isatty():
        say(held.message)
        if typer.confirm("Approve it?"):
            return frozenset({digest})
        raise SpecError(where, "found manual and no approval, expected it", "Nothing was started.")
    raise SpecError(
        where,
        f"found manual and nobody to ask, expected an approval of {held.message}",
        f"Look at it with `assay plan`, then run it with --approve {digest}.",
    )


def _finish(local: Local, plan: Plan, decision: Decision, reused: int, output: str) -> None:
    states = [judgement.state for judgement in decision.judgements.values()]
    ran, failed = states.count(State.DONE) - reused, len(states) - states.count(State.DONE)
    for stage in plan.stages:
        judgement = decision.judgements[stage.ref]
        if judgement.state is State.FAILED:
            sys.stderr.write(f"failed: {stage.label}: {judgement.reason}: {plan.told(judgement.message)}\n")
    report = write_report(plan, local.store)
    if output == "json":
        told = {"reused": reused, "ran": ran, "failed": failed, "report": report.location}
        say(json.dumps(told | {"separate": separate_data(plan)}))
    else:
        print_verdicts(report.data)
        print_warnings(report.data)
        sources = [source for item in report.data["cleanings"] for source in item["sources"].values()]
        if rejected := sum(source["rejected"] for source in sources):
            say(f"{rejected} rows could not be read: `assay ledger` says which, and why")
        print_separate(plan)
        say(f"reused {reused}, ran {ran}" + (f", failed or blocked {failed}" if failed else ""))
        say(f"report: {report.location}")
    if failed:
        sys.exit(EXIT_FAILED)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
