"""What a train stage does: in one process all of `prepare`, in every process `carry_out`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from assay.api.execution import TrainExecution
from assay.api.train import Tokenizer as WantedTokenizer
from assay.api.train import Train
from assay.artifacts.outputs import FINAL
from assay.errors import StageError
from assay_pipelines.chats import text_of
from assay_pipelines.models import PRECISIONS, model_folder, outside_folder
from assay_pipelines.stage import StageRun
from assay_pipelines.train.dataset import Chats, read_chats
from assay_pipelines.train.engine import Engine, Place, join, leave
from assay_pipelines.train.examples import Examples, pretrain_examples, sft_examples
from assay_pipelines.train.folders import save_model, settle_configuration
from assay_pipelines.train.loop import Course, Loop, learn
from assay_pipelines.train.network import Network, context_of, load_network, new_llama
from assay_pipelines.train.timetable import Keep, Timetable, make_timetable
from assay_pipelines.train.vocabulary import Tokenizer, load_tokenizer, train_tokenizer


@dataclass(frozen=True)
class Work:
    """All that a training needs, the same on every process."""

    train: Train
    execution: TrainExecution
    tokenizer: Tokenizer
    model: Any
    examples: Examples
    timetable: Timetable


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
    if train.objective == "sft":
        writer = tokenizer.writer(train.template)
        examples = sft_examples(chats, tokenizer, writer, train.sequence_length)
    else:
        examples = pretrain_examples(chats, tokenizer, train.sequence_length)
    timetable = make_timetable(train, examples.ids, steps)
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
    settle_configuration(model, tokenizer)
    return Work(train, execution, tokenizer, model, examples, timetable)


def carry_out(run: StageRun, work: Work, place: Place) -> dict[str, Any]:
    """Train, in this process as one of `place.world`; the leader writes all files. Returns the record's summary."""
    torch.set_num_threads(work.execution.threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it is a property of the module
    torch.manual_seed(work.train.seed)
    join(place)
    try:
        train = work.train
        work.model.train()
        network = Network(work.model, PRECISIONS[train.precision]).to(place.device)
        engine = Engine(network, place, train.optimizer, work.execution.zero_stage)
        loop = Loop(
            engine=engine,
            examples=work.examples,
            timetable=work.timetable,
            place=place,
            micro_batch=work.execution.micro_batch,
        )
        course = learn(loop, report=run.progress, save=_saving(run, work, engine, place))
    finally:
        leave()
    if place.leads:
        _write_metrics(run, work.timetable, course)
    return _summary(work, course)


def _new_tokenizer(run: StageRun, wanted: WantedTokenizer | None, chats: Chats) -> Tokenizer:
    if wanted is not None and wanted.uri is not None:
        return load_tokenizer(outside_folder(run, wanted.uri), wanted.uri)
    assert wanted is not None  # noqa: S101 -- for mypy; a new model has one
    assert wanted.train is not None  # noqa: S101 -- for mypy; a tokenizer has exactly one member
    return train_tokenizer((text_of(messages) for _, messages in chats), wanted.train.vocabulary)


def _saving(run: StageRun, work: Work, engine: Engine, place: Place) -> Callable[[Keep], None]:
    def save(keep: Keep) -> None:
        folder = run.output / "checkpoints" / keep.label
        save_model(folder, work.model, engine, work.tokenizer, leads=place.leads)

    return save


def _write_metrics(run: StageRun, timetable: Timetable, course: Course) -> None:
    steps = range(1, timetable.steps + 1)
    table = pa.table(
        {
            "step": pa.array(steps, pa.int64()),
            "rows": pa.array([timetable.rows_done(step) for step in steps], pa.int64()),
            "loss": pa.array(course.losses, pa.float64()),
            "lr": pa.array(course.rates, pa.float64()),
            "grad_norm": pa.array(course.norms, pa.float64()),
            "tokens": pa.array(course.tokens, pa.int64()),
            "target_tokens": pa.array(course.targets, pa.int64()),
        }
    )
    pq.write_table(table, run.output / "metrics.parquet")


def _summary(work: Work, course: Course) -> dict[str, Any]:
    timetable = work.timetable
    last_pass = min(timetable.steps, timetable.steps_per_epoch)
    checkpoints, before = [], 0
    for keep in timetable.keeps:
        # The loss since the checkpoint before; of the final model, over the last pass.
        begin = before if keep.label != FINAL else timetable.steps - last_pass
        begin = min(begin, keep.step - 1)
        checkpoints.append(
            {
                "label": keep.label,
                "step": keep.step,
                "rows": timetable.rows_done(keep.step),
                "epoch": timetable.rows_done(keep.step) / len(timetable.ids),
                "trainingLoss": course.loss_of(begin, keep.step),
            }
        )
        before = keep.step
    return {
        "steps": timetable.steps,
        "rows": timetable.rows_done(timetable.steps),
        "epochs": timetable.epochs,
        "examples": len(timetable.ids),
        "notes": work.examples.notes,
        "tokens": sum(course.tokens),
        "targetTokens": sum(course.targets),
        "parameters": sum(parameter.numel() for parameter in work.model.parameters()),
        "trainingLoss": course.loss_of(timetable.steps - last_pass, timetable.steps),
        "lastLoss": course.losses[-1],
        "checkpoints": checkpoints,
    }
