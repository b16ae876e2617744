"""vLLM is in few environments; where it is missing, only the refusal is tested."""

from importlib.util import find_spec

import pyarrow.parquet as pq
import pytest

from assay.artifacts.kinds import Kind
from assay_pipelines.chats import chats_table, write_rows
from assay_pipelines.generate.__main__ import main

QUESTIONS = ["How do I bake bread?", "Which planet is red?", "Write a poem about rain and stones and rivers."]

with_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="needs vLLM")


@pytest.fixture
def ask(bench, make_model, tmp_path):
    """Ask a model some questions, by either engine; return the stage that did."""
    model = make_model(width=64)  # vLLM's attention on CPUs takes heads of 32
    files = [path for path in model.rglob("*") if path.is_file()]
    attempts = iter(range(1, 10))

    def asked(questions=QUESTIONS, *, engine="vllm", **more):
        attempt = next(attempts)
        folder = tmp_path / f"prompts-{attempt}"
        folder.mkdir()
        write_rows(
            folder / "chats.parquet", [chats_table("asked", [([("user", one)], {}) for one in questions])]
        )
        spec = {
            "model": {"uri": bench.outside(*files)},
            "prompts": {"from": bench.done(Kind.CLEAN, {"of": attempt}, folder)},
            "maxTokens": 12,
        } | more
        return bench.run(main, Kind.GENERATE, spec, engine=engine)

    return asked


def replies_of(done):
    rows = pq.read_table(done.path("chats.parquet")).to_pylist()
    return {row["messages"][-2]["content"]: row["messages"][-1]["content"] for row in rows}


@pytest.mark.skipif(find_spec("vllm") is not None, reason="there is one")
def test_without_vllm_it_is_refused(ask):
    done = ask()

    assert (done.code, done.failure.reason) == (64, "ProgramNotAvailable")
    assert "expected vllm" in done.failure.message


@with_vllm
def test_greedy_answers_are_those_of_transformers(ask):
    ours, theirs = ask(engine="transformers"), ask()

    assert replies_of(theirs) == replies_of(ours)
    assert theirs.summary["tokens"] == ours.summary["tokens"]
    assert theirs.summary["truncated"] == ours.summary["truncated"]


@with_vllm
def test_the_record_says_who_answered(ask):
    environments = [ask(engine=engine).record.provenance.environment for engine in ("transformers", "vllm")]

    assert [one["engine"] for one in environments] == ["transformers", "vllm"]


@with_vllm
def test_a_sampled_answer_depends_on_the_seed_and_not_on_what_else_is_asked(ask):
    alone, together, otherwise = (
        replies_of(ask(questions, temperature=1, seed=seed))
        for questions, seed in ((QUESTIONS[:1], 0), (QUESTIONS, 0), (QUESTIONS, 1))
    )

    assert alone.items() <= together.items()
    assert otherwise != together


@with_vllm
def test_an_answer_ends_at_the_context(ask):
    done = ask(maxTokens=4096)

    assert done.code == 0
    assert all(len(reply) > 0 for reply in replies_of(done).values())
