"""Where everything lies below a store's prefix. Keys are POSIX paths without a leading slash."""

from assay.artifacts.documents import ArtifactRef


def stage_key(ref: ArtifactRef) -> str:
    """The folder of one stage."""
    return f"stages/{ref}"


def stage_document_key(ref: ArtifactRef) -> str:
    """The stage's identity."""
    return f"stages/{ref}/stage.json"


def record_key(ref: ArtifactRef) -> str:
    """The stage's record, written last."""
    return f"stages/{ref}/record.json"


def attempt_key(ref: ArtifactRef, number: int) -> str:
    """The folder of one attempt: data, progress, logs."""
    return f"stages/{ref}/attempts/{number}"


def claim_key(ref: ArtifactRef, number: int) -> str:
    """The claim on one attempt, created by conditional PUT."""
    return f"{attempt_key(ref, number)}/attempt.json"


def heartbeat_key(ref: ArtifactRef, number: int) -> str:
    """The attempt's sign of life."""
    return f"{attempt_key(ref, number)}/heartbeat.json"


def progress_key(ref: ArtifactRef, number: int) -> str:
    """What the attempt does now."""
    return f"{attempt_key(ref, number)}/progress.json"


def failure_key(ref: ArtifactRef, number: int) -> str:
    """Why the attempt failed."""
    return f"{attempt_key(ref, number)}/failure.json"


def log_key(ref: ArtifactRef, number: int) -> str:
    """What the attempt printed."""
    return f"{attempt_key(ref, number)}/log.txt"


def data_key(ref: ArtifactRef, number: int, path: str) -> str:
    """One output file of an attempt."""
    return f"{attempt_key(ref, number)}/data/{path}"


def resume_key(ref: ArtifactRef, path: str) -> str:
    """What an attempt leaves for the next one to go on from, dropped once the stage is done.

    It may be thousands of objects, so it lies outside the stage's folder, which whoever watches the stage lists.
    """
    return f"resume/{ref.fingerprint}/{path}"


def use_key(ref: ArtifactRef, experiment: str) -> str:
    """Says that an experiment (`<namespace>/<name>`) relies on the stage."""
    return f"uses/{ref.fingerprint}/{experiment}"


def experiment_key(experiment: str, path: str) -> str:
    """A document of one experiment: plan, verdicts, report."""
    return f"experiments/{experiment}/{path}"


INDEX = "index.html"
"""A page over all experiments, beside them, so that its links lead to their reports."""
