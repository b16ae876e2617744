"""The pipeline of a plan as a picture of a few lines."""

from typing import Any

from assay.cli.terminal import console, say
from assay.plan.layers import Layers, Node

_LINK, _GAP = " ─ ", "   "


def picture_data(found: Layers) -> list[list[dict[str, Any]]]:
    """Return the columns for programs."""
    return [
        [
            {"name": node.name, "stages": node.stages, "done": node.done, "reads": sorted(node.reads)}
            for node in column
        ]
        for column in found
    ]


def print_picture(found: Layers) -> None:
    """Print the columns beside each other, the longest chain linked; below each other where they are too wide."""
    for line in picture(found, console().width):
        say(line)


def picture(found: Layers, width: int) -> list[str]:
    """Return the lines."""
    lines: list[str] = []
    block: list[list[str]] = []
    for column in found:
        texts = [_text(node) for node in column]
        wider = [*block, texts]
        if block and len(_row(wider, 0)) > width:
            lines += _block(block, first=not lines)
            block = [texts]
        else:
            block = wider
    return lines + _block(block, first=not lines)


def _text(node: Node) -> str:
    times = f" ×{node.stages}" if node.stages > 1 else ""
    done = " (done)" if node.done == node.stages else f" ({node.done} done)" if node.done else ""
    return f"{node.name}{times}{done}"


def _block(block: list[list[str]], *, first: bool) -> list[str]:
    start = ("", "") if first else (_LINK.lstrip(), _GAP[1:])
    rows = range(max(map(len, block), default=0))
    return [f"{start[bool(row)]}{_row(block, row)}".rstrip() for row in rows]


def _row(block: list[list[str]], row: int) -> str:
    widths = [max(map(len, column)) for column in block]
    cells = [column[row] if row < len(column) else "" for column in block]
    padded = [cell.ljust(size) for cell, size in zip(cells, widths, strict=True)]
    return (_LINK if row == 0 else _GAP).join(padded)
