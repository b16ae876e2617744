"""Keep one of each cluster of similar chats: the source listed first, then the smallest row id.

Two chats are similar if their sets of shingles have at least the Jaccard similarity asked for, and their words at least
the edit similarity, 1 - distance / words of the longer one (Lee et al. 2021, §4.2). Which pairs are compared says an exact
join or, as there, MinHash: keys of bands then take the place of prefixes, and say nothing of how much two chats share.
A cluster is what a chain of similar chats connects. Equal words are similar however short; of chats shorter than a
shingle only those with equal words are.

Blocks are shingled where they lie. The driver joins: it holds two to four bytes per shingle of every prefix (a fifth
of all, at 0.8), and 24 bytes per one that recurs; and shingles and words of those chats alone that share one. No text.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from assay.api.clean import NearDuplicates
from assay_pipelines.chats import MESSAGES
from assay_pipelines.clean.blocks import Blocks, collected
from assay_pipelines.clean.near.join import Lists, Meetings, linked, meetings, similarities
from assay_pipelines.clean.near.minhash import BANDS, banded
from assay_pipelines.clean.near.rarity import COUNTED, Frequent, counted, prefix_lengths, prefixed
from assay_pipelines.clean.near.recurring import ENTRIES, noted_again, recurring
from assay_pipelines.clean.near.shingles import KNOWN, SHINGLED, WORDED, flat, listed, shingles_of, words_of
from assay_pipelines.clean.rows import Rows, among, survivors
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import Chats, Floats, Ints


def near_duplicates(blocks: Blocks, rows: Rows, live: Ints, step: NearDuplicates) -> Verdict:
    """Drop all but the first of each cluster. `blocks` are working tables; the live rows are among theirs."""
    pairs = _paired(blocks, rows.row[live], step)
    survivor = survivors(rows, live, pairs.cluster)
    dropped = np.flatnonzero(survivor != np.arange(len(live)))
    survivor = survivor[dropped]
    named = np.unique(rows.rank[live[survivor]])
    return Verdict(
        dropped=live[dropped],
        rule="similarText",
        duplicate_of=live[survivor],
        score=pairs.similarity(dropped, survivor),
        cluster=1 + np.searchsorted(named, rows.rank[live[survivor]]),
    )


@dataclass(frozen=True)
class _Paired:
    """What the join found out about the live chats, in the order of their rows."""

    cluster: Ints  # equal where a chain connects
    words: Ints  # the place of the first chat with the same words
    met: Ints  # the places of those that met another, ascending
    shingles: Lists  # of those that met another

    def similarity(self, left: Ints, right: Ints) -> Floats:
        """Return the Jaccard similarity of pairs of chats of one cluster."""
        left, right = self.words[left], self.words[right]
        result = np.ones(len(left))
        differ = np.flatnonzero(left != right)
        pairs = (np.searchsorted(self.met, place[differ]) for place in (left, right))
        result[differ] = similarities(self.shingles, *pairs)
        return result


def _paired(blocks: Blocks, live: Ints, step: NearDuplicates) -> _Paired:
    held = blocks.map(partial(shingled, width=step.shingle, chosen=live)).held()
    known, frequent = _known(held, step)
    _, first, same = np.unique(known["whole"].to_numpy(), return_index=True, return_inverse=True)
    distinct = np.sort(first)
    met = _met(held, known.take(pa.array(distinct)), frequent, step)
    places = distinct[met.chats]
    texts = blocks.map(partial(worded, chosen=live[places])).tables()
    words = Lists(*flat(_in_order(pa.concat_tables([WORDED.empty_table(), *texts]))["words"]))
    shingles = Lists(*shingles_of(words.values, words.starts, step.shingle)[:2])
    parents = linked(met, shingles, words, step.jaccard, step.edit_similarity)
    cluster = np.arange(len(live))
    cluster[places] = places[parents]
    return _Paired(cluster[first[same]], first[same], places, shingles)


def _known(held: Blocks, step: NearDuplicates) -> tuple[pa.Table, Frequent | None]:
    """Return what is known of all chats, in order; and how frequent shingles are, if candidates are to share rare ones."""
    if step.candidates == "minhash":
        return _in_order(collected(held, KNOWN)), None
    parts: list[pa.Table] = []
    frequent = Frequent.of(_counts(held.map(summarised).tables(), parts))
    return _in_order(pa.concat_tables(parts)), frequent


def _counts(summaries: Iterable[pa.Table], known: list[pa.Table]) -> Iterator[pa.Table]:
    """Give the counts of each block, to be added up and let go, and put aside what is known of its chats."""
    for table in summaries:
        known.append(unpacked(table, KNOWN))
        yield unpacked(table, COUNTED)


def _met(blocks: Blocks, known: pa.Table, frequent: Frequent | None, step: NearDuplicates) -> Meetings:
    """Let the known chats meet, no two of which have the same words; the blocks hold others too."""
    row = known["row"].to_numpy()
    distinct = blocks.map(partial(chosen_rows, chosen=row))
    bands = frequent is None
    reduced = banded if frequent is None else partial(prefixed, frequent=frequent, jaccard=step.jaccard)
    prefixes = distinct.map(reduced).held()
    lengths = prefix_lengths(known["size"].to_numpy(), step.jaccard)
    again = noted_again(prefixes.tables(), BANDS * len(row) if bands else int(lengths.sum()))
    entries = prefixes.map(partial(recurring, again=again)).tables()
    table = _in_order(pa.concat_tables([ENTRIES.empty_table(), *entries]))
    chat, place = np.searchsorted(row, table["row"].to_numpy()), table["place"].to_numpy()
    return meetings(chat, table["shingle"].to_numpy(), np.zeros_like(place) if bands else place)


def _in_order(table: pa.Table) -> pa.Table:
    row = table["row"].to_numpy()
    in_order = bool((row[1:] >= row[:-1]).all())  # mostly; sorting long lists takes longer than all else
    return table if in_order else table.take(pa.array(np.argsort(row, kind="stable")))


def summarised(table: pa.Table) -> pa.Table:
    """Tell of a block what `KNOWN` and `COUNTED` say, in one row of lists: each pass over blocks on Ray takes a while."""
    columns = [*table.select(KNOWN.names).columns, *counted(table).columns]
    return pa.table([pa.array([column.to_numpy()]) for column in columns], [*KNOWN.names, *COUNTED.names])


def unpacked(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return one of the tables that were packed into rows of lists."""
    return pa.table([table[name].combine_chunks().flatten() for name in schema.names], schema=schema)


def shingled(table: pa.Table, width: int, chosen: Ints) -> pa.Table:
    """Shingle the chosen rows of a block; their numbers are sorted."""
    row, chats = _chosen(table, chosen)
    shingles, starts, whole = shingles_of(*words_of(chats), width)
    return pa.table([row, whole, np.diff(starts), listed(shingles, starts)], schema=SHINGLED)


def worded(table: pa.Table, chosen: Ints) -> pa.Table:
    """Hash the words of the chosen rows of a block; their numbers are sorted."""
    row, chats = _chosen(table, chosen)
    return pa.table([row, listed(*words_of(chats))], schema=WORDED)


def chosen_rows(table: pa.Table, chosen: Ints) -> pa.Table:
    """Return the chosen rows of a block; their numbers are sorted."""
    mask = among(table["row"].to_numpy(), chosen)
    return table if mask.all() else table.filter(pa.array(mask))


def _chosen(table: pa.Table, chosen: Ints) -> tuple[pa.ChunkedArray, Chats]:
    table = chosen_rows(table.select(["row", "messages"]), chosen).combine_chunks()
    messages = table["messages"].chunks
    return table["row"], Chats.of(messages[0] if messages else pa.array([], MESSAGES))
