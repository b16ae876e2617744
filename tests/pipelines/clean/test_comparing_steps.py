"""The steps that compare rows: duplicates, parts and samples."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.api.clean import ExactDuplicates, Split, Subsample
from assay.errors import StageError
from assay_pipelines.clean.rows import Rows, halves
from assay_pipelines.clean.steps.exact_duplicates import exact_duplicates, text_keys
from assay_pipelines.clean.steps.prompts import prompt_keys
from assay_pipelines.clean.steps.split import split
from assay_pipelines.clean.steps.subsample import subsample, wanted
from assay_pipelines.clean.table import Chats
from assay_pipelines.train.passes import Dealing, Passes
from plain_steps import ids_of, working

TEXTS = st.lists(
    st.tuples(st.integers(0, 2), st.text("aB \n", max_size=3)), min_size=1, max_size=25
)  # source, text


def rows_of(texts):
    chats = [[("user", text)] for _, text in texts]
    return Rows.of(working(chats, [source for source, _ in texts])), chats


@given(TEXTS, st.sampled_from(["none", "whitespace", "casefold"]))
def test_one_of_equal_texts_is_kept_from_the_source_listed_first_with_the_smallest_id(texts, normalize):
    def normal(text):
        text = text if normalize == "none" else " ".join(text.split())
        return text.casefold() if normalize == "casefold" else text

    rows, chats = rows_of(texts)
    step = ExactDuplicates.model_validate({"normalize": normalize})
    keys = halves(pa.chunked_array([pa.array(text_keys(Chats.from_messages(chats), step), pa.binary(16))]))
    verdict = exact_duplicates(rows, np.arange(len(rows)), keys)
    ids, groups = ids_of(rows), {}
    for place, (source, text) in enumerate(texts):
        groups.setdefault(normal(text), []).append((source, ids[place], place))
    expected = {
        place: min(group)[2] for group in groups.values() for _, _, place in group if place != min(group)[2]
    }
    assert dict(zip(verdict.dropped.tolist(), verdict.duplicate_of.tolist(), strict=True)) == expected


MANY = [(place % 3 if place % 4 else 0, f"row {place}") for place in range(400)]


def sampled(known, **step):
    spec = Subsample.model_validate(step)
    everything = np.arange(len(known))
    count = wanted(spec, len(known), None, "step")
    return set(everything.tolist()) - set(subsample(known, everything, spec, count).dropped.tolist())


@pytest.mark.parametrize("stratify", ["none", "source"])
def test_a_smaller_sample_is_a_subset_of_a_larger_one(stratify):
    rows, _ = rows_of(MANY)
    samples = [sampled(rows, rows=n, stratify=stratify, seed=3) for n in (1, 10, 77, 200, 400)]
    assert [len(sample) for sample in samples] == [1, 10, 77, 200, 400]
    assert all(small < large for small, large in pairwise(samples))


def test_a_stratified_sample_holds_the_same_share_of_every_source():
    rows, _ = rows_of(MANY)
    for n in (40, 100, 333):
        chosen = rows.source[sorted(sampled(rows, rows=n, stratify="source"))]
        expected = np.bincount(rows.source) * n / len(rows)
        assert np.abs(np.bincount(chosen) - expected).max() <= 1


def test_a_sample_depends_on_the_rows_and_the_seed_and_not_on_their_order():
    rows, _ = rows_of(MANY)
    turned, _ = rows_of(MANY[::-1])
    mine = set(ids_of(rows, sampled(rows, share=0.1, seed=1)))
    assert mine == set(ids_of(turned, sampled(turned, share=0.1, seed=1)))
    assert len(mine) == 40
    assert len(mine & set(ids_of(rows, sampled(rows, share=0.1, seed=2)))) < 20


def test_a_sample_in_the_order_of_training_is_what_a_training_of_that_seed_learns_first():
    rows, _ = rows_of(MANY)
    ids = ids_of(rows)
    learned = Passes(tuple(ids), np.ones(len(ids), int), 7, Dealing(unit="examples", size=20, limit=9))
    first = {ids[at] for step in (0, 1) for (at,) in learned.dealt(0).batch(step)}

    assert set(ids_of(rows, sampled(rows, rows=40, order="training", seed=7))) == first
    assert set(ids_of(rows, sampled(rows, rows=40, order="training", seed=8))) != first


def test_a_sample_in_the_order_of_training_is_of_all_sources_together():
    with pytest.raises(ValidationError, match="found order: training with stratify: source"):
        Subsample.model_validate({"rows": 40, "order": "training", "stratify": "source"})


def test_more_rows_than_there_are_is_refused():
    with pytest.raises(StageError, match=r"found 3 rows, expected at least the 4") as caught:
        wanted(Subsample.model_validate({"rows": 4}), 3, None, "step subsample")
    assert caught.value.reason == "TooFewRows"


def parted(rows, live, seed=0, name="split"):
    step = Split.model_validate(
        {"parts": [{"name": "a", "share": 0.25}, {"name": "b", "share": 0.5}], "seed": seed}
    )
    return {part: set(ids_of(rows, places)) for part, places in split(rows, live, step, name).aside.items()}


def test_a_row_falls_into_the_same_part_whatever_other_rows_there_are():
    rows, _ = rows_of(MANY)
    some, all_ = parted(rows, np.arange(0, 400, 3)), parted(rows, np.arange(400))
    assert all(some[part] <= all_[part] for part in some)
    assert 60 < len(all_["a"]) < 140
    assert 150 < len(all_["b"]) < 250
    assert not all_["a"] & all_["b"]


def test_rows_with_the_same_messages_fall_into_the_same_part():
    rows, _ = rows_of([(source, f"text {place}") for place in range(50) for source in (0, 1)])
    parts = parted(rows, np.arange(100))
    assert parts["a"]
    assert all({f"{id_[:33]}0", f"{id_[:33]}1"} <= ids for ids in parts.values() for id_ in ids)


def test_chats_that_begin_with_one_prompt_fall_into_one_part_and_others_do_not():
    asked = [
        [("user", f"question  {place % 50}"), ("assistant", f"answer {place}"), ("user", f"then {place}")]
        for place in range(150)
    ]
    spoken = [[("system", f"be {place}"), *chat] for place, chat in enumerate(asked)]
    keys = halves(pa.chunked_array([pa.array(prompt_keys(Chats.from_messages(spoken)), pa.binary(16))]))
    rows, _ = rows_of([(0, f"text {place}") for place in range(150)])
    step = Split.model_validate({"parts": [{"name": "held", "share": 0.3}], "by": "prompt"})

    held = set(split(rows, np.arange(150), step, "split", keys).aside["held"].tolist())

    assert 0 < len(held) < 150
    assert held == {place for place in range(150) if place % 50 in {one % 50 for one in held}}


def test_a_prompt_is_what_the_user_says_before_the_first_answer_and_a_document_is_all_of_it():
    chats = [
        [("user", "a\n b"), ("assistant", "x")],
        [("user", "a b"), ("assistant", "y"), ("user", "more"), ("assistant", "z")],
        [("user", "a"), ("user", "b"), ("assistant", "x")],
        [("text", "a b")],
        [("text", "a c")],
    ]
    first, again, apart, *documents = prompt_keys(Chats.from_messages(chats))

    assert first == again == documents[0]
    assert len({first, apart, documents[1]}) == 3


def test_another_seed_or_another_step_draws_other_parts():
    rows, _ = rows_of(MANY)
    live = np.arange(400)
    assert (
        len({frozenset(parted(rows, live, seed, name)["a"]) for seed in (0, 1) for name in ("x", "y")}) == 4
    )
