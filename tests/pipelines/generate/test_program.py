import json
import shutil

import pyarrow.parquet as pq
import pytest
import torch

from assay.artifacts.kinds import Kind
from assay_pipelines.chats import chats_table, write_rows
from assay_pipelines.generate.__main__ import main
from assay_pipelines.inference import load_model

CHATS = [
    [("user", "How do I bake bread?"), ("assistant", "Mix flour.")],
    [("system", "Be brief."), ("user", "Which planet is red?"), ("assistant", "Mars."), ("user", "Why?")],
    [("user", "Write a poem about rain and stones and rivers."), ("assistant", "Rain.")],
    [("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Four")],
    [("user", "Which planet is nearest to the sun?"), ("assistant", "Mercury.")],
]


@pytest.fixture(scope="module")
def model(make_model):
    return make_model()


@pytest.fixture
def trained(bench, model, make_model, tmp_path):
    shutil.copytree(model, tmp_path / "trained" / "checkpoints" / "final")
    shutil.copytree(make_model(seed=1), tmp_path / "trained" / "checkpoints" / "epoch-0.5")
    labels = [{"label": "epoch-0.5"}, {"label": "final"}]
    return bench.done(Kind.TRAIN, {"seed": 1}, tmp_path / "trained", checkpoints=labels)


@pytest.fixture
def prompts(bench, tmp_path):
    def made(*chats, part=None):
        folder = tmp_path / f"prompts-{len(chats)}"
        folder.mkdir()
        name = "chats.parquet" if part is None else f"chats-{part}.parquet"
        write_rows(folder / name, [chats_table("asked", [(chat, {}) for chat in chats])])
        return bench.done(Kind.CLEAN, {"of": len(chats)}, folder)

    return made


def asking(model, prompts, /, **more):
    return {
        "model": {"from": model},
        "checkpoints": "one",
        "prompts": {"from": prompts},
        "temperature": 0,
        "topP": 1,
        "maxTokens": 12,
        "precision": "fp32",
        "seed": 0,
    } | more


def rows_of(done):
    return pq.read_table(done.path("chats.parquet")).to_pylist()


def replies_of(done):
    """Answers by what was asked last."""
    return {row["messages"][-2]["content"]: row["messages"][-1]["content"] for row in rows_of(done)}


def test_each_chat_is_answered_in_place_of_its_last_assistant_turn(bench, trained, prompts):
    done = bench.run(main, Kind.GENERATE, asking(trained, prompts(*CHATS)))

    asked = {tuple(turn["content"] for turn in row["messages"][:-1]) for row in rows_of(done)}
    assert asked == {
        ("How do I bake bread?",),
        ("Be brief.", "Which planet is red?"),
        ("Write a poem about rain and stones and rivers.",),
        ("One", "Two", "Three"),
        ("Which planet is nearest to the sun?",),
    }
    assert {row["messages"][-1]["role"] for row in rows_of(done)} == {"assistant"}
    assert {row["source"] for row in rows_of(done)} == {"generated"}
    assert done.summary["rows"] == 5
    assert done.summary["checkpoints"] == {"final": 5}


def test_an_answer_says_which_prompt_and_which_model_it_is_from(bench, trained, prompts):
    asked = prompts(CHATS[0])
    (row,) = rows_of(bench.run(main, Kind.GENERATE, asking(trained, asked)))

    (prompt,) = chats_table("asked", [(CHATS[0], {})]).column("id").to_pylist()
    assert json.loads(row["meta"]) == {"prompt": prompt, "checkpoint": "final"}


def test_greedy_answers_are_those_of_transformers(bench, trained, prompts, model):
    done = bench.run(main, Kind.GENERATE, asking(trained, prompts(*CHATS)), batch=3)

    loaded = load_model("final", model, precision="fp32", threads=1)
    for row in rows_of(done):
        ids = loaded.tokenizer.apply_chat_template(
            row["messages"][:-1], add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        whole = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=2,
            pad_token_id=0,
        )
        expected = loaded.tokenizer.decode(whole[0, ids.shape[1] :], skip_special_tokens=True)
        assert row["messages"][-1]["content"] == expected


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_answers_do_not_depend_on_the_batch(bench, trained, prompts, temperature):
    spec = asking(trained, prompts(*CHATS), temperature=temperature, topP=0.9)
    outputs = []
    for attempt, batch in enumerate((1, 2, 5), start=1):
        done = bench.run(main, Kind.GENERATE, spec, attempt=attempt, batch=batch)
        outputs.append(done.record.outputs)
        bench.store.delete(f"stages/{done.ref}/record.json")

    assert outputs[0] == outputs[1] == outputs[2]


def test_a_sampled_answer_does_not_depend_on_what_else_is_asked(bench, trained, prompts):
    alone = bench.run(main, Kind.GENERATE, asking(trained, prompts(CHATS[0]), temperature=1))
    together = bench.run(main, Kind.GENERATE, asking(trained, prompts(*CHATS), temperature=1))

    assert replies_of(alone).items() <= replies_of(together).items()


def test_another_seed_samples_other_answers(bench, trained, prompts):
    asked = prompts(*CHATS)
    one = bench.run(main, Kind.GENERATE, asking(trained, asked, temperature=1, seed=1))
    other = bench.run(main, Kind.GENERATE, asking(trained, asked, temperature=1, seed=2))

    assert replies_of(one) != replies_of(other)


def test_all_checkpoints_answer_in_one_stage(bench, trained, prompts):
    done = bench.run(main, Kind.GENERATE, asking(trained, prompts(*CHATS), checkpoints="all"))

    assert done.summary["checkpoints"] == {"epoch-0.5": 5, "final": 5}
    assert len({row["id"] for row in rows_of(done)}) == 10
    assert [row["id"] for row in rows_of(done)] == sorted(row["id"] for row in rows_of(done))


def test_a_limit_asks_the_smallest_row_ids(bench, trained, prompts):
    ref = prompts(*CHATS)
    ids = sorted(chats_table("asked", [(chat, {}) for chat in CHATS]).column("id").to_pylist())
    done = bench.run(main, Kind.GENERATE, asking(trained, ref, prompts={"from": ref, "limit": 2}))

    assert sorted(json.loads(row["meta"])["prompt"] for row in rows_of(done)) == ids[:2]


def test_a_part_that_was_set_aside_can_be_asked(bench, trained, prompts):
    ref = prompts(CHATS[0], part="asked")
    done = bench.run(main, Kind.GENERATE, asking(trained, ref, prompts={"from": ref, "split": "asked"}))

    assert done.summary["rows"] == 1


def test_an_answer_ends_at_the_context(bench, trained, prompts):
    chat = [("user", "Which of the stones and rivers? " * 17), ("assistant", "All.")]
    done = bench.run(main, Kind.GENERATE, asking(trained, prompts(chat), maxTokens=500))

    assert done.summary["truncated"] == 1
    assert 0 < done.summary["tokens"] < 256


def test_a_prompt_too_long_for_the_model_is_refused(bench, trained, prompts):
    chat = [("user", "Which of the stones and rivers? " * 60), ("assistant", "All.")]
    reason, message = bench.run(main, Kind.GENERATE, asking(trained, prompts(chat))).refused

    assert reason == "ContextTooSmall"
    assert "found a context of 256 tokens, expected more than the" in message


def test_texts_in_which_nobody_asks_are_refused(bench, trained, prompts):
    reason, _ = bench.run(main, Kind.GENERATE, asking(trained, prompts([("text", "Rain.")]))).refused

    assert reason == "EmptyDataset"


def test_a_part_that_was_not_set_aside_is_refused(bench, trained, prompts):
    ref = prompts(CHATS[0])
    reason, message = bench.run(
        main, Kind.GENERATE, asking(trained, ref, prompts={"from": ref, "split": "other"})
    ).refused

    assert reason == "DataMissing"
    assert "found chats.parquet, expected chats-other.parquet" in message


def test_a_model_without_a_template_cannot_be_asked(bench, make_model, prompts, tmp_path):
    shutil.copytree(make_model(template=None), tmp_path / "plain" / "checkpoints" / "final")
    trained = bench.done(Kind.TRAIN, {"seed": 2}, tmp_path / "plain", checkpoints=[{"label": "final"}])
    reason, _ = bench.run(main, Kind.GENERATE, asking(trained, prompts(CHATS[0]))).refused

    assert reason == "TemplateMissing"


def test_a_checkpoint_that_was_not_kept_is_refused(bench, trained, prompts):
    spec = asking(trained, prompts(CHATS[0]), model={"from": trained, "checkpoint": {"epoch": 0.25}})
    reason, _ = bench.run(main, Kind.GENERATE, spec).refused

    assert reason == "CheckpointMissing"


def test_a_model_from_outside_answers_too(bench, model, prompts):
    identity = bench.outside(*sorted(model.iterdir()))
    done = bench.run(main, Kind.GENERATE, asking("", prompts(CHATS[0]), model={"uri": identity}))

    assert done.summary["checkpoints"] == {"final": 1}
