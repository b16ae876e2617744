"""The tokenizer: the model's own, one from outside, or one trained on the stage's data."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, decoders, pre_tokenizers, trainers
from tokenizers import Tokenizer as Core
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from assay.errors import StageError
from assay_pipelines import models
from assay_pipelines.train.template import END, START, Writer, chatml_template, chatml_writer, own_writer

TEXT_END = "<|endoftext|>"

Encoded = tuple[NDArray[np.int32], NDArray[np.int64]]  # tokens, and at which character each begins


@dataclass(frozen=True)
class Tokenizer:
    """A Hugging Face tokenizer, as this program uses it."""

    fast: Any
    name: str  # for messages

    def encode(self, texts: list[str]) -> list[Encoded]:
        """Encode texts as they are: no special tokens are added."""
        if not texts:
            return []
        encodings = self.fast.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        return [
            (
                np.array(encoding.ids, dtype=np.int32),
                np.array([start for start, _ in encoding.offsets], dtype=np.int64),
            )
            for encoding in encodings
        ]

    @property
    def separator(self) -> int:
        """The token between texts."""
        return models.begin_token(self.fast, self.name)

    @property
    def size(self) -> int:
        """Entries, special ones included."""
        return len(self.fast)

    def writer(self, template: str) -> Writer:
        """Prepare for chats: the tokenizer carries the template from here on.

        Raises:
            StageError: `TemplateMissing`.

        """
        if template == "model":
            return own_writer(self.fast, self.name)
        known = self.fast.get_vocab()
        added = [token for token in (START, END) if token not in known]
        if added:
            self.fast.add_tokens([AddedToken(token, special=True, normalized=False) for token in added])
        begins = self.fast("a").input_ids
        bos = self.fast.bos_token if begins and begins[0] == self.fast.bos_token_id else None
        self.fast.chat_template = chatml_template(bos)
        self.fast.eos_token = END  # an answer ends with its turn
        return chatml_writer(bos)


def load_tokenizer(folder: Path, name: str) -> Tokenizer:
    """Read a tokenizer folder.

    Raises:
        StageError: `ModelDamaged`, `TokenizerUnfit`.

    """
    fast = models.load_tokenizer(folder, name)
    if not fast.is_fast:
        raise StageError(
            "TokenizerUnfit",
            f"tokenizer of model {name}",
            "found one without character offsets, expected a fast tokenizer (tokenizer.json)",
            "Convert it with transformers.",
        )
    fast.backend_tokenizer.no_truncation()
    fast.backend_tokenizer.no_padding()
    return Tokenizer(fast, f"tokenizer of model {name}")


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Train a byte-level BPE: the same texts give the same tokenizer."""
    core = Core(BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[TEXT_END, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=TEXT_END,
        eos_token=TEXT_END,
        pad_token=TEXT_END,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = chatml_template(None)
    return Tokenizer(fast, "the trained tokenizer")
