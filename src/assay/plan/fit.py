"""Which trainings of a plan fit into the memory of the GPUs that a Profile gives them, before any of them runs.

A model's size is known from its spec (`llama`), from the configuration and the weights' bytes of its folder, or from the
training that it goes on from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.api.execution import TrainExecution
from assay.api.memory import Load, least_stage, logits_at_once, tokens_at_once
from assay.api.model import RESOLVED, Llama
from assay.api.train import Lora, Train
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan, PlannedStage

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_LLAMA_LIKE = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "olmo2",
)  # whose layers have the linear ones below


class UnknownSize(Exception):
    """A model's size cannot be told before it is loaded; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What can be read of a model folder without loading it."""

    configuration: Mapping[str, Any]
    weights: int  # bytes of its weights' files


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model's type and size."""

    kind: str
    parameters: int
    layers: int
    width: int
    vocabulary: int
    linear: Mapping[
        str, tuple[int, int]
    ]  # each layer's linear ones: name → inputs, outputs; none where unknown


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Trainings that ask the same of each GPU."""

    stages: tuple[str, ...]  # labels
    load: Load
    zero_stage: int  # that they take


@dataclass(frozen=True, kw_only=True)
class Fits:
    """The trainings of a plan."""

    known: tuple[Fit, ...]
    unknown: Mapping[str, str]  # label → why


def fits_of(plan: Plan, execution: TrainExecution, memory: float, folders: Mapping[str, Folder]) -> Fits:
    """Work out every training on GPUs of so many bytes, one per process; `folders` are by content identity."""
    world = execution.nodes * execution.processes_per_node
    found: dict[Load, list[str]] = {}
    unknown: dict[str, str] = {}
    for stage in plan.stages:
        if stage.kind is Kind.TRAIN:
            try:
                found.setdefault(_load(plan, stage, execution, folders), []).append(stage.label)
            except UnknownSize as why:
                unknown[stage.label] = str(why)
    known = [
        Fit(
            stages=tuple(labels),
            load=load,
            zero_stage=least_stage(load, world=world, memory=memory)
            if execution.zero_stage is None
            else execution.zero_stage,
        )
        for load, labels in found.items()
    ]
    return Fits(known=tuple(known), unknown=unknown)


def llama_shape(llama: Llama, vocabulary: int) -> Shape:
    """Return the size of a new model."""
    width = llama.hidden_size
    linear = _linear(width=width, wide=llama.wide, queries=width, keys=width)
    each = sum(inputs * outputs for inputs, outputs in linear.values()) + 2 * width
    tables = 1 if llama.tie_embeddings else 2
    return Shape(
        kind="llama",
        parameters=tables * vocabulary * width + llama.layers * each + width,
        layers=llama.layers,
        width=width,
        vocabulary=vocabulary,
        linear=linear,
    )


def folder_shape(folder: Folder) -> Shape:
    """Return the size of a model in a folder.

    Raises:
        UnknownSize: its configuration does not say, or it has no weights.

    """
    if not folder.weights:
        raise UnknownSize("its folder has no weights")
    said = folder.configuration
    linear: Mapping[str, tuple[int, int]] = {}
    try:
        layers, width = int(said["num_hidden_layers"]), int(said["hidden_size"])
        vocabulary = int(said["vocab_size"])
        each = _BYTES[said.get("dtype") or said["torch_dtype"]]
        if said.get("model_type") in _LLAMA_LIKE:
            heads, wide = int(said["num_attention_heads"]), int(said["intermediate_size"])
            head = int(said.get("head_dim") or width // heads)
            keys = head * int(said.get("num_key_value_heads") or heads)
            linear = _linear(width=width, wide=wide, queries=head * heads, keys=keys)
    except (KeyError, TypeError, ValueError) as missing:
        raise UnknownSize(f"its config.json does not say {missing}") from missing
    return Shape(
        kind=str(said.get("model_type")),
        parameters=folder.weights // each,
        layers=layers,
        width=width,
        vocabulary=vocabulary,
        linear=linear,
    )


def updated(lora: Lora, shape: Shape) -> int:
    """Return how many parameters low-rank updates of a model have.

    Raises:
        UnknownSize: they are of layers that are found when it is loaded.

    """
    targets = lora.targets or tuple(shape.linear)
    if not targets or not set(targets) <= set(shape.linear):
        raise UnknownSize("the layers that lora updates are found when it trains")
    return shape.layers * lora.rank * sum(sum(shape.linear[name]) for name in targets)


def _linear(*, width: int, wide: int, queries: int, keys: int) -> dict[str, tuple[int, int]]:
    return {
        "q_proj": (width, queries),
        "k_proj": (width, keys),
        "v_proj": (width, keys),
        "o_proj": (queries, width),
        "gate_proj": (width, wide),
        "up_proj": (width, wide),
        "down_proj": (wide, width),
    }


def _load(plan: Plan, stage: PlannedStage, execution: TrainExecution, folders: Mapping[str, Folder]) -> Load:
    train = Train.model_validate(stage.document.spec, context=RESOLVED)
    shape = shape_of(plan, train, folders)
    tokens = tokens_at_once(train, execution)
    updates = 0 if train.lora is None else updated(train.lora, shape)
    return Load(
        parameters=shape.parameters + updates,
        learned=updates or shape.parameters,
        layers=shape.layers,
        width=shape.width,
        tokens=tokens,
        logits=logits_at_once(train, tokens, kind=shape.kind, vocabulary=shape.vocabulary),
        half=train.precision == "bf16",
        again=execution.activation_checkpointing,
    )


def shape_of(plan: Plan, train: Train, folders: Mapping[str, Folder]) -> Shape:
    """Return the size of the model that a training starts from.

    Raises:
        UnknownSize: it cannot be told before it is loaded.

    """
    while train.model.from_ is not None:
        before = plan.by_ref[ArtifactRef(train.model.from_)]
        if before.kind is not Kind.TRAIN:
            raise UnknownSize("it begins with a program's model, which is seen when it trains")
        train = Train.model_validate(before.document.spec, context=RESOLVED)
    if train.model.uri is not None:
        if train.model.uri not in folders:
            raise UnknownSize("its model folder's config.json cannot be read here")
        return folder_shape(folders[train.model.uri])
    trained = None if train.tokenizer is None else train.tokenizer.train
    if train.model.llama is None or trained is None:
        raise UnknownSize("its tokenizer is a folder, whose entries are counted when it trains")
    return llama_shape(train.model.llama, trained.vocabulary)
