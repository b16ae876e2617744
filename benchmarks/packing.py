"""How fast packed sequences train: `python benchmarks/packing.py`. The same chats packed and side by side, in one process, one thread.

Lengths are drawn from a log-normal of median 60 and mean 150, cut at 512, as chats' are skewed; the model is a Llama of 1.8 M parameters.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines"))

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assay_pipelines.train.documents import join_documents
from assay_pipelines.train.examples import Examples
from assay_pipelines.train.layout import lay_out, places_of
from assay_pipelines.train.loop import rounds_of
from assay_pipelines.train.network import Network
from assay_pipelines.train.passes import Dealing, deal

CHATS, LIMIT = 192, 512


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(np.log(60), 1.35, CHATS), 8, LIMIT).astype(np.int64)
    learned = draw.random(lengths.sum()) < 0.5
    offsets = np.cumsum([0, *lengths])
    learned[offsets[:-1]] = False
    examples = Examples(
        ids=tuple(map(str, range(CHATS))),
        tokens=draw.integers(0, 4096, lengths.sum()).astype(np.int32),
        learned=learned,
        offsets=offsets,
        targets=np.add.reduceat(learned.astype(np.int64), offsets[:-1]),
        notes={},
    )
    network = Network(LlamaForCausalLM(a_llama()), torch.float32)
    order = draw.permutation(CHATS)
    one = deal(order, lengths, Dealing(unit="examples", size=64, limit=LIMIT))
    drawn = [one.batch(step) for step in range(len(one.steps) - 1)]
    as_drawn = [batch[begin : begin + 8] for batch in drawn for begin in range(0, len(batch), 8)]
    sorted_ = [
        [batch[number] for number in part]
        for batch in drawn
        for (part,) in rounds_of(
            np.arange(len(batch)),
            np.array([lengths[rows].sum() for rows in batch]),
            micro_batch=8,
            world=1,
        )
    ]
    timed = {
        "side by side, as they come (a plain loop)": run(network, examples, as_drawn),
        "side by side, like lengths together (batchUnit examples)": run(network, examples, sorted_),
    }
    join_documents(network.model, "it")
    packed = deal(order, lengths, Dealing(unit="packedSequences", size=2, limit=LIMIT))
    batches = [packed.batch(step) for step in range(len(packed.steps) - 1)]
    timed["packed (batchUnit packedSequences)"] = run(network, examples, batches)
    bare = next(iter(timed.values()))[0]
    for name, (speed, padding) in timed.items():
        print(f"{name}: {speed:.0f} tokens/s, {speed / bare:.2f} of the plain loop, padding {padding:.1%}")
    filled = lengths.sum() / (LIMIT * (len(packed.sequences) - 1))
    print(f"{CHATS} chats in {len(packed.sequences) - 1} sequences of {LIMIT}, filled to {filled:.1%}")
    many = np.tile(lengths, 500)
    start = time.perf_counter()
    deal(draw.permutation(len(many)), many, Dealing(unit="packedSequences", size=64, limit=LIMIT))
    print(f"packing {len(many)} chats: {time.perf_counter() - start:.2f} s")


def run(network, examples, micro_batches):
    network(*lay_out(examples, micro_batches[0], torch.device("cpu"))).backward()
    start = time.perf_counter()
    for batch in micro_batches:
        network(*lay_out(examples, batch, torch.device("cpu"))).backward()
    places = sum(places_of(examples, batch) for batch in micro_batches)
    tokens = int(examples.lengths.sum())
    return tokens / (time.perf_counter() - start), 1 - tokens / places


def a_llama():
    return LlamaConfig(
        vocab_size=4096,
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=LIMIT,
    )


if __name__ == "__main__":
    main()
