"""Training, in each of its processes: from prepared work to models, metrics and the record's summary."""

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from assay.api.train import DEFAULT_BETA
from assay.artifacts.outputs import FINAL
from assay_pipelines.models import PRECISIONS
from assay_pipelines.stage import StageRun
from assay_pipelines.train.background import Background
from assay_pipelines.train.course import COMPARED, Course
from assay_pipelines.train.engine import Engine, Place, from_leader, join, leave
from assay_pipelines.train.fit import Load, least_stage
from assay_pipelines.train.housekeeping import Housekeeping
from assay_pipelines.train.loop import Loop, learn
from assay_pipelines.train.network import Network, PairNetwork, compile_layers
from assay_pipelines.train.preferences import reference_of
from assay_pipelines.train.speed import speeds
from assay_pipelines.train.state import State, States, draw_on
from assay_pipelines.train.timetable import Timetable
from assay_pipelines.train.work import Work

_POINTS = 48  # of the curve that the report draws


def carry_out(run: StageRun, work: Work, place: Place) -> dict[str, Any]:
    """Train, in this process as one of `place.world`; the leader writes all files. Returns the record's summary."""
    torch.set_num_threads(work.execution.threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it is a property of the module
    torch.manual_seed(work.train.seed)
    join(place)
    try:
        states = States(run, place, Background())
        state = states.find()
        work.model.train()
        if work.execution.activation_checkpointing:
            work.model.gradient_checkpointing_enable({"use_reentrant": False})
        network, reference = _network(work, place)
        course = Course() if state is None else _resumed(work, state)
        stage = _zero_stage(work, place)
        compiled = work.execution.compile and stage < 3
        if compiled:
            compile_layers(work.model, work.name)
        engine = Engine(network, place, work.train.optimizer, stage)
        if state is not None:
            engine.go_on(state.step, state.averages())
            draw_on(state.random(place))
        loop = Loop(
            engine=engine,
            examples=work.examples,
            timetable=work.timetable,
            place=place,
            micro_batch=work.execution.micro_batch,
            reference=reference,
        )
        began, taken = time.monotonic(), course.steps
        with Housekeeping(run, work, engine, states) as between:
            learn(loop, course, between)
        rate = sum(course.tokens[taken:]) / (time.monotonic() - began)
        if place.leads:
            figures = speeds(rate, work.operations, place)
            run.measured(**figures, padding=course.padding_share, zeroStage=stage, compiled=compiled)
    finally:
        leave()
    if place.leads:
        _write_metrics(run, work.timetable, course)
    return _summary(work, course)


def _network(work: Work, place: Place) -> tuple[Network, NDArray[np.float32] | None]:
    """Return what learns, and how it rates pairs before it has learned anything."""
    train, precision = work.train, PRECISIONS[work.train.precision]
    if train.objective != "dpo":
        return Network(work.model, precision).to(place.device), None
    network = PairNetwork(work.model, precision, train.beta or DEFAULT_BETA).to(place.device)
    reference = reference_of(
        network,
        work.examples,
        work.timetable.rows_seen,
        place=place,
        micro_batch=work.execution.micro_batch,
    )
    return network, reference


def _zero_stage(work: Work, place: Place) -> int:
    execution = work.execution
    if execution.zero_stage is not None:
        return execution.zero_stage
    alone = work.train.batch_unit != "packedSequences" and work.train.objective != "dpo"
    longest = int(work.examples.lengths.max()) if alone else work.train.sequence_length
    lines = execution.micro_batch * (2 if work.train.objective == "dpo" else 1)
    load = Load.of(
        work.model,
        tokens=lines * longest,
        half=work.train.precision == "bf16",
        again=execution.activation_checkpointing,
    )
    memory = torch.cuda.mem_get_info(place.device)[1] if place.device.type == "cuda" else None
    return from_leader(place, least_stage(load, world=place.world, memory=memory))


def _resumed(work: Work, state: State) -> Course:
    with torch.no_grad():
        for name, weight in state.weights():
            work.model.get_parameter(name).copy_(weight)
    return state.course()


def _write_metrics(run: StageRun, timetable: Timetable, course: Course) -> None:
    steps = range(1, timetable.steps + 1)
    compared = zip(COMPARED, zip(*course.comparisons, strict=True), strict=False)
    table = pa.table(
        {
            "step": pa.array(steps, pa.int64()),
            "rows": pa.array([timetable.rows_done(step) for step in steps], pa.int64()),
            "loss": pa.array(course.losses, pa.float64()),
            "lr": pa.array(course.rates, pa.float64()),
            "grad_norm": pa.array(course.norms, pa.float64()),
            "tokens": pa.array(course.tokens, pa.int64()),
            "target_tokens": pa.array(course.targets, pa.int64()),
            "sequences": pa.array(course.sequences, pa.int64()),
            **{name: pa.array(values, pa.float64()) for name, values in compared},
        }
    )
    pq.write_table(table, run.output / "metrics.parquet")


def _summary(work: Work, course: Course) -> dict[str, Any]:
    timetable = work.timetable
    last_pass = timetable.last_pass
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
        "sequences": sum(course.sequences),
        "examples": len(timetable.ids),
        "notes": work.examples.notes,
        "tokens": sum(course.tokens),
        "targetTokens": sum(course.targets),
        "parameters": work.parameters,
        "trained": work.trained,
        "trainingLoss": course.loss_of(timetable.steps - last_pass, timetable.steps),
        "lastLoss": course.losses[-1],
        "curve": course.curve(_POINTS),
        "checkpoints": checkpoints,
    }
