"""A text classifier from a Hugging Face folder, as steps of cleaning and evaluations ask it.

Its files travel as buffers, which the workers of one node share, and become a model once per process. Texts are judged one
at a time, in one thread: in a batch the last bits of a probability, and so a decision, would depend on the texts beside.
torch and transformers are imported only here, when a step has a classifier.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from assay.api.clean import Classifier
from assay.api.evaluate import LabelRate
from assay.errors import StageError

_CONFIG = "config.json"
_DIGITS = 6  # of a probability: what is compared is what is told


@dataclass(frozen=True)
class ClassifierFiles:
    """The files of a folder, and which of its labels is asked for."""

    identity: str
    label: str
    files: dict[str, pa.Buffer] = field(compare=False, repr=False)


def classifier_of(asked: Classifier | LabelRate, outside: Callable[[str], list[Path]]) -> ClassifierFiles:
    """Read a classifier's folder and see that it can be asked for the label.

    Raises:
        StageError: `ProgramNotAvailable`, `ModelMissing`, `ModelDamaged`, or `Unsupported`: it has no such label.

    """
    paths = outside(asked.uri)
    configs = [path for path in paths if path.name == _CONFIG]
    if not configs:
        raise StageError(
            "ModelMissing",
            f"classifier {asked.uri}",
            f"found no {_CONFIG}, expected a Hugging Face sequence-classification folder",
            "Name the folder that holds it.",
        )
    root = min((path.parent for path in configs), key=lambda folder: len(folder.parts))
    files = {path.name: pa.py_buffer(path.read_bytes()) for path in paths if path.parent == root}
    classifier = ClassifierFiles(asked.uri, asked.label, files)
    _loaded(classifier)
    return classifier


def probability(text: str, classifier: ClassifierFiles) -> float:
    """Return how probable the label is, 0 to 1; what is longer than the model's context is cut."""
    return round(_loaded(classifier)(text)[0], _DIGITS)


def likeliest(text: str, classifier: ClassifierFiles) -> str:
    """Return the label that is given to a text; of labels that exclude none, the one asked for if it is more likely than not, else none."""
    return _loaded(classifier)(text)[1]


@lru_cache(maxsize=4)
def _loaded(classifier: ClassifierFiles) -> Callable[[str], tuple[float, str]]:
    try:
        import torch  # noqa: PLC0415 -- seconds, and no part of the clean image
        import transformers  # noqa: PLC0415 -- likewise
    except ImportError as error:
        raise StageError(
            "ProgramNotAvailable",
            f"classifier {classifier.identity}",
            f"found no {error.name}, expected torch and transformers where it is asked",
            "Install both into the image, or leave the classifier out.",
        ) from error
    torch.set_num_threads(1)
    model, tokenizer = _read(classifier, transformers, torch.float32)
    named = {str(name): int(place) for place, name in model.config.id2label.items()}
    if classifier.label not in named:
        raise StageError(
            "Unsupported",
            f"classifier {classifier.identity}",
            f"found the labels {', '.join(named)}, expected {classifier.label} among them",
            "Name one of these as `label`.",
        )
    place = named[classifier.label]
    alone = len(named) == 1 or model.config.problem_type == "multi_label_classification"
    longest, places = tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 1 << 20)
    if longest > places:
        longest = places - 2  # RoBERTa and its like begin to count at 2

    names = {place: name for name, place in named.items()}

    def asked(text: str) -> tuple[float, str]:
        with torch.inference_mode():
            tokens = tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")
            if not tokens["input_ids"].numel():
                return 0, ""  # of an empty text some tokenizers make nothing, which no model takes
            logits = model(**tokens).logits[0]
            if alone:
                share = float(logits.sigmoid()[place])
                return share, classifier.label if share > 0.5 else ""
            return float(logits.softmax(-1)[place]), names[int(logits.argmax())]

    return asked


def _read(classifier: ClassifierFiles, transformers: Any, precision: Any) -> tuple[Any, Any]:
    library = transformers.utils.logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    with TemporaryDirectory(prefix="assay-classifier-") as folder:
        for name, data in classifier.files.items():
            (Path(folder) / name).write_bytes(data)
        try:
            model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=precision, local_files_only=True, output_loading_info=True
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # the libraries below raise anything at damaged files
            found = f"found {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise _damaged(classifier, found) from error
    absent = sorted(loading["missing_keys"]) + sorted(str(key) for key in loading["mismatched_keys"])
    if absent:
        raise _damaged(classifier, f"found no fitting weights for {', '.join(absent[:3])}")
    return model.eval(), tokenizer


def _damaged(classifier: ClassifierFiles, found: str) -> StageError:
    return StageError(
        "ModelDamaged",
        f"classifier {classifier.identity}",
        f"{found}, expected a whole Hugging Face sequence-classification folder",
        "Restore the folder.",
    )
