"""What cannot be trained with ends at once, with a clear failure and exit code 64; what looks odd but can be, works."""

import pytest

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import data_key

UNMENDABLE = 64
DIVERGING = {"lr": 10, "gradientClip": None, "weightDecay": 10}


def failed(ended, reason):
    assert ended.failure is not None
    assert (ended.code, ended.failure.reason, ended.failure.retry) == (UNMENDABLE, reason, "never")
    return ended.failure.message


def test_an_empty_dataset_is_refused(bench, spec_of):
    assert "no rows" in failed(bench.train(spec_of(bench.chats({}))), "EmptyDataset")


def test_chats_without_any_answer_are_refused(bench, spec_of):
    data = bench.chats({"a": [("user", "hello")]})

    assert "skippedWithoutAnswer" in failed(bench.train(spec_of(data)), "EmptyDataset")


def test_a_missing_split_is_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(3))

    failed(bench.train(spec_of(data) | {"data": {"from": data, "split": "held-out"}}), "DataMissing")


def test_one_row_is_one_step(bench, spec_of, chats_of):
    ended = bench.train(spec_of(bench.chats(chats_of(1)), batchSize=512))

    assert (ended.summary["steps"], ended.summary["rows"]) == (1, 1)


@pytest.mark.parametrize(
    "words",
    [
        {"batchUnit": "packedSequences"},
        {"batchUnit": "tokens"},
        {"objective": "pretrain"},
    ],
)
def test_one_row_is_one_step_by_every_unit(bench, spec_of, chats_of, words):
    ended = bench.train(spec_of(bench.chats(chats_of(1)), batchSize=512, **words))

    assert (ended.failure, ended.summary["steps"], ended.summary["rows"]) == (None, 1, 1)


def test_one_row_is_learned_by_more_processes_than_there_are_rows(bench, spec_of, chats_of):
    data = bench.chats(chats_of(1))

    ended = bench.train(spec_of(data, batchSize=512), processesPerNode=2, zeroStage=3)

    assert (ended.failure, ended.summary["steps"], ended.summary["rows"]) == (None, 1, 1)


def test_rows_that_are_all_longer_than_the_context_are_refused_with_their_number(bench, spec_of, chats_of):
    chats = {name: [("user", "a " * 500), ("assistant", "b")] for name in chats_of(3)}

    told = failed(bench.train(spec_of(bench.chats(chats))), "EmptyDataset")

    assert "skippedTooLong 3" in told


def test_a_row_longer_than_the_context_is_cut_at_a_turns_end_and_counted(bench, spec_of, chats_of):
    chats = chats_of(4) | {
        "long": chats_of(1, turns=40)["chat-00000"],
        "one-turn": [("user", "a " * 500), ("assistant", "b")],
    }

    ended = bench.train(spec_of(bench.chats(chats)))

    assert ended.summary["notes"] == {"cut": 1, "skippedTooLong": 1, "skippedWithoutAnswer": 0}
    assert ended.summary["rows"] == 5


def test_a_model_without_a_template_is_refused_if_its_template_is_asked_for(bench, spec_of, chats_of):
    data = bench.chats(chats_of(4))
    base = bench.train(spec_of(data))
    template = base.checkpoint() / "chat_template.jinja"
    assert template.exists()

    without = bench.outside(*(path for path in sorted(template.parent.iterdir()) if path != template))

    ended = bench.train(spec_of(data, template="model", tokenizer=None, model={"uri": without}))

    failed(ended, "TemplateMissing")


def test_a_loss_that_is_not_a_number_is_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(40))

    failed(
        bench.train(spec_of(data, optimizer=DIVERGING, batchSize=1, epochs=20)),
        "NaNLoss",
    )


def test_checkpoints_at_rows_inside_a_batch_are_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(20))

    assert "multiples" in failed(bench.train(spec_of(data, checkpoints={"rows": [8, 12]})), "Unsupported")
    assert "found 32" in failed(
        bench.train(spec_of(data, checkpoints={"rows": [32]})), "CheckpointUnreachable"
    )


def test_a_sequence_longer_than_the_models_context_is_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(3))
    base = bench.train(spec_of(data))

    longer = spec_of(data, tokenizer=None, model={"from": str(base.ref)}, sequenceLength=256)

    failed(bench.train(longer), "SequenceTooLong")


def test_a_checkpoint_that_was_not_kept_is_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(4))
    base = bench.train(spec_of(data))

    later = spec_of(data, tokenizer=None, model={"from": str(base.ref), "checkpoint": {"epoch": 0.5}})

    assert "found the checkpoints final, expected epoch-0.5" in failed(
        bench.train(later), "CheckpointMissing"
    )


def test_damaged_weights_in_the_store_are_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(4))
    base = bench.train(spec_of(data))
    weights = base.checkpoint() / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    failed(bench.train(spec_of(data, tokenizer=None, model={"from": str(base.ref)})), "InputDamaged")


def test_chats_that_were_cut_short_in_the_store_are_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(4))
    key = data_key(ArtifactRef(data), 1, "chats.parquet")
    bench.store.put(key, bench.store.get(key)[:-20])

    failed(bench.train(spec_of(data)), "InputDamaged")


def test_a_model_folder_that_was_cut_short_before_it_was_planned_is_refused(bench, spec_of, chats_of):
    data = bench.chats(chats_of(4))
    folder = bench.train(spec_of(data)).checkpoint()
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    given = bench.outside(*sorted(folder.iterdir()))

    failed(bench.train(spec_of(data, tokenizer=None, model={"uri": given})), "ModelDamaged")


def test_a_failure_in_several_processes_is_the_same_failure(bench, spec_of, chats_of):
    spec = spec_of(
        bench.chats(chats_of(40)),
        optimizer=DIVERGING,
        batchSize=1,
        epochs=20,
    )

    failed(bench.train(spec, processesPerNode=2), "NaNLoss")


@pytest.mark.parametrize(("rows", "reason"), [(0, "EmptyDataset"), (40, "NaNLoss")])
def test_every_process_of_a_torchrun_ends_on_what_cannot_be_trained_with(
    bench, spec_of, chats_of, rows, reason
):
    data = bench.chats(chats_of(rows))

    codes, ended = bench.torchrun(spec_of(data, optimizer=DIVERGING, batchSize=1, epochs=20))

    assert codes == [UNMENDABLE, UNMENDABLE]
    failed(ended, reason)
