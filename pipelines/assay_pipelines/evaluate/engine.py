"""lm-evaluation-harness' Hugging Face engine, faster and less silent; what it finds is the harness' own.

Questions are read once, whatever the number of their choices, and what prompts begin with alike (few-shot examples) once for all of
them, where the model's memory can be used so. A prompt that would be cut is counted, or refused, and a likelihood that is no
number is refused.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from lm_eval.api.instance import Instance  # type: ignore[import-untyped]
from lm_eval.models.huggingface import HFLM  # type: ignore[import-untyped]
from lm_eval.models.utils import normalize_gen_kwargs  # type: ignore[import-untyped]
from transformers import LogitsProcessor, LogitsProcessorList

from assay.artifacts.canonical import canonical_json, digest
from assay.errors import StageError
from assay_pipelines.evaluate.dealing import Size
from assay_pipelines.evaluate.families import Tokens, batches
from assay_pipelines.evaluate.reuse import Answered, Beginning, answer, read, reusable
from assay_pipelines.evaluate.rows import Question
from assay_pipelines.evaluate.work import Batch, Work
from assay_pipelines.inference import LoadedModel
from assay_pipelines.models import not_finite

TOLERANCE = 1e-4  # nats by which a likelihood in fp32 may move with what is read beside it

_ANSWERS = 16  # to one question: a text's first window follows no prompt, as that of all others does

_Request = tuple[Any, list[int], list[int]]  # texts, context, continuation


class Engine(HFLM):  # type: ignore[misc]  # the harness is untyped
    """The harness' engine over a loaded model."""

    def __init__(self, loaded: LoadedModel, work: Work, *, cutting: bool, seed: int) -> None:
        super().__init__(
            pretrained=loaded.model,
            tokenizer=loaded.tokenizer,
            batch_size=work.batch,
            max_length=loaded.context,
        )
        self._label, self._work, self._cutting, self._seed = loaded.label, work, cutting, seed
        self._reusable = reusable(loaded.model)
        self._beginning = Beginning(tokens=(), layers=None)
        self._lengths: dict[tuple[str, str], tuple[int, int]] = {}
        self.cut: set[str] = set()  # contexts that were longer than the model's

    def lengths(self, arguments: tuple[Any, ...], answers: Sequence[Any]) -> tuple[int, int]:
        """Count the tokens of a request's prompt, and of what stood or was written after it."""
        if isinstance(arguments[-1], str) and arguments in self._lengths:
            return self._lengths[arguments]
        written = [answer for answer in answers if isinstance(answer, str)]
        return len(self.tok_encode(arguments[0])), sum(
            len(self.tok_encode(text, add_special_tokens=False)) for text in written
        )

    def _loglikelihood_tokens(
        self,
        requests: list[_Request],
        disable_tqdm: bool = False,  # noqa: FBT001, FBT002, ARG002 -- the harness' signature
        override_bs: int | None = None,  # noqa: ARG002 -- likewise
    ) -> list[Answered]:
        self._see_lengths(requests)
        asked: dict[Tokens, list[int]] = {}
        for place, (_, context, continuation) in enumerate(requests):
            whole = (context + continuation)[-(self.max_length + 1) :]
            asked.setdefault(tuple(whole[: -len(continuation)]), []).append(place)
        parts = [
            (prompt, places[first : first + _ANSWERS])
            for prompt, places in asked.items()
            for first in range(0, len(places), _ANSWERS)
        ]
        prompts = [prompt for prompt, _ in parts]
        results: list[Answered] = [(math.nan, False)] * len(requests)
        planned = []
        for batch in batches(prompts, rows=self._work.batch):
            questions = [
                Question(
                    prompt=prompts[place],
                    answers=tuple(tuple(requests[request][2]) for request in parts[place][1]),
                )
                for place in batch.places
            ]
            planned.append((batch.places, self._likelihoods(batch.prefix, questions)))
        found = self._work.all([one for _, one in planned])
        for (places, _), answered in zip(planned, found, strict=True):
            for place, answers in zip(places, answered, strict=True):
                for request, (likelihood, greedy) in zip(parts[place][1], answers, strict=True):
                    results[request] = (likelihood, greedy)
        return results

    def _likelihoods(self, prefix: Tokens, questions: Sequence[Question]) -> Batch[Question, list[Answered]]:
        tokens = sum(len(one.prompt) - len(prefix) + sum(map(len, one.answers)) for one in questions)
        return Batch(
            what=["likelihood", self._label, prefix, [[one.prompt, one.answers] for one in questions]],
            rows=questions,
            make=partial(self._answered, prefix),
            size=Size(tokens=tokens, beginning=prefix),
        )

    def _see_lengths(self, requests: list[_Request]) -> None:
        longest = 0
        for texts, context, continuation in requests:
            if len(continuation) > self.max_length:
                raise self._too_small(len(continuation), "for a continuation alone")
            length = len(context) + len(continuation) - 1  # the last token is only predicted
            longest = max(longest, length)
            if texts is not None:
                self._lengths[texts] = len(context), len(continuation)
            if length > self.max_length:
                self.cut.add(texts[0])
        if self.cut and not self._cutting:
            raise self._too_small(longest, "for the longest prompt")

    def _answered(self, prefix: Tokens, questions: Sequence[Question]) -> list[list[Answered]]:
        if self._reusable:
            found = answer(self.model, self._begin(prefix), questions)
        else:
            self.batch_size_per_gpu = self._work.rows
            flat = iter(
                super()._loglikelihood_tokens(
                    [(None, list(one.prompt), list(tokens)) for one in questions for tokens in one.answers],
                    disable_tqdm=True,
                )
            )
            found = [[next(flat) for _ in one.answers] for one in questions]
        if not all(math.isfinite(likelihood) for answers in found for likelihood, _ in answers):
            raise not_finite(f"model {self._label}")
        return found

    def _begin(self, prefix: Tokens) -> Beginning:
        """Return what the model remembers of a beginning; batches of one family follow each other."""
        if self._beginning.tokens != prefix:
            self._beginning = Beginning(tokens=(), layers=None)  # frees its memory first
            self._beginning = read(self.model, prefix)
        return self._beginning

    def generate_until(
        self,
        requests: list[Instance],
        disable_tqdm: bool = False,  # noqa: FBT001, FBT002, ARG002 -- the harness' signature
    ) -> list[str]:
        """Let the model write after prompts; see the harness."""
        groups: dict[bytes, list[int]] = {}
        for place, request in enumerate(requests):
            groups.setdefault(canonical_json(request.args[1]), []).append(place)
        planned: list[tuple[list[int], Batch[Instance, str]]] = []
        for options, places in groups.items():
            prompts = [tuple(self.tok_encode(requests[place].args[0])) for place in places]
            room = self._room(requests[places[0]].args[1])
            self.cut |= {
                requests[place].args[0]
                for place, prompt in zip(places, prompts, strict=True)
                if len(prompt) > room
            }
            for number, batch in enumerate(batches(prompts, rows=self._work.batch)):
                what = [options.decode(), self._seed, number, [prompts[at] for at in batch.places]]
                here = [places[at] for at in batch.places]
                read = sum(len(prompts[at]) - len(batch.prefix) for at in batch.places)
                written = len(here) * (self.max_length - room)
                rows = [requests[place] for place in here]
                one = Batch(
                    what=["generate", self._label, batch.prefix, what],
                    rows=rows,
                    make=partial(self._written, batch.prefix, what, rows),
                    size=Size(tokens=read + written, beginning=batch.prefix),
                )
                planned.append((here, one))
        results = [""] * len(requests)
        found = self._work.all([one for _, one in planned])
        for (here, _), texts in zip(planned, found, strict=True):
            for place, text in zip(here, texts, strict=True):
                results[place] = text
        return results

    def _room(self, options: dict[str, Any]) -> int:
        """Return how many tokens a prompt may have, so that what is to be written fits behind it."""
        wanted = int(normalize_gen_kwargs(options, self.max_gen_toks)["max_gen_toks"])
        if wanted >= self.max_length:
            raise self._too_small(wanted + 1, "for what is to be written alone")
        room: int = self.max_length - wanted
        return room

    def _written(
        self, prefix: Tokens, what: list[Any], rows: Sequence[Instance], requests: Sequence[Instance]
    ) -> list[str]:
        """Answer some rows of a batch, all unless memory gave way; each part draws on its own."""
        self._begin(prefix if self._reusable else ())
        self.batch_size_per_gpu = len(requests)
        before = next(place for place, row in enumerate(rows) if row is requests[0])
        drawn = digest("sampling", [*what, before] if before else what)
        torch.manual_seed(int(drawn[:15], 16))
        texts: list[str] = super().generate_until(list(requests), disable_tqdm=True)
        return texts

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **options: Any
    ) -> torch.Tensor:
        if (
            self.model.generation_config.eos_token_id is None
        ):  # else a row goes on until all of its batch have ended
            options["eos_token_id"] = self.eot_token_id
        prefix = self._beginning.tokens
        seen = options["attention_mask"]
        rows = [row[mask.bool()] for row, mask in zip(context, seen, strict=True)]
        if prefix and all(tuple(row[: len(prefix)].tolist()) == prefix for row in rows):
            context, options["attention_mask"] = context.clone(), torch.ones_like(seen)
            for place, row in enumerate(rows):
                padding = slice(len(prefix), context.shape[1] - len(row) + len(prefix))
                context[place, : len(prefix)] = row[: len(prefix)]
                context[place, padding] = self.tokenizer.pad_token_id
                options["attention_mask"][place, padding] = 0
            options["past_key_values"] = self._beginning.cache(self.model)
        options["logits_processor"] = LogitsProcessorList([_Finite(self._label)])
        written: torch.Tensor = super()._model_generate(context, max_length, stop, **options)
        return written

    def _too_small(self, wanted: int, why: str) -> StageError:
        return StageError(
            "ContextTooSmall",
            f"model {self._label}",
            f"found a context of {self.max_length} tokens, expected {wanted} {why}",
            "Ask with fewer examples or shorter items, or give the model a longer context.",
        )


class _Finite(LogitsProcessor):
    """Refuses to write on where a model gives no numbers, of which an empty answer, or a traceback, would come."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __call__(self, _written: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if bool(torch.isnan(scores).any()):
            raise not_finite(f"model {self._label}")
        return scores
