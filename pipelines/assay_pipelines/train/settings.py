"""A train stage's spec, typed again, and what this program can do of it."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from assay.api.execution import TrainExecution
from assay.api.train import Train
from assay.errors import StageError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to learn (`train`), where and how (`execution`), and the references as they are resolved."""

    train: Train
    execution: TrainExecution
    data: str  # ArtifactRef
    model: dict[str, Any]  # a ModelRef with ArtifactRef or content identity
    steps_of: str | None  # ArtifactRef
    tokenizer_uri: str | None  # content identity


def read_settings(spec: dict[str, Any], execution: dict[str, Any]) -> Settings:
    """Read a resolved spec.

    Raises:
        StageError: `Unsupported`: it asks for what this program cannot do.

    """
    words = dict(spec, data=dict(spec["data"], **{"from": "data"}))  # references have no place in the schema
    if spec["model"].get("from") is not None:
        words["model"] = dict(spec["model"], **{"from": "model"})
    if spec.get("stepsOf") is not None:
        words["stepsOf"] = "other"
    if str(spec["model"].get("uri", "")).startswith("hub:"):
        words["model"] = dict(spec["model"], uri="hub:model")
    try:
        settings = Settings(
            train=Train.model_validate(words),
            execution=TrainExecution.model_validate(execution),
            data=spec["data"]["from"],
            model=dict(spec["model"]),
            steps_of=spec.get("stepsOf"),
            tokenizer_uri=(spec.get("tokenizer") or {}).get("uri"),
        )
    except ValidationError as error:
        raise StageError(
            "Unsupported",
            "the stage's spec",
            "; ".join(fault["msg"] for fault in error.errors()),
            "Change the spec.",
        ) from error
    _refuse_unsupported(settings.train)
    return settings


def _refuse_unsupported(train: Train) -> None:
    llama = train.model.llama
    if llama is not None and (llama.hidden_size % llama.heads or llama.hidden_size // llama.heads % 2):
        raise StageError(
            "Unsupported",
            "spec.model.llama",
            f"found hiddenSize {llama.hidden_size} over {llama.heads} heads, expected an even whole number per head",
            "Change heads or hiddenSize.",
        )
    if llama is not None and train.tokenizer is None:
        raise StageError(
            "TokenizerMissing",
            "spec.tokenizer",
            "found none, expected one for a new model",
            "Add tokenizer: {train: {vocabulary: …}} or a uri.",
        )
