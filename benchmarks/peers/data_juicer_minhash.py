"""Data-Juicer's MinHash operator, in an environment of its own: `python data_juicer_minhash.py TEXTS`.

TEXTS is a JSON list. Prints as JSON the seconds of the processor, from texts in memory on, and the places of those that go.
"""

import json
import sys
import time
from pathlib import Path

from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator
from datasets import Dataset, disable_progress_bars


def kept(texts: list[str]) -> set[int]:
    operator = DocumentMinhashDeduplicator(
        tokenization="space",
        window_size=5,
        lowercase=False,
        num_permutations=112,
        jaccard_threshold=0.8,
        num_bands=14,
        num_rows_per_band=8,
    )
    rows = Dataset.from_dict({"text": texts, "place": range(len(texts))})
    left, _ = operator.process(rows.map(operator.compute_hash))
    return set(left["place"])


def main() -> None:
    texts = json.loads(Path(sys.argv[1]).read_text())
    disable_progress_bars()
    kept(texts[:10])
    start = time.process_time()
    left = kept(texts)
    took = time.process_time() - start
    print(json.dumps({"seconds": took, "gone": sorted(set(range(len(texts))) - left)}))


if __name__ == "__main__":
    main()
