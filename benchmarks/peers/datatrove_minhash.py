"""datatrove's MinHash, all four stages, in an environment of its own: `python datatrove_minhash.py TEXTS`.

TEXTS is a JSON list. Prints as JSON the seconds of the processor, from texts in memory on, and the places of those that go.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig

CONFIG = MinhashConfig(
    n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64, hash_fc="xxhash")
)


def documents(texts: list[str]) -> list[Document]:
    return [Document(text=text, id=str(place)) for place, text in enumerate(texts)]


def kept(texts: list[str], folder: Path) -> set[int]:
    signatures, buckets, removed = (str(folder / name) for name in ("signatures", "buckets", "removed"))
    MinhashDedupSignature(signatures, config=CONFIG).run(documents(texts))
    for bucket in range(CONFIG.num_buckets):
        MinhashDedupBuckets(signatures, buckets, config=CONFIG).run(
            rank=bucket, world_size=CONFIG.num_buckets
        )
    MinhashDedupCluster(buckets, removed, config=CONFIG).run()
    return {int(document.id) for document in MinhashDedupFilter(removed).run(documents(texts))}


def main() -> None:
    texts = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        kept(texts[:10], Path(folder))  # loads the tokenizer
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        left = kept(texts, Path(folder))
        took = time.process_time() - start
    print(json.dumps({"seconds": took, "gone": sorted(set(range(len(texts))) - left)}))


if __name__ == "__main__":
    main()
