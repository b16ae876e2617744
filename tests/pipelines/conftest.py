"""A real store in a folder, real stages in it, and a real, tiny model."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assay.artifacts.documents import (
    ArtifactRef,
    Attempt,
    Failure,
    Location,
    OutputFile,
    Outputs,
    Provenance,
    Record,
    SourceFile,
    StageDocument,
)
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.artifacts.layout import claim_key, data_key, failure_key, stage_document_key
from assay.stores.folder import FolderStore
from assay.stores.records import load_record, publish
from assay_pipelines.offline import stay_offline

stay_offline()

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Bench:
    """A trust domain in which stages are made, done or carried out."""

    store: FolderStore
    folder: Path
    locations: dict[str, Location] = field(default_factory=dict)

    def outside(self, *paths: Path) -> str:
        """Make files an outside input, and return its content identity."""
        files = [
            SourceFile(
                uri=path.as_uri(),
                path=path.name,
                size=path.stat().st_size,
                identity=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
            )
            for path in paths
        ]
        identity = "sha256:" + hashlib.sha256("".join(file.identity for file in files).encode()).hexdigest()
        self.locations[identity] = Location(uri=files[0].uri, files=tuple(files))
        return identity

    def lines(self, name: str, *lines: str) -> str:
        """Make a text file an outside input."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self.outside(path)

    def stage(self, kind: Kind, spec: dict[str, Any]) -> StageDocument:
        """Plan a stage; what it reads is found in its spec."""
        document = StageDocument(
            kind=kind, semantics=SEMANTICS[kind], spec=spec, reads=tuple(sorted(set(_refs(spec))))
        )
        self.store.put(stage_document_key(document.ref), document.encode())
        return document

    def done(
        self, kind: Kind, spec: dict[str, Any], files: Path | None = None, **summary: Any
    ) -> ArtifactRef:
        """Make a stage that is done, with the files below a folder as its outputs."""
        document = self.stage(kind, spec)
        outputs = {}
        for path in sorted(path for path in files.rglob("*") if path.is_file()) if files else ():
            name = path.relative_to(files).as_posix()
            self.store.upload(data_key(document.ref, 1, name), path)
            outputs[name] = OutputFile(
                size=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest()
            )
        provenance = Provenance(
            attempt=1, inputs={}, execution={}, environment={}, started_at=START, finished_at=START
        )
        publish(
            self.store,
            Record(identity=document, outputs=Outputs(files=outputs, summary=summary), provenance=provenance),
        )
        return document.ref

    def run(
        self,
        main: Callable[[list[str]], int],
        kind: Kind,
        spec: dict[str, Any],
        *,
        attempt: int = 1,
        **execution: Any,
    ) -> "Outcome":
        """Carry out a stage as its pod would."""
        document = self.stage(kind, spec)
        claim = Attempt(
            number=attempt,
            owner="test",
            claimed_at=START,
            execution=execution,
            locations=self.locations,
        )
        self.store.put(claim_key(document.ref, attempt), claim.encode())
        code = main(["--stage", f"{self.store.uri}/stages/{document.ref}", "--attempt", str(attempt)])
        failed = self.store.get(failure_key(document.ref, attempt))
        return Outcome(
            code=code,
            ref=document.ref,
            record=load_record(self.store, document.ref),
            failure=None if failed is None else Failure.decode(failed),
            store=self.store,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a stage."""

    code: int
    ref: ArtifactRef
    record: Record | None
    failure: Failure | None
    store: FolderStore

    @property
    def summary(self) -> dict[str, Any]:
        assert self.record is not None, self.failure
        return self.record.outputs.summary

    def path(self, name: str) -> Path:
        """The local path of an output file."""
        assert self.record is not None, self.failure
        key = data_key(self.ref, self.record.provenance.attempt, name)
        return Path(self.store.uri.removeprefix("file://")) / key

    @property
    def refused(self) -> tuple[str, str]:
        assert self.failure is not None, self.record
        return self.failure.reason, self.failure.message


@pytest.fixture
def bench(tmp_path) -> Bench:
    folder = tmp_path / "files"
    folder.mkdir()
    return Bench(store=FolderStore(tmp_path / "store"), folder=folder)


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [ref for item in value.values() for ref in _refs(item)]
    if isinstance(value, list | tuple):
        return [ref for item in value for ref in _refs(item)]
    kinds = tuple(f"{kind.value}/" for kind in Kind)
    return [value] if isinstance(value, str) and value.startswith(kinds) and len(value) > 64 else []


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = (
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

    def make(*, seed: int = 0, context: int = 256, template: str | None = CHATML) -> Path:
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        bpe.train_from_iterator(
            [WORDS],
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
            hidden_size=32,
            intermediate_size=64,
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
