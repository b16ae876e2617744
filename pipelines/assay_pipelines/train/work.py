"""What a training needs, read and made ready; `carry_out.py` trains."""

from dataclasses import dataclass
from typing import Any

import torch

from assay.api.execution import TrainExecution
from assay.api.train import Tokenizer as WantedTokenizer
from assay.api.train import Train
from assay.errors import StageError
from assay_pipelines.chats import text_of
from assay_pipelines.models import model_folder, outside_folder
from assay_pipelines.stage import StageRun
from assay_pipelines.train.dataset import StoredChats, read_chats, read_rejected
from assay_pipelines.train.documents import join_documents
from assay_pipelines.train.examples import Examples, pretrain_examples, sft_examples
from assay_pipelines.train.folders import settle_configuration
from assay_pipelines.train.lora import add_adapters
from assay_pipelines.train.network import context_of, load_network, new_llama
from assay_pipelines.train.preferences import preference_examples
from assay_pipelines.train.speed import operations_per_token
from assay_pipelines.train.timetable import Timetable, make_timetable
from assay_pipelines.train.vocabulary import Tokenizer, load_tokenizer, train_tokenizer


@dataclass(frozen=True, kw_only=True)
class Work:
    """All that a training needs, the same on every process."""

    train: Train
    execution: TrainExecution
    tokenizer: Tokenizer
    model: Any
    name: str  # of the model it begins with
    examples: Examples
    timetable: Timetable
    parameters: int
    trained: int  # parameters that are learned
    operations: float  # floating-point, of a token


def prepare(run: StageRun) -> Work:
    """Read the stage's inputs.

    Raises:
        StageError: the data, the model or the spec cannot be trained with.

    """
    train, execution = run.words(Train), TrainExecution.model_validate(run.execution)
    torch.set_num_threads(execution.threads)
    torch.manual_seed(train.seed)
    steps = None
    if train.steps_of is not None:
        steps = int(run.record(train.steps_of).outputs.summary["steps"])
    chats = read_chats(run, train.data.from_, train.data.split)
    folder = None if train.model.llama is not None else model_folder(run, train.model)
    name = train.model.from_ or train.model.uri or "llama"
    tokenizer = load_tokenizer(folder, name) if folder else _new_tokenizer(run, train.tokenizer, chats)
    examples = _examples(train, chats, tokenizer)
    timetable = make_timetable(train, examples.ids, examples.lengths, steps)
    if folder is not None:
        model = load_network(folder, name, tokenizer)
    else:
        assert train.model.llama is not None  # noqa: S101 -- for mypy; a ModelRef has exactly one member
        model = new_llama(train.model.llama, tokenizer)
    context = context_of(model)
    if context is not None and train.sequence_length > context:
        raise StageError(
            "SequenceTooLong",
            "spec.sequenceLength",
            f"found {train.sequence_length}, expected at most the model's context of {context} tokens",
            "Lower sequenceLength, or raise the model's context.",
        )
    if train.batch_unit == "packedSequences" and train.objective == "sft":
        join_documents(model, name)
    settle_configuration(model, tokenizer)
    parameters = _parameters(model)
    operations = operations_per_token(model, examples, frozen=train.lora is not None)
    if train.lora is not None:
        add_adapters(model, train.lora, name)
    return Work(
        train=train,
        execution=execution,
        tokenizer=tokenizer,
        model=model,
        name=name,
        examples=examples,
        timetable=timetable,
        parameters=parameters,
        trained=_parameters(model, learned=True),
        operations=operations,
    )


def _parameters(model: Any, *, learned: bool = False) -> int:
    return sum(one.numel() for one in model.parameters() if one.requires_grad or not learned)


def _examples(train: Train, chats: StoredChats, tokenizer: Tokenizer) -> Examples:
    if train.objective == "pretrain":
        return pretrain_examples(chats, tokenizer, train.sequence_length)
    writer = tokenizer.writer(train.template)
    if train.objective == "sft":
        return sft_examples(chats, tokenizer, writer, train.sequence_length)
    return preference_examples(chats, read_rejected(chats), tokenizer, writer, train.sequence_length)


def _new_tokenizer(run: StageRun, wanted: WantedTokenizer | None, chats: StoredChats) -> Tokenizer:
    if wanted is not None and wanted.uri is not None:
        return load_tokenizer(outside_folder(run, wanted.uri), wanted.uri)
    assert wanted is not None  # noqa: S101 -- for mypy; a new model has one
    assert wanted.train is not None  # noqa: S101 -- for mypy; a tokenizer has exactly one member
    return train_tokenizer((text_of(messages) for _, messages in chats), wanted.train.vocabulary)
