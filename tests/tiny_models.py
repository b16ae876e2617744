"""Real models, as small as models get."""

from collections.abc import Callable
from pathlib import Path

import pytest

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TALK = (
    "The following are multiple choice questions (with answers). Which planet is nearest to the sun? "
    "Answer: A. Mercury B. Venus C. Earth D. Mars. How do I bake bread? Mix flour, water, salt and yeast, "
    "then wait. I cannot help with that request, I'm sorry. Write a poem about rain and stones and rivers. "
)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory) -> Callable[..., Path]:
    """Make a Llama with random weights and a trained byte-level tokenizer, as a Hugging Face folder."""
    import torch  # noqa: PLC0415 -- seconds, which tests without a model need not spend
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415

    def make(*, seed: int = 0, context: int = 256, template: str | None = CHATML, width: int = 32) -> Path:
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        bpe.train_from_iterator(
            [TALK],
            trainers.BpeTrainer(
                vocab_size=400,
                special_tokens=special,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=bpe, bos_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|endoftext|>"
        )
        tokenizer.chat_template = template
        torch.manual_seed(seed)
        shape = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=context,
            initializer_range=0.3,  # far from uniform, so that no two tokens are a near tie
            bos_token_id=0,
            eos_token_id=2,
        )
        folder = tmp_path_factory.mktemp("model")
        LlamaForCausalLM(shape).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make
