"""The ledger in the terminal: tables, or a few lines per row where they would not fit."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from assay.cli.terminal import PLAIN, console, say
from assay.report.figures import figure
from assay.report.story import INTAKE

Plain = dict[str, Any]

_COUNTS = ("IN", "DROPPED", "CHANGED", "ASIDE", "OUT")
_FIGURES = (*_COUNTS, "SCORE")
_FOLDED = 20  # letters
_BETWEEN = 2  # letters between columns
_DIGITS = 12  # of an id, where there are many
_KNOWN = ("id", "source", "step", "action", "rule", "score", "duplicate_of", "detail", "what", "part")


def print_counts(summary: Plain) -> None:
    """Print how many rows of each source came to each step, and what became of them."""
    rows = list(_counts(summary))
    if _print_table(("STEP", "SOURCE", *_COUNTS), rows):
        return
    for row in rows:
        if row[0]:
            say(row[0])
        said = [
            f"{row[2 + at]} {name.lower()}" for at, name in enumerate(_COUNTS) if row[2 + at] not in ("", "0")
        ]
        _wrapped(f"  {row[1]}: {', '.join(said)}")


def print_lines(lines: list[Plain]) -> None:
    """Print lines of the ledger."""
    if not lines:
        return
    say("")
    rows = [
        [
            _short(line["id"]),
            line["source"],
            line["step"],
            line["action"],
            line["rule"],
            "" if line["score"] is None else figure(line["score"]),
            ", ".join(_rest(line)),
        ]
        for line in lines
    ]
    if _print_table(("ROW", "SOURCE", "STEP", "ACTION", "RULE", "SCORE", "WHY"), rows):
        return
    for line in lines:
        say(f"{_short(line['id'])} of {line['source']}")
        _wrapped(f"  {line['step']}: {', '.join([line['action'], *_why(line)])}")


def print_story(told: Plain, label: str) -> None:
    """Print what became of a row, step by step."""
    _wrapped(f"row {told['id']} of {label}: {_end(told)}")
    _wrapped(f"  from source {told['source']}, {told['from']}")
    for item in told["steps"]:
        if item["what"] == "read":
            continue
        what = f"{item['what']} as {item['part']}" if "part" in item else item["what"]
        _wrapped(f"  {item['step']}: {', '.join([what, *_why(item)])}")
    if original := told.get("original"):
        _wrapped(f"{original['id']}, of source {original['source']}: {_end(original)}")


def _counts(summary: Plain) -> Iterable[list[str]]:
    """Yield rows of the table of counts; a step's name stands on its first row alone."""
    for place, (name, source) in enumerate(summary["sources"].items()):
        left = source["in"] - source["rejected"]
        counted = [figure(source["in"]), figure(source["rejected"]), "", "", figure(left)]
        yield ["" if place else INTAKE, name, *counted]
    for step in summary["steps"]:
        title = step["name"] if step["name"] == step["kind"] else f"{step['name']} ({step['kind']})"
        sources = step["sources"] if len(step["sources"]) > 1 else {}
        whole = "all" if sources else next(iter(step["sources"]), "")
        for place, (name, counts) in enumerate([(whole, step), *sources.items()]):
            counted = [figure(counts[key]) for key in ("in", "dropped", "changed", "setAside", "out")]
            yield ["" if place else title, name, *counted]


def _end(told: Plain) -> str:
    """Say where a row ended."""
    last = told["steps"][-1]
    match told["end"]:
        case "rejected":
            return "could not be read"
        case "dropped":
            return f"dropped by {last['step']}"
        case "set aside":
            return f"set aside as {last['part']} by {last['step']}"
    return "in the output"


def _why(line: Plain) -> list[str]:
    """Say why a line is there."""
    if "rule" not in line:
        return []
    score = line.get("score")
    scored = [] if score is None else [f"score {figure(score)}"]
    return [f"rule {line['rule']}", *scored, *_rest(line)]


def _rest(line: Plain) -> list[str]:
    """Say what else a line holds, beside rule and score."""
    original, detail = line.get("duplicate_of"), line.get("detail")
    copied = [f"duplicate of {_short(original)}"] if original else []
    others = [
        f"{key.replace('_', ' ')} {value}"
        for key, value in line.items()
        if key not in _KNOWN and value is not None
    ]
    return [*copied, *([detail] if detail else []), *others]


def _short(row: str) -> str:
    """Abbreviate an id; `--row` takes it so, too. Rows of the same content differ in their numbers alone."""
    digits, _, number = row.partition("-")
    return f"{digits[:_DIGITS]}-{number}"


def _print_table(titles: Sequence[str], rows: list[list[str]]) -> bool:
    """Print a table if it fits; of its columns only the last, WHY, is folded, down to a few words a line."""
    widest = [max(len(title), *(len(row[at]) for row in rows)) for at, title in enumerate(titles)]
    if titles[-1] == "WHY":
        widest[-1] = min(widest[-1], _FOLDED)
    terminal = console()
    if sum(widest) + _BETWEEN * (len(titles) - 1) > terminal.width:
        return False
    table = Table(**PLAIN)
    for title, least in zip(titles, widest, strict=True):
        table.add_column(title, justify="right" if title in _FIGURES else "left", min_width=least)
    for row in rows:
        table.add_row(*row)
    terminal.print(table)
    return True


def _wrapped(text: str) -> None:
    """Print a line, at a terminal broken between words."""
    terminal = console()
    if terminal.soft_wrap:
        say(text)
        return
    indent = "    " if text.startswith("  ") else "  "
    first, *rest = Text(text).wrap(terminal, terminal.width - len(indent))
    for line in (first, *(Text(indent) + item for item in rest)):
        say(line.plain.rstrip())
