"""How fast and how right near-duplicates are found: `uv run --group benchmark python benchmarks/cleaning_near_duplicates.py [CHATS]`.

The same chats, on one thread, through the `nearDuplicates` step and through rensa's MinHash at Lee et al.'s setting, 9,000
hashes as 450 bands of 20; and through the step with `candidates: minhash`, which is that setting too. rensa stops at
candidates; the step verifies, builds clusters and chooses survivors as well. datatrove and Data-Juicer, at 112 hashes as 14
bands of 8, cluster and do not verify; uv makes each an environment of its own, and where it cannot, they are left out. All begin
at texts in memory. Truth is brute force: all pairs of a common shingle by a sparse matrix product, and Levenshtein by the book.
Seconds are of the CPU, as other work may share the machine. Compiling, once per machine, and loading are left out.

The chats are the samples' own texts cut and recombined: pieces of real text, a tenth of the chats edited copies of others.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np
import pyarrow as pa
from _goals import end
from rensa import RMinHash, RMinHashLSH
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from assay.api.clean import NearDuplicates
from assay_pipelines.clean.blocks import Here
from assay_pipelines.clean.near.shingles import shingles_of, words_of
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.steps.near_duplicates import near_duplicates
from assay_pipelines.clean.table import Chats
from plain_steps import working

SAMPLES = ROOT / "manifests/samples/data"
STEP = NearDuplicates()
BY_MINHASH = NearDuplicates(candidates="minhash")
HASHES, BANDS = 9000, 450
BATCH = 1000  # digests of 36 MB at a time
RUNS = 2
GOAL = 6
PEERS = {  # 450 bands of 20 would be 80 times the hashes, which they make by numpy
    "datatrove 14 x 8": ("datatrove_minhash.py", "datatrove[io,processing]==0.10.1", "spacy"),
    "Data-Juicer 14 x 8": ("data_juicer_minhash.py", "py-data-juicer==1.6.1", "aiohttp", "scipy"),
}


def recombined(count: int) -> list[str]:
    """Make chats of about 230 words from pieces of real text; every tenth is an edited copy of an earlier one."""
    draw = random.Random(1)
    files = (SAMPLES / name for name in ("chats.jsonl", "guanaco.jsonl", "pretrain.jsonl", "held-out.jsonl"))
    pool = " ".join(file.read_text() for file in files).split()
    texts: list[list[str]] = []
    for place in range(count):
        if place % 10 == 9:
            words = list(draw.choice(texts))
            for _ in range(draw.choice([0, 1, 2, 4, 6, 9, 12])):
                words[draw.randrange(len(words))] = draw.choice(pool)
        else:
            words, size = [], draw.randint(60, 400)
            while len(words) < size:
                begin = draw.randrange(len(pool) - 30)
                words += pool[begin : begin + draw.randint(2, 30)]
        texts.append(words)
    return [" ".join(words) for words in texts]


def timed(function, *arguments):
    best = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        result = function(*arguments)
        best = min(best, time.process_time() - start)
    return best, result


def ours(blocks: Here, rows: Rows, step: NearDuplicates = STEP) -> dict[int, int]:
    verdict = near_duplicates(blocks, rows, np.arange(len(rows)), step)
    return dict(zip(verdict.dropped.tolist(), verdict.duplicate_of.tolist(), strict=True))


def shingle_set(text: str) -> set[str]:
    words = text.split()
    width = STEP.shingle
    return {" ".join(words[at : at + width]) for at in range(max(1, len(words) - width + 1))}


def rensa(texts: list[str]) -> list[bool]:
    index, flags = RMinHashLSH(STEP.jaccard, HASHES, BANDS), []
    for begin in range(0, len(texts), BATCH):
        sets = [shingle_set(text) for text in texts[begin : begin + BATCH]]
        matrix = RMinHash.digest_matrix_from_token_sets(sets, HASHES, 42)
        flags += index.insert_matrix_and_query_duplicate_flags(matrix, begin)
    return flags


def rensa_given_hashes(texts: list[str]) -> list[bool]:
    chats = Chats.from_messages([[("user", text)] for text in texts])
    hashes, starts, _ = shingles_of(*words_of(chats), STEP.shingle)
    index, flags = RMinHashLSH(STEP.jaccard, HASHES, BANDS), []
    for begin in range(0, len(texts), BATCH):
        places = starts[begin : begin + BATCH + 1]
        some = hashes[places[0] : places[-1]]
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            some, (places - places[0]).astype(np.uint64), HASHES, 42
        )
        flags += index.insert_matrix_and_query_duplicate_flags(matrix, begin)
    return flags


def asked(peer: tuple[str, ...], texts: list[str]) -> dict | str:
    """Run a peer in an environment of its own; return what it found, or why it did not run."""
    script, *packages = peer
    wanted = [part for package in packages for part in ("--with", package)]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [ROOT / ".tools/uv/bin/uv", "run", "--quiet", "--no-project", "--python", version, *wanted]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps(texts))
        run = subprocess.run(
            [*command, "python", ROOT / "benchmarks/peers" / script, file],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    if run.returncode:
        return next(reversed(run.stderr.strip().splitlines()), f"it ended with {run.returncode}")
    return json.loads(run.stdout.splitlines()[-1])


def similar_pairs(texts: list[str]) -> list[tuple[int, int]]:
    """Find all similar pairs by brute force."""
    numbers: dict[str, int] = {}
    sets = [[numbers.setdefault(item, len(numbers)) for item in shingle_set(text)] for text in texts]
    sizes = np.array([len(items) for items in sets])
    chats = np.repeat(np.arange(len(texts)), sizes)
    flat = np.concatenate([np.array(items) for items in sets])
    table = sparse.csr_array((np.ones(len(flat), np.int32), (chats, flat)), shape=(len(texts), len(numbers)))
    turned, pairs = table.T.tocsr(), []
    for begin in range(0, len(texts), BATCH):
        common = (table[begin : begin + BATCH] @ turned).tocoo()
        left, right = common.row + begin, common.col
        near = (left < right) & (common.data / (sizes[left] + sizes[right] - common.data) >= STEP.jaccard)
        pairs += zip(left[near].tolist(), right[near].tolist(), strict=True)
    known: dict[str, int] = {}
    words = [np.array([known.setdefault(word, len(known)) for word in text.split()]) for text in texts]
    return [pair for pair in pairs if edit_similarity(words[pair[0]], words[pair[1]]) >= STEP.edit_similarity]


def edit_similarity(left: np.ndarray, right: np.ndarray) -> float:
    """Fill the table of distances, row by row; an insertion is a running minimum."""
    slope = np.arange(len(right) + 1)
    row = slope.copy()
    for place, word in enumerate(left, 1):
        below = np.minimum(row[1:] + 1, row[:-1] + (right != word))
        row = np.minimum.accumulate(np.concatenate([[place], below]) - slope) + slope
    longer = max(len(left), len(right))
    return (longer - int(row[-1])) / longer


def survivors(pairs: list[tuple[int, int]], rows: Rows) -> dict[int, int]:
    """Return for each chat that goes the one that stays, by brute force."""
    graph = sparse.coo_array((np.ones(len(pairs)), tuple(np.array(pairs).T)), shape=(len(rows), len(rows)))
    _, labels = connected_components(graph, directed=False)
    clusters: dict[int, list[int]] = {}
    for place, label in enumerate(labels.tolist()):
        clusters.setdefault(label, []).append(place)
    result = {}
    for members in clusters.values():
        stays = min(members, key=lambda place: int(rows.rank[place]))
        result |= {place: stays for place in members if place != stays}
    return result


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    pa.set_cpu_count(1)
    texts = recombined(count)
    size = sum(len(text.encode()) for text in texts) / 1e6
    table = working([[("user", text)] for text in texts])
    rows = Rows.of(table)
    blocks = Here([table.slice(begin, 4000).combine_chunks() for begin in range(0, count, 4000)])
    for step in (STEP, BY_MINHASH):
        ours(Here([table.slice(0, 200)]), Rows.of(table.slice(0, 200)), step)  # compiles
    pairs = similar_pairs(texts)
    truth, repeats = survivors(pairs, rows), {right for _, right in pairs}
    print(f"{count} chats, {size:.1f} MB, {len(pairs)} similar pairs, {len(truth)} chats to drop; one thread")
    print(f"{'':28}{'CPU s':>8}{'chats/s':>10}{'MB/s':>8}{'recall':>9}{'precision':>11}")

    took, dropped = timed(ours, blocks, rows)
    right = len(dropped.items() & truth.items())
    recall, precision = right / max(1, len(truth)), right / max(1, len(dropped))
    told("nearDuplicates", took, (count, size), (recall, precision))
    drawing, drawn = timed(ours, blocks, rows, BY_MINHASH)
    right = len(drawn.items() & truth.items())
    told(
        "the same, minhash", drawing, (count, size), (right / max(1, len(truth)), right / max(1, len(drawn)))
    )
    ratios = {}
    for name, function in (("rensa 450 x 20", rensa), ("the same, given our hashes", rensa_given_hashes)):
        peer, flags = timed(function, texts)
        found = {place for place, flag in enumerate(flags) if flag}
        right = len(found & repeats)
        told(name, peer, (count, size), (right / max(1, len(repeats)), right / max(1, len(found))))
        ratios[name] = peer / took
    for name, peer in PEERS.items():
        result = asked(peer, texts)
        if isinstance(result, str):
            print(f"{name:28}left out: {result}")
            continue
        found = set(result["gone"])
        right = len(found & repeats)
        quality = right / max(1, len(repeats)), right / max(1, len(found))
        told(name, result["seconds"], (count, size), quality)
        ratios[name] = result["seconds"] / took
    for name, ratio in ratios.items():
        print(f"{ratio:.1f} times as fast as {name}; by minhash {ratio * took / drawing:.1f} times")
    met = [
        (f"at least {GOAL} times as fast as rensa 450 x 20", ratios["rensa 450 x 20"] >= GOAL),
        ("recall and precision 1 against brute force, survivors too", recall == precision == 1),
    ]
    end(met)


def told(name: str, took: float, work: tuple[int, float], quality: tuple[float, float]) -> None:
    (count, size), (recall, precision) = work, quality
    print(
        f"{name:28}{took:8.2f}{count / took:10.0f}{size / took:8.1f}{recall:9.4f}{precision:11.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
