"""`assay report`: what is known so far, as a page and as JSON."""

from pathlib import Path

from assay.api.profile import Prices
from assay.artifacts.canonical import canonical_json
from assay.cli.terminal import say
from assay.cli.verdicts import print_published, print_verdicts, print_warnings
from assay.reconcile.terms import priced
from assay.report.write import Report, read_report, write_report
from assay.settings.local import backend_for, open_local, profile_file


def main(file: Path, store_uri: str, *, to: Path | None, output: str, profile: Path | None = None) -> None:
    """Write the report from what is done so far; a Profile's file tells what it cost."""
    prices = None if profile is None else profile_file(profile).prices
    local = open_local(file, store_uri, writing=to is None)
    backend = backend_for(local.experiment, None)
    plan, _ = local.control(backend).look()
    backend.close()
    make = write_report if to is None else read_report
    report = make(plan, local.store, prices=prices)
    location = report.location
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        (to / "report.html").write_text(report.html)
        (to / "report.json").write_bytes(canonical_json(report.data))
        location = str(to / "report.html")
    if output == "json":
        say(canonical_json(report.data).decode())
        return
    print_report(report, prices)
    say(f"report: {location}")


def print_report(report: Report, prices: Prices | None) -> None:
    """Print the verdicts, what can hardly be meant, what it took, and how much is done."""
    print_verdicts(report.data)
    print_published(report.data)
    print_warnings(report.data)
    work, free = report.data["work"]["all"], prices or Prices()
    if work["gpuHours"]:
        saved = priced(work["naiveGpuHours"] - work["gpuHours"], free)
        say(f"what is done took {priced(work['gpuHours'], free)}; reuse saved {saved}")
    done = sum(stage["done"] for stage in report.data["stages"])
    say(f"{done} of {len(report.data['stages'])} stages done")
