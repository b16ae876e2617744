"""`kubectl assay report`: what an experiment showed so far, gathered from the store."""

from pathlib import Path

from assay.artifacts.canonical import canonical_json
from assay.artifacts.layout import experiment_key
from assay.cli.report import print_report
from assay.cli.terminal import say
from assay.reconcile.decide import not_trusted
from assay.report.write import read_report
from assay.settings.kubectl import connect, find, open_frozen


def main(flags: tuple[str, ...], name: str, *, html: Path | None, output: str) -> None:
    """Gather, print, and write the page if asked to."""
    kubectl = connect(flags)
    applied = find(kubectl, name)
    frozen, prices = open_frozen(kubectl, applied), applied.prices
    plan, decision = frozen.look()
    report = read_report(plan, frozen.store, refused=not_trusted(decision), prices=prices)
    if html is not None:
        html.write_text(report.html)
    if output == "json":
        say(canonical_json(report.data).decode())
        return
    print_report(report, prices)
    if html is not None:
        say(f"page: {html}")
    if frozen.store.info(experiment_key(plan.experiment, "report.html")) is not None:
        say(f"the operator's own copy: {report.location}")
    else:
        say(f"When all is final the operator writes its own copy to {report.location}.")
