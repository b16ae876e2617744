"""`assay report`: what is known so far, as a page and as JSON."""

from pathlib import Path

from assay.artifacts.canonical import canonical_json
from assay.cli.terminal import say
from assay.cli.verdicts import print_published, print_verdicts, print_warnings
from assay.report.write import Report, read_report, write_report
from assay.settings.local import backend_for, open_local


def main(file: Path, store_uri: str, *, to: Path | None, output: str) -> None:
    """Write the report from what is done so far."""
    local = open_local(file, store_uri, writing=to is None)
    backend = backend_for(local.experiment, None)
    plan, _ = local.control(backend).look()
    backend.close()
    report = write_report(plan, local.store) if to is None else read_report(plan, local.store)
    location = report.location
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        (to / "report.html").write_text(report.html)
        (to / "report.json").write_bytes(canonical_json(report.data))
        location = str(to / "report.html")
    if output == "json":
        say(canonical_json(report.data).decode())
        return
    print_report(report)
    say(f"report: {location}")


def print_report(report: Report) -> None:
    """Print the verdicts, what can hardly be meant, and how much is done."""
    print_verdicts(report.data)
    print_published(report.data)
    print_warnings(report.data)
    done = sum(stage["done"] for stage in report.data["stages"])
    say(f"{done} of {len(report.data['stages'])} stages done")
