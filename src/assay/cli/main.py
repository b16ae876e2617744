"""`assay`: the commands."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from assay.cli.entry import Json, Output, Stage, command, new_app
from assay.cli.entry import run as run_app

app = new_app(
    "assay",
    "Ablation experiments on LLM training data: one spec, every distinct piece of work once, and statistics.",
    completion=True,
)

File = Annotated[Path, typer.Argument(help="The experiment's YAML file.", show_default=False)]
Store = Annotated[
    str, typer.Option(help="A folder, or s3://bucket/prefix.", envvar="ASSAY_STORE", show_default=True)
]

Named = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE",
        help="NAME or NAMESPACE/NAME, as the store knows it; or the experiment's YAML file.",
        show_default=False,
    ),
]

Priced = Annotated[
    Path | None,
    typer.Option(help="A Profile's YAML file: say what GPU-hours cost at its prices.", show_default=False),
]

STORE = "assay-store"


@app.command()
def init(
    template: Annotated[
        Literal["minimal", "poison", "resistance"], typer.Argument(help="What to begin with.")
    ] = "minimal",
    to: Annotated[
        Path | None, typer.Option(help="The file to write; absent: TEMPLATE.yaml.", show_default=False)
    ] = None,
) -> None:
    """Write a spec to begin with, whose comments teach."""
    command("init")(template, to)


@app.command()
def validate(file: File, output: Json = Output.TEXT) -> None:
    """Check a spec without running anything."""
    command("validate")(file, output=output)


@app.command()
def plan(
    file: File,
    store: Store = STORE,
    profile: Annotated[
        Path | None,
        typer.Option(
            help="A Profile's YAML file: say whether trainings fit its GPUs, and how many GPU-hours all would take.",
            show_default=False,
        ),
    ] = None,
    expect: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file of inputs that are not here, `inputs: [{uri: …, bytes: …}]`: plan as if they were.",
            show_default=False,
        ),
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """Say what would run, what would be reused, and why."""
    command("plan")(file, store, profile=profile, expect=expect, output=output)


@app.command()
def run(
    file: File,
    store: Store = STORE,
    parallel: Annotated[
        int | None, typer.Option(help="Most stages at once; absent: the machine's cores.", min=1)
    ] = None,
    approve: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST",
            help="Where the experiment wants approval: the digest of the plan, as `assay plan` prints it; absent: you are asked.",
            show_default=False,
        ),
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """Run what is not done yet, here, and print the verdicts."""
    command("run")(file, store, parallel=parallel, approve=approve, output=output)


@app.command()
def status(
    file: File,
    store: Store = STORE,
    watch: Annotated[  # noqa: FBT002 -- a flag
        bool, typer.Option("--watch", "-w", help="Go on until every stage is final; Ctrl-C ends it.")
    ] = False,
    profile: Priced = None,
    output: Json = Output.TEXT,
) -> None:
    """Say how every stage stands."""
    command("status")(file, store, watch=watch, output=output, profile=profile)


@app.command()
def logs(file: File, stage: Stage, store: Store = STORE) -> None:
    """Print what the latest attempt at a stage printed."""
    command("logs")(file, stage, store)


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
    profile: Priced = None,
    output: Json = Output.TEXT,
) -> None:
    """Write the report from what is done so far."""
    command("report")(file, store, to=to, output=output, profile=profile)


@app.command()
def compare(
    file: File,
    store: Store = STORE,
    flips: Annotated[
        str | None,
        typer.Option(help="Show the items of this task on which the arms differ.", show_default=False),
    ] = None,
    contrast: Annotated[
        str | None,
        typer.Option(
            help="With flips: of this contrast, or of `comparison/contrast[axis=value]`; absent: of the only one.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="With flips: most items to show.", min=1)] = 20,
    texts: Annotated[  # noqa: FBT002 -- an option of the command line
        bool, typer.Option("--texts", help="With flips: print what the models answered, whatever it is.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Write the verdicts to a .csv or .parquet file, a row each; or every run's scores to a folder, as lm-eval's results JSON.",
            show_default=False,
        ),
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """Print the verdicts of what is done, and the items behind them."""
    command("compare")(
        file, store, flips=flips, contrast=contrast, limit=limit, texts=texts, to=to, output=output
    )


@app.command(name="import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="The experiment's YAML file, which is written.", show_default=False)
    ],
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="ARM/SEED=FOLDER...",
            help="Each run, and the folder that `lm_eval --log_samples` wrote of it; other arms are held against the first.",
            show_default=False,
        ),
    ],
) -> None:
    """Make an experiment of evaluations that lm-evaluation-harness has carried out elsewhere."""
    command("imports")(file, runs)


@app.command()
def explain(file: File, stage: Stage, store: Store = STORE, output: Json = Output.TEXT) -> None:
    """Name the fields in which a stage differs from the nearest one in the store."""
    command("explain")(file, stage, store, output=output)


@app.command()
def diff(
    file: File,
    before: Annotated[
        str,
        typer.Argument(
            metavar="FILE|ARM|STAGE",
            help="Another experiment's file; or an arm of this one; or a stage such as with-refusals/sft.",
            show_default=False,
        ),
    ],
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="[ARM|STAGE]", help="The arm or stage to hold it against.", show_default=False
        ),
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """Name the stages of two experiments, or of two arms, that differ, and the fields that make it."""
    command("diff")(file, before, after, output=output)


@app.command()
def ledger(
    experiment: Annotated[
        str,
        typer.Argument(
            help="EXPERIMENT/STAGE, as the store's report knows them; or the experiment's YAML file.",
            show_default=False,
        ),
    ],
    stage: Annotated[
        str | None, typer.Argument(help="With a file: the stage, such as with-refusals/cleaned.")
    ] = None,
    store: Store = STORE,
    row: Annotated[
        str | None, typer.Option(help="Tell what became of the row whose id starts so.", show_default=False)
    ] = None,
    step: Annotated[
        str | None, typer.Option(help="Only lines of this step, or `intake`.", show_default=False)
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            help="So many lines at random; more lines hold the same ones.",
            min=1,
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Without sample: most lines to print.", min=1)] = 20,
    output: Json = Output.TEXT,
) -> None:
    """Show which rows a clean stage dropped or changed, by which step, and why."""
    command("ledger")(experiment, stage, store, row=row, step=step, sample=sample, limit=limit, output=output)


@app.command()
def export(
    file: File,
    to: Annotated[Path, typer.Option(help="The folder to make.", show_default=False)],
    store: Store = STORE,
    without_models: Annotated[  # noqa: FBT002 -- a flag
        bool, typer.Option("--without-models", help="Leave out what trainings wrote: a run trains again.")
    ] = False,
) -> None:
    """Make a folder that reproduces an experiment by itself: spec, inputs, artifacts, report."""
    command("export")(file, store, to=to, models=not without_models)


@app.command()
def index(
    store: Store = STORE,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder for index.html and a copy of every report; absent: the store itself."),
    ] = None,
    output: Json = Output.TEXT,
) -> None:
    """List the experiments of a store, and write a page with a link to every report."""
    command("index")(store, to=to, output=output)


@app.command()
def pin(experiment: Named, store: Store = STORE) -> None:
    """Keep what an experiment relies on, whatever becomes of it."""
    command("pin")(experiment, store)


@app.command()
def unpin(experiment: Named, store: Store = STORE) -> None:
    """Take an experiment's pins away."""
    command("unpin")(experiment, store)


@app.command()
def forget(
    experiment: Named,
    store: Store = STORE,
    superseded: Annotated[  # noqa: FBT002 -- a flag
        bool, typer.Option("--superseded", help="Only of what the file does not ask for any more.")
    ] = False,
) -> None:
    """Say that an experiment does not rely on its stages any more, so that gc may take them."""
    command("forget")(experiment, store, superseded=superseded)


@app.command()
def gc(
    store: Store = STORE,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Spare what was written within this time: 7d, 12h, 30m.")
    ] = "7d",
    yes: Annotated[bool, typer.Option("--yes", help="Delete it.")] = False,  # noqa: FBT002 -- a flag
    output: Json = Output.TEXT,
) -> None:
    """Say which stages nobody relies on; delete them with --yes."""
    command("gc")(store, older_than=older_than, yes=yes, output=output)


@app.command()
def schema() -> None:
    """Print the custom resource definitions of Experiment, Profile and Approval."""
    command("schema")()


def main() -> None:
    """Run the command line."""
    run_app(app)
