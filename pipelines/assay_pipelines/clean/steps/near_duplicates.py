"""Keep one of each cluster of similar chats: the source listed first, then the smallest row id.

Two chats are similar if their sets of shingles have at least the Jaccard similarity asked for, and their words at least
the edit similarity, 1 - distance / words of the longer one (Lee et al. 2021, §4.2). Which pairs are compared says an exact
join or, as there, MinHash: keys of bands then take the place of prefixes, and say nothing of how much two chats share.
A cluster is what a chain of similar chats connects. Equal words are similar however short; of chats shorter than a
shingle only those with equal words are.

Blocks are shingled where they lie. The rarest shingles of each chat, those that similar chats must share, go by their hash
to parts, in which chats meet; what meets is judged in batches, by the words of both. The driver holds some numbers of
each chat, and bounded numbers of pairs and of frequent shingles. No text, and no words.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa

from assay.api.clean import NearDuplicates
from assay_pipelines.clean.blocks import Blocks, collected
from assay_pipelines.clean.near.minhash import BANDS, banded
from assay_pipelines.clean.near.pairs import Least
from assay_pipelines.clean.near.parts import Cut, gathered
from assay_pipelines.clean.near.rarity import COUNTED, Frequent, counted, prefix_lengths, prefixed
from assay_pipelines.clean.near.rounds import Known, clusters, judged
from assay_pipelines.clean.near.shingles import KNOWN, in_order, shingled
from assay_pipelines.clean.rows import Rows, survivors
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import Floats, Ints

PART_ENTRIES = (
    1 << 21
)  # shingles of prefixes in a part; at up to 110 bytes each while they are sorted, 230 MB


def near_duplicates(blocks: Blocks, rows: Rows, live: Ints, step: NearDuplicates) -> Verdict:
    """Drop all but the first of each cluster. `blocks` are working tables; the live rows are among theirs."""
    held = blocks.map(partial(shingled, width=step.shingle, chosen=rows.row[live])).held()
    known, chat, frequent = _known(held, step)
    parts, many = _parts(held, known, frequent, step)
    cluster = clusters(blocks, parts, many, known, step)[chat]
    survivor = survivors(rows, live, cluster)
    dropped = np.flatnonzero(survivor != np.arange(len(live)))
    survivor = survivor[dropped]
    named = np.unique(rows.rank[live[survivor]])
    return Verdict(
        dropped=live[dropped],
        rule="similarText",
        duplicate_of=live[survivor],
        score=_scores(blocks, (chat[survivor], chat[dropped]), known, step),
        cluster=1 + np.searchsorted(named, rows.rank[live[survivor]]),
    )


def _known(held: Blocks, step: NearDuplicates) -> tuple[Known, Ints, Frequent | None]:
    """Number the chats, those with the same words alike: in the order of a hash, so as good as at random.

    Returns what is known of each; the number of every live row; and how frequent shingles are, if candidates are to share rare ones.
    """
    frequent = None
    if step.candidates == "minhash":
        table = collected(held, KNOWN)
    else:
        tables = [KNOWN.empty_table()]
        frequent = Frequent.of(_counts(held.map(summarised).tables(), tables))
        table = pa.concat_tables(tables)
    table = in_order(table)
    _, first, chat = np.unique(table["whole"].to_numpy(), return_index=True, return_inverse=True)
    known = Known(**{name: table[name].to_numpy()[first] for name in ("row", "size", "words")})
    return known, chat, frequent


def _counts(summaries: Iterable[pa.Table], known: list[pa.Table]) -> Iterator[pa.Table]:
    """Give the counts of each block, to be added up and let go, and put aside what is known of its chats."""
    for table in summaries:
        known.append(unpacked(table, KNOWN))
        yield unpacked(table, COUNTED)


def _parts(held: Blocks, known: Known, frequent: Frequent | None, step: NearDuplicates) -> tuple[Blocks, int]:
    """Let the known chats meet, no two of which have the same words; the blocks hold others too. Returns also the number of parts."""
    order = np.argsort(known.row)
    bands = frequent is None
    total = BANDS * len(order) if bands else int(prefix_lengths(known.size, step.jaccard).sum())
    many = 1 + total // PART_ENTRIES
    reduced = banded if frequent is None else partial(prefixed, frequent=frequent, jaccard=step.jaccard)
    cut = Cut(row=known.row[order], chat=order, reduced=reduced, ordered=not bands, parts=many)
    return held.parted(cut, [gathered] * many), many


def _scores(blocks: Blocks, pairs: tuple[Ints, Ints], known: Known, step: NearDuplicates) -> Floats:
    """Return the Jaccard similarity of chats."""
    result = np.ones(len(pairs[0]))
    differ = np.flatnonzero(pairs[0] != pairs[1])
    differ = differ[np.argsort(pairs[0][differ], kind="stable")]
    result[differ] = judged(blocks, (pairs[0][differ], pairs[1][differ]), known, Least(), step.shingle)
    return result


def summarised(table: pa.Table) -> pa.Table:
    """Tell of a block what `KNOWN` and `COUNTED` say, in one row of lists: each pass over blocks on Ray takes a while."""
    columns = [*table.select(KNOWN.names).columns, *counted(table).columns]
    return pa.table([pa.array([column.to_numpy()]) for column in columns], [*KNOWN.names, *COUNTED.names])


def unpacked(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return one of the tables that were packed into rows of lists."""
    return pa.table([table[name].combine_chunks().flatten() for name in schema.names], schema=schema)
