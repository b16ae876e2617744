"""Parts of the hash space: each has the shingles of prefixes that fall into it, and offers pairs of chats that share one.

The members of a shingle stand in the order of their chats' numbers, which is as good as random. A member meets all behind
it that are not of its cluster. It is the turn of the first member, then of the next 4, 16, 64 and so on: what is
similar is mostly linked by then and meets no more, so that a cluster of thousands that all resemble each other does not
cost the square of its size.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.recurring import perhaps_recurring
from assay_pipelines.clean.near.shingles import chosen_rows, flat
from assay_pipelines.clean.partitions import OnBlock
from assay_pipelines.clean.rows import Hashes, first_of_group
from assay_pipelines.clean.table import Ints

ENTRIES = pa.schema(
    [
        pa.field("shingle", pa.uint64()),
        pa.field("chat", pa.int64()),
        pa.field("place", pa.int64()),  # in the chat's order of rarity, from 0
    ]
)
OFFERED = pa.schema(
    [
        pa.field("part", pa.int64()),
        pa.field("next", pa.int64()),  # the entry to go on with
        pa.field("left", pa.int64()),  # entries from there on
        pa.field("turns", pa.bool_()),  # whether any are left after this one
        pa.field("one", pa.large_list(pa.int64())),
        pa.field("other", pa.large_list(pa.int64())),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How blocks are cut into entries of parts."""

    row: Ints  # of the chats that are compared, ascending
    chat: Ints  # their numbers
    reduced: OnBlock  # from shingles to prefixes
    ordered: bool  # whether prefixes are in the order of rarity
    parts: int

    def __call__(self, table: pa.Table) -> list[pa.Table]:
        """Cut a block."""
        table = self.reduced(chosen_rows(table, self.row))
        values, starts = flat(table["prefix"])
        lengths = np.diff(starts)
        chat = np.repeat(self.chat[np.searchsorted(self.row, table["row"].to_numpy())], lengths)
        place = (
            np.arange(len(values)) - np.repeat(starts[:-1], lengths) if self.ordered else np.zeros_like(chat)
        )
        if self.parts == 1:
            return [pa.table([values, chat, place], schema=ENTRIES)]
        part = _part_of(values, self.parts)
        order = np.argsort(part, kind="stable")
        edges = np.cumsum(np.bincount(part, minlength=self.parts))[:-1]
        columns = (np.split(column[order], edges) for column in (values, chat, place))
        return [pa.table(part, schema=ENTRIES) for part in map(list, zip(*columns, strict=True))]


def gathered(table: pa.Table) -> pa.Table:
    """Sort the entries of a part by shingle and chat, less those whose shingle no other chat has."""
    shingle, chat, place = (table[name].to_numpy() for name in ENTRIES.names)
    told = np.flatnonzero(perhaps_recurring(shingle))
    shingle, chat, place = shingle[told], chat[told], place[told]
    order = np.lexsort((chat, shingle))
    shingle = shingle[order]
    new = first_of_group(shingle[None])
    alone = new & np.append(new[1:], True)[: len(new)]
    order = order[~alone]
    return pa.table([shingle[~alone], chat[order], place[order]], schema=ENTRIES)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What parts are asked for: pairs of some members with those behind them, as of what is known."""

    number: int
    begin: Ints  # for each part: the entry to begin with
    cluster: Ints  # of each chat
    size: Ints  # of each chat: its number of shingles
    jaccard: float
    most: int  # pairs of a part after which no other member has its turn

    @property
    def bounds(self) -> tuple[int, int]:
        """Return which members of a shingle have this turn, counted from 0."""
        return (4**self.number - 1) // 3, (4 ** (self.number + 1) - 1) // 3

    def __call__(self, table: pa.Table) -> pa.Table:
        """Offer pairs of a part, each once."""
        if not len(table):
            return OFFERED.empty_table()
        shingle, chat, place = (table[name].to_numpy() for name in ENTRIES.names)
        part = int(_part_of(shingle[:1], len(self.begin))[0])
        starts = np.append(np.flatnonzero(first_of_group(shingle[None])), len(table))
        lengths = np.diff(starts)
        rank = np.arange(len(table)) - np.repeat(starts[:-1], lengths)
        end = np.repeat(starts[1:], lengths)
        other = np.empty(len(table), np.int64)
        pairs = np.empty((2, self.most + int(lengths.max())), np.int64)
        members = (chat, place, rank, end, other)
        first, last = self.bounds
        turn = (int(self.begin[part]), first, last, self.most)
        count, following = _offer(members, (self.cluster, self.size), turn, self.jaccard, pairs)
        one, two = distinct(pairs[0, :count], pairs[1, :count], len(self.size))
        turns = bool(((rank >= last) & (other < end)).any())
        columns = [[part], [following], [len(table) - following], [turns], [one], [two]]
        return pa.table(
            [pa.array(column, each.type) for column, each in zip(columns, OFFERED, strict=True)],
            schema=OFFERED,
        )

    def following(self, offered: pa.Table, cluster: Ints) -> "Turn | None":
        """Return what comes after what all parts offered: the rest of this turn, or the next one, if there is one."""
        if offered["left"].to_numpy().any():
            begin = self.begin.copy()
            begin[offered["part"].to_numpy()] = offered["next"].to_numpy()
            return replace(self, begin=begin, cluster=cluster)
        if offered["turns"].to_numpy().any():
            return replace(self, number=self.number + 1, begin=np.zeros_like(self.begin), cluster=cluster)
        return None


def distinct(one: Ints, other: Ints, chats: int) -> tuple[Ints, Ints]:
    """Leave each pair once, in the order of their numbers."""
    keys = np.unique(one * chats + other)
    return keys // chats, keys % chats


def _part_of(shingles: Hashes, parts: int) -> Ints:
    return (shingles % np.uint64(parts)).astype(np.int64)


@compiled
def _offer(
    members: tuple[Ints, Ints, Ints, Ints, Ints],
    chats: tuple[Ints, Ints],
    turn: tuple[int, int, int, int],
    jaccard: float,
    pairs: Ints,
) -> tuple[int, int]:
    """Write pairs, and return their number and the entry to go on with.

    Two chats whose first common shingle stands at these places have no more in common than the fewer of those from there on.
    """
    chat, place, rank, end, other = members
    cluster, size = chats
    begin, first, last, most = turn
    for entry in range(len(chat) - 1, -1, -1):  # the next member of another cluster
        behind = entry + 1
        same = behind < end[entry] and cluster[chat[behind]] == cluster[chat[entry]]
        other[entry] = other[behind] if same else behind
    count = 0
    for entry in range(begin, len(chat)):
        if rank[entry] < first or rank[entry] >= last:
            continue
        if count >= most:
            return count, entry
        mine, rest = cluster[chat[entry]], size[chat[entry]] - place[entry]
        member = other[entry]
        while member < end[entry]:
            if cluster[chat[member]] == mine:
                member = other[member]
                continue
            common = min(rest, size[chat[member]] - place[member])
            if common / (size[chat[entry]] + size[chat[member]] - common) >= jaccard:
                pairs[0, count], pairs[1, count] = chat[entry], chat[member]
                count += 1
            member += 1
    return count, len(chat)
