"""`kubectl assay`: the commands. kubectl finds the program by its name, `kubectl-assay`."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.entry import Json, Output, Stage, command, new_app
from assay.cli.entry import run as run_app

app = new_app(
    "kubectl-assay",
    "Experiments in a cluster: how they stand, what they showed, and what may be asked of them.",
)

Name = Annotated[str, typer.Argument(help="The Experiment's name.", show_default=False)]
Everywhere = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="Without a name: those of all namespaces.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="As kubectl's.", show_default=False)]
Context = Annotated[str | None, typer.Option(help="As kubectl's.", show_default=False)]
Kubeconfig = Annotated[str | None, typer.Option(help="As kubectl's.", show_default=False)]


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(help="The Experiment's name; absent: all of them.", show_default=False)
    ] = None,
    everywhere: Everywhere = False,  # noqa: FBT002 -- a flag
    output: Json = Output.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say how an experiment and its stages stand, and why it waits."""
    flags = _flags(namespace, context, kubeconfig)
    command("kubectl.status")(flags, name, everywhere=everywhere, output=output)


@app.command()
def plan(
    name: Name,
    output: Json = Output.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show the frozen plan: what each stage is, what becomes of it, and why."""
    command("kubectl.plan")(_flags(namespace, context, kubeconfig), name, output=output)


@app.command()
def logs(
    name: Name,
    stage: Stage,
    follow: Follow = False,  # noqa: FBT002 -- a flag
    attempt: Annotated[int | None, typer.Option(help="Its number; absent: the latest.", min=1)] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print what an attempt at a stage printed."""
    flags = _flags(namespace, context, kubeconfig)
    command("kubectl.logs")(flags, name, stage, follow=follow, number=attempt)


@app.command()
def report(
    name: Name,
    html: Annotated[Path | None, typer.Option(help="A file to write the page to.")] = None,
    output: Json = Output.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print the verdicts of what is done so far."""
    command("kubectl.report")(_flags(namespace, context, kubeconfig), name, html=html, output=output)


@app.command()
def approve(
    name: Name,
    comment: Annotated[str | None, typer.Option(help="Why, for whoever reads it later.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print the plan that awaits approval, and approve it."""
    command("kubectl.approve")(_flags(namespace, context, kubeconfig), name, comment=comment)


@app.command()
def retry(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Have what failed tried again, on the same plan."""
    command("kubectl.retry")(_flags(namespace, context, kubeconfig), name)


@app.command()
def replan(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Look the sources up anew, and plan with what they hold now."""
    command("kubectl.replan")(_flags(namespace, context, kubeconfig), name)


def _flags(namespace: str | None, context: str | None, kubeconfig: str | None) -> tuple[str, ...]:
    given = {"--namespace": namespace, "--context": context, "--kubeconfig": kubeconfig}
    return tuple(f"{flag}={value}" for flag, value in given.items() if value is not None)


def main() -> None:
    """Run the command line."""
    run_app(app, prog_name="kubectl assay")
