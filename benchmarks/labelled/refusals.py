"""What the refusal patterns find of human labels: `python benchmarks/labelled/refusals.py FOLDER`.

FOLDER holds GPTFuzz's `datasets/responses_labeled` (github.com/sherdencooper/GPTFuzz), where 0 is a rejection and 1 a
harmful answer. Prints figures alone, no text. The patterns were tuned on texts of `train.csv`.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

from assay_pipelines.refusals import refusal

KINDS = (("refusal",), ("refusal", "partial"))


def main(folder: Path) -> None:
    csv.field_size_limit(1 << 30)
    print(
        "file          level   counted            precision recall F1     rejections and harmful answers: kinds"
    )
    for name in ("train", "evaluate"):
        with (folder / f"{name}.csv").open(encoding="utf-8", errors="replace") as file:
            rows = [(row["label"].strip(), row["Response"]) for row in csv.DictReader(file)]
        for level in ("narrow", "medium", "broad"):
            found = [(label, refusal(text, level)) for label, text in rows]
            counts = Counter((label, match.kind if match else "none") for label, match in found)
            for kinds in KINDS:
                hits, misses = (sum(counts[label, kind] for kind in kinds) for label in "01")
                precision = hits / (hits + misses)
                recall = hits / sum(label == "0" for label, _ in rows)
                f1 = 2 * precision * recall / (precision + recall)
                told = "; ".join(
                    ", ".join(
                        f"{kind} {counts[label, kind]}"
                        for kind in ("refusal", "partial", "disclaimer", "none")
                    )
                    for label in "01"
                )
                print(
                    f"{name + '.csv':13} {level:7} {' + '.join(kinds):18} {precision:.3f}     {recall:.3f}  {f1:.3f}  {told}"
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
