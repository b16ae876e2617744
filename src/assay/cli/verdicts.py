"""The verdicts in the terminal: a table, or a few lines each where it would not fit."""

from typing import Any

from rich.table import Table
from rich.text import Text

from assay.cli.terminal import PLAIN, console, say
from assay.report.figures import figure, signed
from assay.report.lines import answers, place
from assay.report.page import CLASSES, p_value
from assay.report.shapes import curve_told, estimated, trend_told
from assay.statistics.words import LEAST_RUNS, NOT_COMPARABLE

_COLOURS = {"good": "green", "bad": "red", "same": "blue", "open": "yellow"}
_TITLES = ("CONTRAST", "TASK", "VERDICT", "EFFECT", "NOISE", "INTERVAL", "P", "ITEMS")


def print_verdicts(data: dict[str, Any]) -> None:
    """Print every comparison's verdicts, and what is missing."""
    for document in data["comparisons"]:
        verdicts = document["verdicts"]
        items = list(answers(document))
        rows = [_cells(item) for item in items]
        _print_rows(f"Verdicts: {document['comparison']['name']}", rows)
        if document["registration"] is not None:
            say(f"  {document['registration']['told']}")
        _print_levels(document)
        sides = {item["contrast"]: (item["a"], item["b"]) for item in verdicts}
        for contrast, (a, b) in sides.items():
            runs = f"{len(a['runs'])} and {len(b['runs'])} runs"
            say(f"  {contrast}: {a['arm']} minus {b['arm']}, {runs}")
        if verdicts:
            say("  noise: standard deviation between runs of a and of b; – where there is one run")
        _say_unlike(items)
        if any(item["primary"] for item in verdicts):
            say("  * the primary hypothesis; p is adjusted over the family")
        untested = any(p_value(item) == "–" for item in verdicts)
        for model in document["models"] if untested else ():
            say(f"  {model['task']}: {model['reading']}")
        if untested:
            say(
                f"  p is – where nothing was tested: that takes {LEAST_RUNS} runs of each arm, and scores that vary above chance"
            )
        exploratory = [f"{item['contrast']} on {item['task']}" for item in verdicts if item["exploratory"]]
        if exploratory:
            say(f"  exploratory, since the primary is not shown: {', '.join(exploratory)}")
        _say_unanswered(document)


def _say_unanswered(document: dict[str, Any]) -> None:
    """Say what has no verdict: for what is missing, or because both arms are the same runs."""
    for item in document["missing"]:
        say(f"missing: {item['told']}")
    for item in document["sameRuns"]:
        say(f"nothing to compare: {item['told']}")


def published(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores beside which others published theirs."""
    return [row for row in data["scores"] if row["published"] is not None]


def print_published(data: dict[str, Any]) -> None:
    """Print what others published beside our differences and scores."""
    for row in data["published"]:
        at = place(row)
        contrast = f"{row['contrast']}[{at}]" if at else row["contrast"]
        ours = "" if row["effect"] is None else f"; ours {signed(row['effect'])}"
        late = "; exploratory" if row["exploratory"] else ""
        say(
            f"published: {contrast} on {row['task']}: {signed(row['value'], 3)} ({row['source']}){ours}: {row['word']} ({row['told']}{late})"
        )
    for row in published(data):
        at = place(row)
        arm = f"{row['arm']}[{at}]" if at else row["arm"]
        theirs, ours = row["published"], f"{figure(row['mean'])} ± {figure(row['noise'], 2)}"
        difference = signed(row["mean"] - theirs["value"])
        found = f": {theirs['word']} ({theirs['told']})" if theirs["word"] else ""
        say(
            f"published: {arm} on {row['task']}: {figure(theirs['value'], 4)} ({theirs['source']}); ours {ours}, {difference}{found}"
        )


def print_warnings(data: dict[str, Any]) -> None:
    """Print what is done and can hardly be meant."""
    for item in data["cleanings"]:
        for warning in item["warnings"]:
            say(f"warning: {item['label']}: {warning}")


def _print_levels(document: dict[str, Any]) -> None:
    """Print what the effects of curves and of derived measures are, and each curve."""
    if document["curves"]:
        say("  effect: the change from the least dose to the greatest")
    for curve in document["curves"]:
        _print_curve(curve)
    if document["derived"]:
        say("  effect: the mean over runs, held against zero")
    if document["trends"]:
        say("  effect: the mean slope over runs, less what it is held against")
    for trend in document["trends"]:
        _print_trend(trend)


def _print_curve(curve: dict[str, Any]) -> None:
    """Print a curve's points, how steep it is, and where half of its way is made."""
    points = ", ".join(f"{figure(point['dose'])}: {figure(point['mean'])}" for point in curve["points"])
    say(f"  {curve['arm']}, {curve['task']} by {curve['axis']}: {points}")
    steep = [("slope", curve["slope"]), ("initial slope", curve["initialSlope"])]
    told = (f"{name} {estimated(found)}" for name, found in steep)
    say(f"    {'; '.join(told)}")
    if curve["halfLife"]:
        say(f"    half-life {estimated(curve['halfLife'])}")
    for line in curve_told(curve):
        say(f"    {line}")


def _print_trend(trend: dict[str, Any]) -> None:
    """Print a trend's values at every dose, its slope, and what it is held against."""
    points = ", ".join(f"{figure(point['dose'])}: {figure(point['mean'])}" for point in trend["points"])
    at = place(trend)
    say(f"  {trend['arm']}{f'[{at}]' if at else ''}, {trend['expression']}: {estimated(trend['slope'])}")
    say(f"    {points}")
    for line in trend_told(trend):
        say(f"    {line}")


def _say_unlike(items: list[dict[str, Any]]) -> None:
    """Say in what the runs of each contrast, curve or derived measure were not made alike, and what can be done."""
    told = {
        (item.get("contrast") or item["arm"], line): item["word"] for item in items for line in item["unlike"]
    }
    for subject, line in told:
        say(f"  warning: {subject}: not alike: {line}")
    if NOT_COMPARABLE in told.values():
        say("  Delete the record.json of one side's stage, so that it runs again like the other,")
        say("  or let the comparison say `environments: any`.")


def _cells(item: dict[str, Any]) -> list[str]:
    interval = item["interval"]
    at = place(item)
    return [
        f"{item.get('contrast') or item['arm']}{f'[{at}]' if at else ''}{' *' if item.get('primary') else ''}",
        item.get("task") or item["expression"],
        item["word"],
        figure(item["effect"], 2),
        f"{figure(item['a']['noise'], 2)}, {figure(item['b']['noise'], 2)}" if "a" in item else "–",
        f"{figure(interval['low'], 2)}…{figure(interval['high'], 2)}" if interval else "–",
        p_value(item),
        str(item.get("n", "–")),
    ]


def _print_rows(title: str, rows: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left", **PLAIN)
    for name in _TITLES:
        left = name in ("CONTRAST", "TASK", "VERDICT")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for contrast, task, word, *figures in rows:
        table.add_row(contrast, task, Text(word, style=_COLOURS[CLASSES[word]]), *figures)
    terminal = console()
    if terminal.measure(table).maximum < terminal.width:
        terminal.print(table)
        return
    say(title)
    for contrast, task, word, effect, noise, interval, p, items in rows:
        say(f"{contrast} on {task}: {word}")
        say(f"  effect {effect}, {interval}")
        say(f"  noise {noise}")
        say(f"  p {p}, {items} items")
