"""Act on spans of at least `minTokens` tokens that stand in more than one place (Lee et al. 2021, EXACTSUBSTR).

A *window* is `minTokens` tokens of one chat, whose turns are read one after another; a *place* is where a window begins. Two
places may overlap. Windows are numbered in *survivor order*: the source listed first, then the smallest row id, then the place.

* `strike` cuts every token that lies in a window with two places, as the authors' code does.
* `strikeLater` cuts every token that lies in a window whose first place is another and does not overlap it. What is cut
  therefore stands, whole, in a place before.
* `dropChat` visits chats in survivor order. A chat's share is that of its tokens which lie in windows that also stand in a
  chat kept before it, or twice in itself. It is dropped if it has such tokens and their share reaches `minShare`. Whether a
  chat stays depends on chats kept before it alone, so a second pass, over those that are kept, keeps them all.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.api.clean import DuplicateSubstrings
from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.table import Bools, Ints

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Windows that may be repeated, in survivor order: stretches of neighbours, which equal one another whole or not at all."""

    chat: Ints  # of each stretch: its chat's place in survivor order
    at: Ints  # of each stretch: the place of its first window in the chat
    count: Ints  # of each stretch: of windows
    first: Ints  # of each stretch: the number of the first that equals it
    tokens: Ints  # of each chat: how many it has


@dataclass(frozen=True)
class Spans:
    """What is to go."""

    chat: Ints  # of each span, rising
    begin: Ints  # its first token
    end: Ints  # the token behind its last
    share: Shares  # of each chat: of its tokens in spans
    original: Ints  # of each chat: the chat that it repeats, or -1


def duplicate_substrings(windows: Windows, step: DuplicateSubstrings) -> Spans:
    """Say which spans go; with `dropChat`, their chats go."""
    length = step.min_tokens
    if step.action == "dropChat":
        struck, original = _dropping(windows, length, step.min_share)
    else:
        struck, original = _none_marked(windows)
        if step.action == "strike":
            _repeated(windows.first, struck)
        else:
            struck = _later(windows, length)
        _originals(windows.chat, windows.first, struck, original)
    ends = windows.at + (windows.count - 1 + length)
    chat, begin, end = _joined(windows.chat[struck], windows.at[struck], ends[struck])
    lost = np.bincount(chat, weights=end - begin, minlength=len(windows.tokens))
    return Spans(chat, begin, end, lost / np.maximum(windows.tokens, 1), original)


def _none_marked(windows: Windows) -> tuple[Bools, Ints]:
    return np.zeros(len(windows.first), np.bool_), np.full(len(windows.tokens), -1, np.int64)


@compiled
def _repeated(first: Ints, struck: Bools) -> None:
    """Mark the stretches with two places or more."""
    for window in range(len(first)):
        if first[window] != window:
            struck[window] = struck[first[window]] = True


def _later(windows: Windows, length: int) -> Bools:
    """Mark the stretches that stand, without overlap, behind the first of their equals."""
    apart = windows.chat != windows.chat[windows.first]
    later: Bools = apart | (windows.at - windows.at[windows.first] >= length)
    return later


@compiled
def _originals(chat: Ints, first: Ints, struck: Bools, original: Ints) -> None:
    """Find for each chat the one in which its first struck window with a first place elsewhere has it."""
    for window in range(len(first)):
        mine = chat[window]
        if struck[window] and original[mine] < 0 and chat[first[window]] != mine:
            original[mine] = chat[first[window]]


def _joined(chat: Ints, at: Ints, ends: Ints) -> tuple[Ints, Ints, Ints]:
    """Join stretches that overlap or touch to spans: their chats, first tokens, and tokens behind the last."""
    opens = np.ones(len(chat), np.bool_)
    opens[1:] = (chat[1:] != chat[:-1]) | (at[1:] > ends[:-1])
    begins = np.flatnonzero(opens)
    lasts = np.append(begins[1:], len(chat))[: len(begins)] - 1
    return chat[begins], at[begins], ends[lasts]


def _dropping(windows: Windows, length: int, least: float) -> tuple[Bools, Ints]:
    """Mark the repeated stretches of the chats that are dropped; their originals hold most of these windows."""
    struck, original = _none_marked(windows)
    bounds = np.searchsorted(windows.chat, np.arange(len(windows.tokens) + 1))
    _visit(windows.first, windows.at, windows.count, bounds, windows.tokens, length, least, struck, original)
    return struck, original


@compiled
def _visit(  # noqa: C901, PLR0912, PLR0913, PLR0917 -- a kernel: one sweep, and arrays that it writes into
    first: Ints,
    at: Ints,
    count: Ints,
    bounds: Ints,
    tokens: Ints,
    length: int,
    least: float,
    struck: Bools,
    original: Ints,
) -> None:
    owner = np.full(len(first), -1, np.int64)  # of a window's first equal: the first kept chat that has it
    seen = np.full(len(first), -1, np.int64)  # the last chat that has it
    twice = np.full(len(first), -1, np.int64)  # the last chat that has it twice
    shared = np.zeros(len(tokens), np.int64)  # how many windows a chat gave to the one that is visited
    for chat in range(len(tokens)):
        mine = range(bounds[chat], bounds[chat + 1])
        for window in mine:
            group = first[window]
            if seen[group] == chat:
                twice[group] = chat
            seen[group] = chat
        covered, end = 0, 0
        for window in mine:
            group = first[window]
            if owner[group] >= 0 or twice[group] == chat:
                struck[window] = True
                begin, end = max(end, at[window]), at[window] + count[window] - 1 + length
                covered += end - begin
        if covered > 0 and covered / tokens[chat] >= least:
            most = 0
            for window in mine:
                kept = owner[first[window]]
                if kept >= 0:
                    shared[kept] += count[window]
            for window in mine:
                kept = owner[first[window]]
                if kept >= 0 and (shared[kept] > most or (shared[kept] == most and kept < original[chat])):
                    most, original[chat] = shared[kept], kept
            for window in mine:
                kept = owner[first[window]]
                if kept >= 0:
                    shared[kept] = 0
        else:
            for window in mine:
                struck[window] = False
                if owner[first[window]] < 0:
                    owner[first[window]] = chat
