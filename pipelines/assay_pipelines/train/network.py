"""The model in training: a Hugging Face causal language model that answers with the sum of its losses over learned tokens."""

import os
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from assay.api.model import Llama
from assay.errors import StageError
from assay_pipelines.models import load_weights
from assay_pipelines.train.documents import apart
from assay_pipelines.train.output import summed_loss
from assay_pipelines.train.vocabulary import Tokenizer

# Models whose logits are the output matrix times the last hidden state and nothing more: there the wide product is
# computed for learned tokens only.
_PLAIN = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})


class Network(torch.nn.Module):
    """Computes, in one pass, the summed loss of a micro-batch."""

    def __init__(self, model: Any, precision: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.precision = precision
        self.plain = model.config.model_type in _PLAIN

    def forward(
        self,
        tokens: torch.Tensor,
        learned: torch.Tensor,
        documents: tuple[int, ...] = (),
        reference: torch.Tensor | None = None,  # noqa: ARG002 -- there is none: nothing is compared
    ) -> torch.Tensor:
        """Sum the loss over learned tokens. Padding stands at the end, where no token that counts can see it."""
        wanted = tokens[:, 1:][learned[:, 1:]]
        if not self.plain:
            return cross_entropy(self._logits(tokens, learned, documents), wanted, reduction="sum")
        hidden = self._hidden(tokens, learned, documents)
        return summed_loss(hidden, self.model.lm_head.weight, wanted, self.precision)

    def line_scores(self, tokens: torch.Tensor, learned: torch.Tensor) -> torch.Tensor:
        """Sum the log-probabilities of each line's learned tokens."""
        wanted = tokens[:, 1:][learned[:, 1:]]
        losses = cross_entropy(self._logits(tokens, learned, ()), wanted, reduction="none")
        lines = learned[:, 1:].nonzero()[:, 0]
        return torch.zeros(len(tokens), device=tokens.device).index_add(0, lines, -losses)

    def _logits(
        self, tokens: torch.Tensor, learned: torch.Tensor, documents: tuple[int, ...]
    ) -> torch.Tensor:
        """Return what is predicted in place of each learned token, (learned, vocabulary)."""
        if self.plain:
            hidden = self._hidden(tokens, learned, documents)
            with self._cast(tokens):
                logits: torch.Tensor = self.model.lm_head(hidden)
        else:
            with self._cast(tokens):
                whole = self.model(**self._asked(tokens, documents))
            logits = whole.logits[learned[:, 1:]]
        return logits.float()

    def _hidden(
        self, tokens: torch.Tensor, learned: torch.Tensor, documents: tuple[int, ...]
    ) -> torch.Tensor:
        """Return the last hidden state before each learned token, (learned, width)."""
        with self._cast(tokens):
            states: torch.Tensor = self.model.model(**self._asked(tokens, documents)).last_hidden_state
        return states[learned[:, 1:]]

    def _asked(self, tokens: torch.Tensor, documents: tuple[int, ...]) -> dict[str, Any]:
        asked: dict[str, Any] = {"input_ids": tokens[:, :-1], "use_cache": False}
        if documents:
            lengths = (*documents[:-1], documents[-1] - 1)  # nothing is predicted from the last token
            asked |= apart(lengths, tokens.device, half=self._half)
        return asked

    def _cast(self, tokens: torch.Tensor) -> torch.autocast:
        return torch.autocast(tokens.device.type, dtype=torch.bfloat16, enabled=self._half)

    @property
    def _half(self) -> bool:
        return self.precision is torch.bfloat16


class PairNetwork(Network):
    """Compares answers: lines are preferred, rejected, preferred, … (Rafailov et al. 2023, equation 7)."""

    def __init__(self, model: Any, precision: torch.dtype, beta: float) -> None:
        super().__init__(model, precision)
        self.beta = beta

    def forward(
        self,
        tokens: torch.Tensor,
        learned: torch.Tensor,
        documents: tuple[int, ...] = (),  # noqa: ARG002 -- there are none: pairs lie side by side
        reference: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Sum over pairs: the loss, the margin, and 1 where it is above 0. A line that has no partner counts nothing."""
        scores = self.line_scores(tokens, learned)
        if reference is not None and len(reference):
            scores = scores - reference
        preferred, rejected = scores[: len(scores) // 2 * 2].view(-1, 2).unbind(dim=1)
        margins = self.beta * (preferred - rejected)
        losses = -torch.nn.functional.logsigmoid(margins)
        return torch.stack([losses.sum(), margins.detach().sum(), (margins > 0).float().sum()])


def new_llama(shape: Llama, tokenizer: Tokenizer) -> Any:
    """Make a Llama of random weights; the caller has seeded torch.

    Raises:
        StageError: `Unsupported`: its positions cannot be encoded.

    """
    if shape.hidden_size // shape.heads % 2:
        raise StageError(
            "Unsupported",
            "spec.model.llama",
            f"found hiddenSize {shape.hidden_size} over {shape.heads} heads, expected an even number per head",
            "Change heads or hiddenSize.",
        )
    wide = shape.intermediate_size or -(-shape.hidden_size * 8 // 3 // 16) * 16
    fast = tokenizer.fast
    config = LlamaConfig(
        vocab_size=tokenizer.size,
        hidden_size=shape.hidden_size,
        intermediate_size=wide,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=shape.tie_embeddings,
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
    )
    return LlamaForCausalLM(config)


def load_network(folder: Path, name: str, tokenizer: Tokenizer) -> Any:
    """Load a model whole, in full precision, with room for all the tokenizer's entries.

    Raises:
        StageError: `ModelDamaged`.

    """
    model = load_weights(folder, name, precision="fp32")
    rows = model.get_input_embeddings().num_embeddings
    if tokenizer.size > rows:
        model.resize_token_embeddings(tokenizer.size, mean_resizing=False)
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            with torch.no_grad():
                layer.weight[rows:] = layer.weight[:rows].mean(dim=0)  # a new token starts as an average one
    return model


def compile_layers(model: Any, name: str) -> None:
    """Let torch fuse what each layer does, for lines of any length; the first step takes longer.

    Raises:
        StageError: `CompileUnsupported`: its layers are not where those of most models are.

    """
    layers = getattr(model.base_model, "layers", None)
    if layers is None:
        raise StageError(
            "CompileUnsupported",
            f"model {name}",
            f"found a {model.config.model_type} without a list of layers, expected one",
            "Set execution.train.compile to false.",
        )
    os.environ.pop(
        "TORCHDYNAMO_DISABLE", None
    )  # which keeps DeepSpeed from compiling (this package's __init__)
    for layer in layers:
        layer.compile(dynamic=True)


def context_of(model: Any) -> int | None:
    """Longest sequence the model takes, in tokens, if it says so."""
    context: int | None = getattr(model.config, "max_position_embeddings", None)
    return context


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices, not norms and biases; what is frozen is in no group."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in learned if parameter.dim() > 1]
    others = [parameter for parameter in learned if parameter.dim() <= 1]
    groups = ((matrices, weight_decay), (others, 0.0))
    return [{"params": list(group), "weight_decay": decay} for group, decay in groups if group]
