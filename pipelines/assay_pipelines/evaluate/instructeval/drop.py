"""DROP: the questions of the validation set on which all annotators agree in one span.

`drop_dataset_dev.json` of the published archive is read as the hub's `drop` was built from it: the validated answers are
listed span by span, and a question with contradictory answers is left out. Three examples are drawn with seed 0; every
question about one of their passages is left out too.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay_pipelines.evaluate.instructeval.items import Benchmark, Item
from assay_pipelines.evaluate.instructeval.scoring import measured
from assay_pipelines.evaluate.reading import malformed, object_of, text_of

SHOTS = 3
_SEED = 0
_DATE = ("day", "month", "year")


def read(files: Sequence[Path], where: str, limit: int | None) -> list[Item]:
    """Read the items, at most `limit` of them.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    found = [file for file in files if file.suffix == ".json"]
    if len(found) != 1:
        raise malformed(where, f"{len(found)} JSON files", "drop_dataset_dev.json alone")
    place = f"{where}, file {found[0].name}"
    try:
        agreed = _agreed(object_of(text_of(found[0], where), place))
    except (KeyError, TypeError, AttributeError) as error:
        raise malformed(
            place, f"what is no question of DROP ({error})", "sections of passage and qa_pairs"
        ) from error
    if len(agreed) <= SHOTS:
        raise malformed(place, f"{len(agreed)} questions with one answer", f"more than {SHOTS}")
    examples = random.Random(_SEED).sample(agreed, SHOTS)  # noqa: S311 -- the published draw
    shots = tuple(f"{_question(doc)} {doc['answer']}\n\n" for doc in examples)
    shown = {doc["passage"] for doc in examples}
    return [
        Item(id=doc["id"], doc=doc, shots=shots, question=_question(doc), target=doc["answer"])
        for doc in agreed
        if doc["passage"] not in shown
    ][:limit]


def spans_of(answers: Sequence[dict[str, Any]]) -> list[str]:
    """List the spans of a question's answers, stripped; none if one of them is of two kinds at once."""
    spans: list[str] = []
    for answer in answers:
        date = [answer["date"].get(part, "") for part in _DATE]
        if (answer["number"] != "") + any(date) + bool(answer["spans"]) > 1:
            return []
        if answer["number"] != "":
            spans.append(answer["number"])
        elif any(date):
            spans.append(" ".join(date))
        spans += answer["spans"]
    return [span.strip() for span in spans]


def _agreed(sections: dict[str, Any]) -> list[dict[str, Any]]:
    docs = []
    for section in sections.values():
        for asked in section["qa_pairs"]:
            spans = spans_of(asked["validated_answers"])
            if len(set(spans)) == 1:
                docs.append(
                    {
                        "id": asked["query_id"],
                        "passage": section["passage"],
                        "question": asked["question"],
                        "answer": spans[0],
                    }
                )
    return docs


def _question(doc: dict[str, Any]) -> str:
    return f"{doc['passage'].strip()} {doc['question'].strip()}\nAnswer:"


DROP = Benchmark(read=read, score=measured, tokens=8)
