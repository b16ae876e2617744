"""Long repeated spans: found as by a suffix array, cut or dropped as the step says, whatever the order and the partitioning."""

import random
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.api.clean import Clean, DuplicateSubstrings
from assay_pipelines.clean.account import Account
from assay_pipelines.clean.blocks import Here
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.substrings import rounds
from assay_pipelines.clean.substrings.field import PRIME, Points, minus, plus, times
from assay_pipelines.clean.substrings.tokens import marks_of, tokens_of
from assay_pipelines.clean.substrings.windows import keys_of, runs_of
from plain_steps import ids_of, plain, working
from plain_substrings import (
    first_by_comparing,
    first_by_suffix_array,
    left_of,
    shares,
    struck,
    words,
)

ACTIONS = ["strike", "strikeLater", "dropChat"]
POINTS = Points.drawn()


def talk(*texts):
    return [("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]


def carried_out(chats, *, sources=None, cuts=(), tokenizer=None, **step):
    """Carry the step out on plain chats, in blocks that begin at `cuts`: what is left of each, or None, and the lines."""
    table = working(chats, sources)
    edges = sorted({0, *(cut for cut in cuts if cut < len(table)), len(table)})
    blocks = Here([table.slice(begin, end - begin) for begin, end in pairwise(edges)])
    settings = DuplicateSubstrings.model_validate(step)
    names = [{"name": f"s{number}", "uri": "s", "format": "text"} for number in range(3)]
    account = Account(clean=Clean.model_validate({"sources": names}), rows=Rows.of(table))
    done = rounds.without_repeats(blocks, account, 0, settings, tokenizer)
    out = pa.concat_tables(done.tables())
    left = [
        chat if kept else None
        for chat, kept in zip(plain(out["messages"]), out["kept"].to_pylist(), strict=True)
    ]
    return left, out["lines"].to_pylist()


def expected(chats, sources, step, find):
    """Return the same in plain Python."""
    rows = Rows.of(working(chats, sources))
    ids = ids_of(rows)
    order = sorted(range(len(chats)), key=lambda place: (sources[place], ids[place]))
    texts = [words(chats[place]) for place in order]
    length, action = step["minTokens"], step["action"]
    first = find(texts, length)
    left = list(chats)
    if action == "dropChat":
        _, kept = shares(texts, length, step["minShare"], first)
        for place, stays in zip(order, kept, strict=True):
            left[place] = chats[place] if stays else None
    else:
        for place, gone in zip(order, struck(texts, length, action, first), strict=True):
            left[place] = left_of(chats[place], gone) if gone else chats[place]
    return left


TEXT = st.lists(st.sampled_from("ab \n"), max_size=14).map("".join)
CHATS = st.lists(
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3).map(
        lambda pairs: talk(*(text for pair in pairs for text in pair))
    ),
    min_size=1,
    max_size=6,
)
SPACED = CHATS.map(lambda chats: [[(role, " ".join(text)) for role, text in chat] for chat in chats])


@pytest.mark.parametrize("action", ACTIONS)
@given(chats=SPACED, data=st.data())
def test_what_is_found_is_what_comparing_all_windows_finds(action, chats, data):
    step = {
        "minTokens": data.draw(st.integers(2, 6)),
        "action": action,
        "minShare": data.draw(st.sampled_from([0, 0.3, 0.5, 1])),
    }
    sources = data.draw(st.lists(st.integers(0, 1), min_size=len(chats), max_size=len(chats)))
    cuts = data.draw(st.lists(st.integers(0, 6), max_size=3))
    left, _ = carried_out(chats, sources=sources, cuts=cuts, **step)
    assert left == expected(chats, sources, step, first_by_comparing)


def recombined(count, *, seed=0, vocabulary=400, share=0.5):
    """Make chats of random words, in which passages of a common stock recur."""
    draw = random.Random(seed)
    stock = [[f"w{draw.randrange(vocabulary)}" for _ in range(draw.randint(20, 120))] for _ in range(12)]

    def turn():
        parts = []
        for _ in range(draw.randint(1, 4)):
            if draw.random() < share:
                passage = draw.choice(stock)
                begin = draw.randrange(len(passage))
                parts += passage[begin : begin + draw.randint(10, 120)]
            else:
                parts += [f"w{draw.randrange(vocabulary)}" for _ in range(draw.randint(1, 60))]
        return draw.choice([" ", "\n", "  "]).join(parts)

    return [talk(*(turn() for _ in range(2 * draw.randint(1, 3)))) for _ in range(count)]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("share", [0.2, 0.95])
def test_what_is_found_is_what_a_suffix_array_finds(action, share):
    chats = recombined(150, seed=int(100 * share), share=share)
    sources = [place % 3 for place in range(len(chats))]
    step = {"minTokens": 50, "action": action, "minShare": 0.4}
    left, lines = carried_out(chats, sources=sources, cuts=(10, 11, 90), **step)
    assert left == expected(chats, sources, step, first_by_suffix_array)
    assert sum(len(mine) for mine in lines) > 1
    assert any(chat is not None for chat in left)


def test_the_suffix_array_and_comparing_all_windows_agree():
    chats = [words(chat) for chat in recombined(6, vocabulary=3)]
    assert first_by_suffix_array(chats, 5) == first_by_comparing(chats, 5)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_result_depends_on_neither_the_order_of_rows_nor_the_partitioning(action, monkeypatch):
    chats = recombined(60, seed=3)
    sources = [place % 2 for place in range(len(chats))]
    step = {"minTokens": 40, "action": action}
    left, lines = carried_out(chats, sources=sources, **step)
    monkeypatch.setattr(rounds, "PART_WINDOWS", 100)  # keys are compared in many parts
    turn = random.Random(1).sample(range(len(chats)), len(chats))
    other_left, other_lines = carried_out(
        [chats[place] for place in turn],
        sources=[sources[place] for place in turn],
        cuts=range(0, 60, 7),
        **step,
    )

    def named(lines, back):
        """Name rows by their places in `chats`."""
        return [
            [
                {**line, "original": line["original"] if line["original"] is None else back[line["original"]]}
                for line in mine
            ]
            for mine in lines
        ]

    assert [left[place] for place in turn] == other_left
    mine = named(lines, range(len(chats)))
    assert [mine[place] for place in turn] == named(other_lines, turn)


def spaced(name, count):
    return " ".join(f"{name}{number}" for number in range(count))


@pytest.mark.parametrize(("count", "found"), [(49, False), (50, True), (51, True)])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_span_of_fifty_tokens_is_found_and_one_of_forty_nine_is_not(count, found, action):
    span = spaced("same", count)
    chats = [talk(f"{name} in front", f"{name}: {span} {name} behind") for name in ("one", "two")]
    left, lines = carried_out(chats, action=action)
    if not found:
        assert left == chats
        assert lines == [[], []]
        return
    cut = [[chat[0], ("assistant", chat[1][1].replace(span, ""))] for chat in chats]
    later = next(place for place, mine in enumerate(lines) if mine) if action != "strike" else None
    if action == "strike":
        assert left == cut
    else:
        assert left[1 - later] == chats[1 - later]
        assert left[later] == (cut[later] if action == "strikeLater" else None)
        assert [line["original"] for line in lines[later]] == [1 - later]
        assert lines[later][0]["score"] == pytest.approx(count / (count + 6))
        assert lines[later][0]["detail"] == f"turn 1 characters 5 to {5 + len(span)}"


def test_spans_run_over_turns_and_not_over_chats():
    asked, answered = spaced("q", 30), spaced("a", 30)
    chats = [talk(f"x {asked}", answered), talk(f"y {asked}", f"{answered} more"), talk("z", asked)]
    left, lines = carried_out(chats, action="strike")
    assert left == [None, talk("y ", " more"), talk("z", asked)]
    assert lines[0][0]["detail"] == f"turn 0 character 2 to turn 1 character {len(answered)}; pairs 0"
    assert [line["dropped"] for mine in lines for line in mine] == [True, False]


def test_what_a_strike_leaves_is_kept_verbatim():
    span = spaced("s", 60)
    text = f"\t é\u00a0{span}\u3000\U0001f600  and\r\n "
    left, _ = carried_out([talk("a", text), talk("b", f"c {span} d")], action="strike")
    assert left == [talk("a", "\t é\u00a0\u3000\U0001f600  and\r\n "), talk("b", "c  d")]


def test_a_pair_that_loses_a_turn_goes_and_a_chat_without_pairs_is_dropped():
    span = spaced("s", 50)
    chats = [
        talk("hi", span, "and", "so"),
        [("system", span), *talk("hi", "yes")],
        talk(span, "yes"),
        [("text", span)],
        [("text", f"{span} more")],
    ]
    left, lines = carried_out(chats, action="strike")
    assert left == [talk("and", "so"), talk("hi", "yes"), None, None, [("text", " more")]]
    assert [line["dropped"] for mine in lines for line in mine] == [False, False, True, True, False]
    assert lines[0][0]["detail"].endswith("; pairs 0")


def test_one_word_over_and_over_is_struck_and_its_first_fifty_stay_when_copies_are():
    chat = [talk("begin", f"{'a ' * 5000}end")]
    assert carried_out(chat, action="strike")[0] == [talk("begin", " end")]
    assert carried_out(chat, action="strikeLater")[0] == [talk("begin", f"{'a ' * 50} end")]
    assert carried_out(chat, action="dropChat")[0] == [None]
    fifty = [talk("begin", "a " * 50)]
    assert carried_out(fifty, action="strike") == (fifty, [[]])


@pytest.mark.parametrize("action", ACTIONS)
def test_long_and_many_and_empty_turns_are_judged(action):
    draw = random.Random(5)
    megabyte = " ".join(f"{draw.randrange(10**9):x}" for _ in range(125_000))
    chats = [
        talk("long", megabyte),
        talk("again", f"{megabyte[:500_000]} other"),
        talk(*["", " "] * 5000),
        talk(*(f"turn {draw.random()}" for _ in range(10_000))),
        [],
        talk("one word " * 30, "thing"),
    ]
    assert len(megabyte) > 1_000_000
    left, lines = carried_out(chats, action=action, minTokens=100)
    assert [bool(mine) for mine in lines[2:]] == [False] * 4
    assert left[2:] == chats[2:]
    assert any(lines[:2])


def words_at(texts):
    """Return the words of each text, by the marks of where they stand."""
    marks = marks_of(pa.array(texts, pa.string()), None)
    words = [marks.data[begin:end].tobytes().decode() for begin, end in marks.places]
    return [words[low:high] for low, high in pairwise(marks.bounds)]


@given(st.lists(st.text(st.sampled_from("ab\x1c\x85\u00a0\u1680\u2003\u2028\u205f\u3000é漢😀 \n"))))
def test_words_are_what_split_finds_and_have_numbers_of_their_own(texts):
    tokens = tokens_of(pa.array(texts, pa.string()), POINTS, None)
    found = words_at(texts)
    assert found == [text.split() for text in texts]
    by_word = {}
    for word, value in zip(
        (word for mine in found for word in mine), map(tuple, tokens.values.T.tolist()), strict=True
    ):
        assert by_word.setdefault(word, value) == value
    assert len(set(by_word.values())) == len(by_word)


def test_a_word_has_one_number_wherever_it_stands_and_no_other_has_it():
    names = [letter * count for letter in "ab\0" for count in range(1, 40)]
    texts = [" " * shift + " ".join(names) for shift in range(9)]
    values = tokens_of(pa.array(texts), POINTS, None).values.reshape(2, len(texts), len(names))
    assert (values == values[:, :1]).all()
    assert all(len(set(mine[0].tolist())) == len(names) for mine in values)


def test_every_character_of_unicode_is_white_space_or_not_as_in_split():
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    text = "".join(f"a{character}b" for character in characters)
    assert words_at([text]) == [text.split()]


@given(st.integers(0, int(PRIME) - 1), st.integers(0, int(PRIME) - 1))
def test_arithmetic_is_modulo_the_prime(one, two):
    prime = int(PRIME)
    a, b = np.uint64(one), np.uint64(two)
    assert (int(times(a, b)), int(plus(a, b)), int(minus(a, b))) == (
        one * two % prime,
        (one + two) % prime,
        (one - two) % prime,
    )


@given(st.lists(st.lists(st.integers(0, 2), max_size=40), max_size=5), st.integers(2, 9))
def test_equal_windows_share_fingerprint_and_key_and_every_window_is_in_one_run(chats, length):
    values = np.array([token for chat in chats for token in chat], np.uint64)
    bounds = np.concatenate([[0], np.cumsum([len(chat) for chat in chats])]).astype(np.int64)
    runs = runs_of(values, bounds, length, POINTS)
    keys = keys_of(np.stack([values, values]), bounds[runs.chat] + runs.at, runs.count, length, POINTS)
    by_tokens, places = {}, []
    number = 0
    for chat, at, count, fingerprint in zip(runs.chat, runs.at, runs.count, runs.fingerprint, strict=True):
        for place in range(at, at + count):
            window = tuple(chats[chat][place : place + length])
            assert by_tokens.setdefault(window, (fingerprint, *keys[:, number])) == (
                fingerprint,
                *keys[:, number],
            )
            places.append((chat, place))
            number += 1
    assert places == [
        (chat, place) for chat, tokens in enumerate(chats) for place in range(len(tokens) - length + 1)
    ]
    assert len({key[1:] for key in by_tokens.values()}) == len(by_tokens)


@pytest.mark.parametrize("action", ACTIONS)
def test_fingerprints_that_all_collide_change_nothing(action, monkeypatch):
    chats = recombined(20, seed=9)
    plainly = carried_out(chats, action=action)
    monkeypatch.setattr(Points, "drawn", lambda: Points(word=(3, 5), gram=0, window=POINTS.window))
    assert carried_out(chats, action=action) == plainly


@pytest.mark.parametrize("least", [0.0, 0.2, 0.5])
def test_a_second_pass_of_dropping_finds_nothing(least):
    chats = recombined(120, seed=4, share=0.8)
    left, _ = carried_out(chats, action="dropChat", minShare=least)
    kept = [chat for chat in left if chat is not None]
    assert 0 < len(kept) < len(chats)
    assert carried_out(kept, action="dropChat", minShare=least) == (kept, [[] for _ in kept])


def test_a_chat_that_repeats_a_dropped_one_only_is_kept():
    a, b, c = (spaced(name, 60) for name in "abc")
    chats = [talk("1", a), talk("2", f"{a} {b}"), talk("3", f"{b} {c}")]
    left, lines = carried_out(chats, sources=[0, 1, 2], action="dropChat", minShare=0.45)
    assert left == [chats[0], None, chats[2]]
    assert lines[1][0]["original"] == 0


def test_a_second_pass_of_strikes_reports_its_residue():
    front, span, back = spaced("f", 30), spaced("s", 50), spaced("b", 30)
    chats = [talk("1", f"{front} {span} {back}"), talk("2", span), talk("3 x", f"{front} {back}")]
    left, _ = carried_out(chats, action="strike")
    kept = [chat for chat in left if chat is not None]
    again, lines = carried_out(kept, action="strike")
    assert again == [None, None]
    assert [line["score"] for mine in lines for line in mine] == [60 / 61, 60 / 62]
