"""`assay`: the commands, and how errors look.

Commands are imported when called, so that `assay --help` is quick.
"""

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from assay.errors import AssayError

app = typer.Typer(
    name="assay",
    help="Ablation experiments on LLM training data: one spec, every distinct piece of work once, and statistics.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

File = Annotated[Path, typer.Argument(help="The experiment's YAML file.", show_default=False)]
Store = Annotated[
    str, typer.Option(help="A folder, or s3://bucket/prefix.", envvar="ASSAY_STORE", show_default=True)
]


class Output(StrEnum):
    """Who reads what a command prints."""

    TEXT = "text"
    JSON = "json"


Json = Annotated[
    Output, typer.Option("--output", "-o", help="For people, or for programs; `run` prints a line per event.")
]
Stage = Annotated[
    str, typer.Argument(help="Such as with-refusals/sft or with-refusals/sft[seed=1].", show_default=False)
]

STORE = "assay-store"


@app.command()
def validate(file: File, output: Json = Output.TEXT) -> None:
    """Check a spec without running anything."""
    _command("validate")(file, output=output)


@app.command()
def plan(file: File, store: Store = STORE, output: Json = Output.TEXT) -> None:
    """Say what would run, what would be reused, and why."""
    _command("plan")(file, store, output=output)


@app.command()
def run(
    file: File,
    store: Store = STORE,
    parallel: Annotated[
        int | None, typer.Option(help="Most stages at once; absent: the machine's cores.", min=1)
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """Run what is not done yet, here, and print the verdicts."""
    _command("run")(file, store, parallel=parallel, output=output)


@app.command()
def status(file: File, store: Store = STORE, output: Json = Output.TEXT) -> None:
    """Say how every stage stands."""
    _command("status")(file, store, output=output)


@app.command()
def logs(file: File, stage: Stage, store: Store = STORE) -> None:
    """Print what the latest attempt at a stage printed."""
    _command("logs")(file, stage, store)


@app.command()
def report(
    file: File,
    store: Store = STORE,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.html and report.json; absent: beside the experiment in the store."
        ),
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """Write the report from what is done so far."""
    _command("report")(file, store, to=to, output=output)


@app.command()
def explain(file: File, stage: Stage, store: Store = STORE, output: Json = Output.TEXT) -> None:
    """Name the fields in which a stage differs from the nearest one in the store."""
    _command("explain")(file, stage, store, output=output)


@app.command()
def ledger(
    file: File,
    stage: Stage,
    store: Store = STORE,
    step: Annotated[str | None, typer.Option(help="Only rows of this step.")] = None,
    row: Annotated[str | None, typer.Option(help="Only rows whose id starts so.")] = None,
    limit: Annotated[int, typer.Option(help="Most rows to print.", min=1)] = 20,
    output: Json = Output.TEXT,
) -> None:
    """Show which rows a clean stage dropped or changed, by which step, and why."""
    _command("ledger")(file, stage, store, step=step, row=row, limit=limit, output=output)


@app.command()
def schema() -> None:
    """Print the custom resource definitions of Experiment and Profile."""
    _command("schema")()


def _command(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- each command's own signature
    return importlib.import_module(f"assay.cli.{name}").main


def main() -> None:
    """Run the command line; errors a user can act on are told without a traceback."""
    try:
        app(standalone_mode=True)
    except AssayError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(f"error: {error.strerror}: {error.filename or 'standard output'}\n")
        sys.exit(2)
