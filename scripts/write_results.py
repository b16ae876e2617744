"""Write `docs/results.md` from the reports of studies: `write_results.py FOLDER`, which holds `<study>/report.json` each.

Nothing in it is typed by hand: a row for every question of a report, whatever it says, with runs, effect, interval and p.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.artifacts.outputs import FINAL
from assay.report.figures import figure
from assay.report.lines import answers, place
from assay.report.page import between, p_value

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
Plain = dict[str, Any]

HEAD = """\
# Results of the studies

Written by `make studies` from the reports, question by question; [studies.md](studies.md) says what they mean, and what they do not. *Effect* is in the
task's own unit, of a curve its change from the least dose to the greatest, of a derived measure its mean over runs, of a trend its slope less what it is held against; *p* is adjusted within its table; a star marks the
primary question. Intervals hold what differs between runs and between items ([statistics.md](statistics.md)). What models were measured at along their
trainings are means over runs, in brackets the standard deviation between them.
"""


def main() -> None:
    reports = sorted(Path(sys.argv[1]).glob("*/report.json"))
    sections = [section(json.loads(path.read_text())) for path in reports]
    PAGE.write_text("\n".join([HEAD, *sections]))


def section(report: Plain) -> str:
    """Return a study's tables."""
    done = sum(stage["done"] for stage in report["stages"])
    name = report["experiment"].partition("/")[2]
    lines = [f"## {name}\n", f"{done} of {len(report['stages'])} distinct stages done.\n"]
    for document in report["comparisons"]:
        lines += [f"### {name}: {document['comparison']['name']}\n", *questions(document), ""]
        lines += [f"Missing: {item['told']}\n" for item in document["missing"]]
        lines += [f"Nothing to compare: {item['told']}\n" for item in document.get("sameRuns", ())]
    measured = list(moments(report["scores"]))
    if measured:
        lines += [f"### {name}: at every checkpoint\n", *measured, ""]
    return "\n".join(lines)


def moments(scores: list[Plain]) -> Iterator[str]:
    """Yield a table of what was measured along trainings, a column for each checkpoint; none where only last models were."""
    along: dict[tuple[str, str], dict[str, Plain]] = {}
    for row in scores:
        task, _, checkpoint = row["task"].partition(" at ")
        if checkpoint:
            at = place(row)
            of = f"{row['arm']}/{row['stage']}{f'[{at}]' if at else ''}"
            along.setdefault((of, f"{task}, {row['unit']}"), {})[checkpoint] = row
    names = sorted({name for found in along.values() for name in found}, key=reached)
    if names:
        yield f"| of | measured | runs | {' | '.join(names)} |\n|---|---|---|{'---|' * len(names)}"
    for (of, task), found in along.items():
        count = len(next(iter(found.values()))["runs"])
        yield f"| {of} | {task} | {count} | {' | '.join(mean(found.get(name)) for name in names)} |"


def reached(checkpoint: str) -> tuple[bool, str, float]:
    """Order checkpoints, such as `slice-2` and `slice-10`, as a training reaches them; `final` is the last."""
    kind, _, amount = checkpoint.partition("-")
    return checkpoint == FINAL, kind, float(amount or 0)


def mean(row: Plain | None) -> str:
    """Write a mean over runs, and in brackets by how much they vary."""
    if row is None:
        return "–"
    return figure(row["mean"], 5) + (f" ({figure(row['noise'], 2)})" if row["noise"] is not None else "")


def questions(document: Plain) -> Iterator[str]:
    """Yield a table: a row for each question."""
    yield "| question | of | verdict | effect | 95 % interval | p | runs | items |\n|---|---|---|---|---|---|---|---|"
    for item in answers(document):
        at = place(item)
        star = " *" if item.get("primary") else ""
        asked = f"{item.get('contrast') or item['arm']}{f' [{at}]' if at else ''}{star}"
        of = item.get("task") or f"`{item['expression']}`"
        cells = (
            figure(item["effect"], 2),
            between(item["interval"]),
            p_value(item),
            runs(item),
            item.get("n", "–"),
        )
        yield f"| {asked} | {of} | {item['word']} | {' | '.join(map(str, cells))} |"


def runs(item: Plain) -> str:
    """Say on how many whole runs a question rests."""
    if "a" in item:
        return f"{len(item['a']['runs'])}, {len(item['b']['runs'])}"
    return str(item["replicates"] if "replicates" in item else len(item["runs"]))


if __name__ == "__main__":
    main()
