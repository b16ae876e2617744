"""What the command lines share: options, commands that are imported when called, and how errors look."""

import importlib
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.errors import AssayError


class Output(StrEnum):
    """Who reads what a command prints."""

    TEXT = "text"
    JSON = "json"


Json = Annotated[
    Output, typer.Option("--output", "-o", help="For people, or for programs; `run` prints a line per event.")
]


def _stages(context: typer.Context, incomplete: str) -> list[str]:
    """Return what a shell may complete: the stages of the file that is named before."""
    file = context.params.get("file")
    found: list[str] = importlib.import_module("assay.cli.complete").stages_in(Path(file)) if file else []
    return [label for label in found if label.startswith(incomplete)]


Stage = Annotated[
    str,
    typer.Argument(
        help="Such as with-refusals/sft or with-refusals/sft[seed=1].",
        show_default=False,
        autocompletion=_stages,
    ),
]


def new_app(name: str, about: str, *, completion: bool = False) -> typer.Typer:
    """Return a command line without commands yet; a shell's `completion` is its own, and not a plugin's."""
    return typer.Typer(
        name=name,
        help=about,
        no_args_is_help=True,
        add_completion=completion,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def command(name: str) -> Callable[..., None]:
    """Import a command; only the one that is called is, so that `--help` is quick."""
    main: Callable[..., None] = importlib.import_module(f"assay.cli.{name}").main
    return main


def run(app: typer.Typer, **settings: Any) -> None:
    """Run a command line; errors a user can act on are told without a traceback."""
    try:
        app(standalone_mode=True, **settings)
    except AssayError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(f"error: {error.strerror}: {error.filename or 'standard output'}\n")
        sys.exit(2)
