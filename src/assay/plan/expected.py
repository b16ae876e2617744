"""How many GPU-hours the stages of a plan take, before they run: as many as alike ones took, else by arithmetic.

Two stages are alike if they say the same but for what moves no cost: seeds and learning rates. Where the data differ, the pace of
an otherwise alike training counts. Where there is none either, a training is 6 operations per weight and token (4 where weights
stay as they are, 8 where pairs are compared: a model as it was is asked too) at an assumed share of the GPUs' peak. Its tokens
are its sources' bytes over 4, no row dropped. What nobody can know so is unknown; no figure stands in for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from assay.api.gpus import peak_of, plain_name
from assay.api.model import RESOLVED
from assay.api.train import Train
from assay.artifacts.canonical import digest
from assay.artifacts.documents import ArtifactRef, StageDocument, is_artifact
from assay.artifacts.endings import endings
from assay.artifacts.kinds import Kind
from assay.plan.fit import Folder, UnknownSize, shape_of
from assay.plan.plan import Plan

SHARE = 0.3
"""Of a GPU's peak that a training is assumed to reach."""
BYTES = 4
"""Of a source's files that are assumed to become one token."""

_SECONDS = 3600
_COSTLESS = frozenset({"seed", "optimizer", "schedule", "beta"})
_DATA = _COSTLESS | {"data", "epochs", "stepsOf", "checkpoints", "split"}
_PLAIN = frozenset({".json", ".jsonl", ".txt", ".csv", ".tsv"})  # whose bytes are text


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A stage that is done, whoever asked for it."""

    document: StageDocument
    gpu: str  # its name
    gpu_hours: float
    pace: float | None = None  # of a training: tokens per second and GPU


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What stages run on."""

    gpus: Mapping[Kind, int]  # that one stage of a kind holds
    names: Mapping[Kind, str]  # of those GPUs; "" where nobody says


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one stage takes."""

    gpu_hours: float | None  # None: nobody knows
    why: str
    assumed: bool = False  # by arithmetic


class _Unknown(Exception):
    """The message says why."""


def expected_of(
    plan: Plan, machines: Machines, folders: Mapping[str, Folder], earlier: Iterable[Earlier]
) -> dict[ArtifactRef, Expected]:
    """Say of every stage that holds GPUs how many GPU-hours it takes; `folders` are models' by content identity."""
    known = [item for item in earlier if _same(item.gpu, machines.names[item.document.kind])]
    reader = _Reader(plan, machines, folders, known)
    return {stage.ref: reader.expected(stage.document) for stage in plan.stages if machines.gpus[stage.kind]}


def _same(gpu: str, pool: str) -> bool:
    return not pool or plain_name(gpu) == plain_name(pool)


class _Reader:
    """Looks the plan's stages up."""

    def __init__(
        self, plan: Plan, machines: Machines, folders: Mapping[str, Folder], earlier: list[Earlier]
    ) -> None:
        self._plan = plan
        self._machines = machines
        self._folders = folders
        self._earlier = earlier
        self._known = {item.document.ref: item.document for item in earlier}
        self._known |= {stage.ref: stage.document for stage in plan.stages}
        self._likenesses: dict[tuple[ArtifactRef, frozenset[str]], str] = {}

    def expected(self, document: StageDocument) -> Expected:
        took = self._took.get(self._likeness(document, _COSTLESS), [])
        if took:
            of = "an alike stage" if len(took) == 1 else f"{len(took)} alike stages"
            return Expected(gpu_hours=median(took), why=f"as {of} took")
        if document.kind is not Kind.TRAIN:
            return Expected(gpu_hours=None, why=f"no alike {document.kind.value} stage is done")
        try:
            return self._training(document)
        except (_Unknown, UnknownSize) as why:
            return Expected(gpu_hours=None, why=str(why))

    def _training(self, document: StageDocument) -> Expected:
        tokens = self._tokens(document)
        told = f"{count(tokens)} tokens, no row dropped"
        paces = self._paces.get(self._likeness(document, _DATA), [])
        if paces:
            pace = median(paces)
            return Expected(
                gpu_hours=tokens / pace / _SECONDS,
                why=f"{told}, at {pace:,.0f} per second and GPU, as measured",
            )
        train = Train.model_validate(document.spec, context=RESOLVED)
        if train.precision != "bf16":
            raise _Unknown(f"the peak of GPUs in {train.precision} is not known here")
        gpu = self._machines.names[Kind.TRAIN]
        if not gpu:
            raise _Unknown("the train pool's selector names no GPU")
        peak = peak_of(gpu)
        if peak is None:
            raise _Unknown(f"the peak of {gpu} is not known here")
        each = 8 if train.objective == "dpo" else 4 if train.lora is not None else 6
        parameters = shape_of(self._plan, train, self._folders).parameters
        return Expected(
            gpu_hours=each * parameters * tokens / (SHARE * peak) / _SECONDS,
            why=f"{told}, {count(parameters)} weights",
            assumed=True,
        )

    def _tokens(self, document: StageDocument) -> float:
        train = Train.model_validate(document.spec, context=RESOLVED)
        if train.steps_of is None:
            return (train.epochs or 1) * self._bytes(ArtifactRef(train.data.from_)) / BYTES
        other = self._known.get(ArtifactRef(train.steps_of))
        if other is None or any(
            other.spec.get(name) != document.spec.get(name) for name in ("batchSize", "batchUnit")
        ):
            raise _Unknown("it takes as many steps as another training, whose batches are others")
        return self._tokens(other)

    def _bytes(self, ref: ArtifactRef) -> int:
        document = self._known.get(ref)
        if document is None or document.kind is not Kind.CLEAN:
            raise _Unknown("it learns from answers that are not written yet")
        total = 0
        for source in document.spec["sources"]:
            if source.get("from"):
                total += self._bytes(ArtifactRef(source["from"]))
                continue
            location = self._plan.locations.get(source["uri"])
            files = () if location is None else location.files
            if not files:
                raise _Unknown(f"the size of source {source['name']} is not known before it is read")
            if packed := [file.path for file in files if set(endings(file.path)) - _PLAIN - {""}]:
                raise _Unknown(f"how much text is in {packed[0]} is not known before it is read")
            total += sum(file.size for file in files)
        return total

    @cached_property
    def _took(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for item in self._earlier:
            found.setdefault(self._likeness(item.document, _COSTLESS), []).append(item.gpu_hours)
        return found

    @cached_property
    def _paces(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for item in self._earlier:
            if item.pace:
                found.setdefault(self._likeness(item.document, _DATA), []).append(item.pace)
        return found

    def _likeness(self, document: StageDocument, without: frozenset[str]) -> str:
        """Return what all stages have that say the same but for these members, and whose inputs do."""
        key = document.ref, without
        if key not in self._likenesses:
            self._likenesses[key] = digest(
                "assay.likeness/1", [document.kind.value, self._said(document.spec, without)]
            )
        return self._likenesses[key]

    def _said(self, value: Any, without: frozenset[str]) -> Any:
        if is_artifact(value) and (read := self._known.get(ArtifactRef(value))) is not None:
            return self._likeness(read, without)
        if isinstance(value, dict):
            return {name: self._said(item, without) for name, item in value.items() if name not in without}
        if isinstance(value, list | tuple):
            return [self._said(item, without) for item in value]
        return value


def count(number: float) -> str:
    """Write a large number for people, such as `6.74 billion`."""
    for unit, name in ((10**9, "billion"), (10**6, "million")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:,.0f}"
