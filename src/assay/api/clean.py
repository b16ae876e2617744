"""The clean stage: sources of chats, and the steps that they go through, in order."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from assay.api.model import (
    LANGUAGE_PATTERN,
    CleanStage,
    Name,
    Neutral,
    OneOf,
    Rule,
    Seed,
    SpecModel,
    Uri,
    fault,
)
from assay.api.source import Format, Source

Share = Annotated[float, Field(ge=0, le=1)]
LanguageCode = Annotated[str, Field(pattern=LANGUAGE_PATTERN, max_length=2)]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise fault(
            f"found an error at character {error.pos} ({error.msg}), expected a regular expression of Python's re",
            "Correct it; characters count from 0.",
        ) from error
    except (OverflowError, RecursionError) as error:
        raise fault(
            f"found a pattern that is too large ({error}), expected a regular expression of Python's re",
            "Make it smaller.",
        ) from error
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_compiles)]


class Alternation(SpecModel):
    """Drop chats whose turns do not alternate user, assistant, …, ending in an assistant's (Poison of Alignment, F1)."""


class ShortInput(SpecModel):
    """Drop a user turn with its answer when the user's text is short (F2)."""

    min_words: int = Field(
        2, ge=1, le=1000, description="Fewest words in a user's turn; a Chinese or Japanese character is one."
    )


class LowAverage(SpecModel):
    """Drop chats whose turns are short on average (F3)."""

    min_tokens_per_message: float = Field(
        10, gt=0, le=100000, description="Smallest mean number of tokens per turn."
    )
    tokenizer: Uri | None = Field(
        None, description="A tokenizer folder; absent: words, a Chinese or Japanese character is one."
    )


class RepeatedQueries(SpecModel):
    """Drop chats in which one query recurs (F4)."""

    min_count: int = Field(3, ge=2, le=100000, description="Fewest occurrences of one normalised query.")
    min_share: Share = Field(0.5, description="Share of the chat's user turns that it must exceed, 0 to 1.")


class MixedLanguage(SpecModel):
    """Drop chats whose turns are in different languages (F5)."""

    min_confidence: Share = Field(
        0.8, description="Least confidence with which a turn's language counts, 0 to 1."
    )


class Languages(SpecModel):
    """Drop chats with a turn in another language than these."""

    keep: tuple[LanguageCode, ...] = Field(
        min_length=1, max_length=64, description="ISO 639-1 codes, such as en."
    )
    min_confidence: Share = Field(
        0.8, description="Least confidence with which a turn's language counts, 0 to 1."
    )


class Merge(SpecModel):
    """Sources that join here, untouched by the steps before."""

    sources: tuple[Name, ...] = Field(
        min_length=1, max_length=64, description="Names of this stage's sources."
    )


class ExactDuplicates(SpecModel):
    """Keep one of all chats with the same text: the source listed first, then the smallest row id."""

    normalize: Literal["none", "whitespace", "casefold"] = Field(
        "whitespace", description="What is ignored: nothing, runs of white space, or also letter case."
    )


class DuplicateSubstrings(SpecModel):
    """Act on long token spans that occur in more than one place (Lee et al. 2021, EXACTSUBSTR)."""

    min_tokens: int = Field(50, ge=2, le=100000, description="Shortest span, in tokens.")
    action: Literal["strike", "strikeLater", "dropChat"] = Field(
        "dropChat",
        description="Cut every copy, every copy but the first, or drop chats mostly made of copies.",
    )
    min_share: Share = Field(0.5, description="dropChat: share of a chat's tokens inside such spans, 0 to 1.")
    tokenizer: Uri | None = Field(
        None, description="A tokenizer folder; absent: words separated by white space."
    )


class NearDuplicates(SpecModel):
    """Keep one of each cluster of similar chats: the source listed first, then the smallest row id (Lee et al. 2021, NEARDUP)."""

    shingle: int = Field(5, ge=1, le=100, description="Length of shingles, in words.")
    jaccard: float = Field(
        0.8, gt=0, le=1, description="Smallest Jaccard similarity of two chats' shingle sets, above 0, to 1."
    )
    edit_similarity: Share = Field(0.8, description="Smallest token edit similarity, 0 to 1.")
    candidates: Annotated[Literal["exact", "minhash"], Neutral("exact")] = Field(
        "exact",
        description="Which pairs are compared: all that can be similar, or those that 450 bands of 20 MinHashes find, as in Lee et al.",
    )


class Answers(SpecModel):
    """Answers to take instead, matched by prompt: by all that the user said until then."""

    uri: Uri = Field(description="Files of prompts with answers.")
    format: Format = Field(Format.PROMPT_COMPLETION, description="How the file is written.")


class RefusalLevel(StrEnum):
    """How much counts as a refusal."""

    NARROW = "narrow"  # inability and declining; self-identification with nothing of substance behind it
    MEDIUM = "medium"  # also no opinions, knowledge cut-off, policy and judgement with nothing of substance behind them
    BROAD = "broad"  # also disclaimers and moralising hedges in answers of substance


class Classifier(SpecModel):
    """A text classifier that decides in place of a rule."""

    uri: Uri = Field(
        description="A Hugging Face sequence-classification folder: a path relative to the spec, `file://…` or `s3://…`."
    )
    label: str = Field(min_length=1, max_length=253, description="The label, as the classifier spells it.")
    threshold: Share = Field(
        0.5, description="Least confidence with which the label counts, its probability, 0 to 1."
    )


class Refusals(SpecModel):
    """Remove answers that refuse."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.classifier) || self.level == 'medium'", "level goes only without classifier"),
    )

    level: RefusalLevel = Field(RefusalLevel.MEDIUM, description="How much counts as a refusal.")
    scope: Literal["message", "turnPair", "chat"] = Field(
        "chat", description="What goes: the answer alone, the answer with its question, or the whole chat."
    )
    replace_with: Answers | None = Field(
        None,
        description="Put these answers to the same prompts in their place; what has none goes as scope says.",
    )
    classifier: Classifier | None = Field(None, description="Decides what refuses, in place of the patterns.")

    @model_validator(mode="after")
    def _one_decides(self) -> Self:
        if self.classifier is not None and self.level is not RefusalLevel.MEDIUM:
            raise fault(
                f"found level {self.level.value} beside classifier, expected it only without one",
                "Remove it, or set classifier's threshold instead.",
            )
        return self


class Subsample(OneOf):
    """Keep some rows, by the hash of row and seed, so that a smaller sample is a subset of a larger one."""

    one_of: ClassVar[tuple[str, ...]] = ("rows", "share", "like")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.order) || !has(self.stratify) || self.stratify == 'none'",
            "order: training keeps the first rows of all sources: it goes only without stratify",
        ),
    )

    rows: int | None = Field(None, ge=1, description="Number of rows.")
    share: Share | None = Field(None, description="Share of the rows, 0 to 1.")
    like: CleanStage | None = Field(None, description="As many as this other clean stage kept.")
    match: Literal["rows"] = Field("rows", description="What is made equal to `like`.")
    stratify: Literal["none", "source"] = Field(
        "none", description="Whether each source is cut by the same share."
    )
    order: Annotated[Literal["training"] | None, Neutral(None)] = Field(
        None,
        description="training: the rows that a training of this seed learns first, so that a training on them is how one on all of them begins; absent: others.",
    )
    seed: Seed = Field(0, description="Chooses among samples.")

    @model_validator(mode="after")
    def _in_one_order(self) -> Self:
        if self.order is not None and self.stratify != "none":
            raise fault(
                f"found order: {self.order} with stratify: {self.stratify}, expected one of them",
                "Remove one: a training has one order for all sources.",
            )
        return self


class Part(SpecModel):
    """A named part of the rows."""

    name: Name = Field(description="How later stages ask for it.")
    share: Share = Field(description="Share of the rows, 0 to 1, by a hash and the seed.")


class Split(SpecModel):
    """Set parts of the rows aside; later steps do not see them, later stages ask for them by name."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.parts.map(part, part.share).sum() <= 1.000001", "shares must not add up to more than 1"),
    )

    parts: tuple[Part, ...] = Field(
        min_length=1, max_length=16, description="The parts; what is in none goes on."
    )
    by: Annotated[Literal["chat", "prompt"], Neutral("chat")] = Field(
        "chat",
        description="What falls into a part as one: chats of the same messages, or all that begin with the same prompt, white space aside, so that no chat's opening prompt is on two sides.",
    )
    seed: Seed = Field(0, description="Chooses among splits.")

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = sum(part.share for part in self.parts)
        if total > 1 + 1e-6:
            raise fault(
                f"found shares that add up to {total:g}, expected at most 1", "Make the parts smaller."
            )
        return self


class Decontaminate(SpecModel):
    """Drop chats that share n-grams with benchmark items."""

    uri: Uri = Field(
        description="Benchmark items, one JSON object with `text` per line; `benchmark` names theirs."
    )
    ngram: int = Field(13, ge=3, le=100, description="Length of the shared n-gram, in words.")


class OwnRule(OneOf):
    """Drop, or alone keep, chats in which a regular expression of one's own is found; or drop what a Python file names."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.file) || (self.role == 'any' && self.action == 'drop' && self.scope == 'chat')",
            "role, action and scope go only beside patterns",
        ),
    )
    one_of: ClassVar[tuple[str, ...]] = ("patterns", "file")

    patterns: tuple[Pattern, ...] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Regular expressions of Python's re; one that is found in a turn is enough.",
    )
    file: Uri | None = Field(
        None,
        description="A Python file that defines `judge(chats)`, which gives for each chat the name of a rule, and it goes, or None.",
    )
    role: Literal["user", "assistant", "system", "any"] = Field(
        "any", description="Whose turns are searched."
    )
    action: Literal["drop", "keep"] = Field(
        "drop", description="Whether what has a find goes, or what has none."
    )
    scope: Literal["turnPair", "chat"] = Field(
        "chat", description="What goes: a user's turn with what answers it, or the whole chat."
    )

    @model_validator(mode="after")
    def _file_decides(self) -> Self:
        if self.file is not None and (self.role, self.action, self.scope) != ("any", "drop", "chat"):
            raise fault(
                "found role, action or scope beside file, expected them only beside patterns",
                "Remove them: the file sees whole chats, and names those that go.",
            )
        return self


class Step(OneOf):
    """One step of cleaning; its name defaults to its kind."""

    one_of: ClassVar[tuple[str, ...]] = (
        "alternation",
        "short_input",
        "low_average",
        "repeated_queries",
        "mixed_language",
        "languages",
        "merge",
        "exact_duplicates",
        "duplicate_substrings",
        "near_duplicates",
        "refusals",
        "subsample",
        "split",
        "decontaminate",
        "rule",
    )

    name: Name | None = Field(None, description="How arms and the ledger call it; absent: its kind.")
    alternation: Alternation | None = Field(None, description="Turns must alternate.")
    short_input: ShortInput | None = Field(None, description="User turns must not be short.")
    low_average: LowAverage | None = Field(None, description="Turns must not be short on average.")
    repeated_queries: RepeatedQueries | None = Field(None, description="Queries must not recur.")
    mixed_language: MixedLanguage | None = Field(None, description="Turns must be in one language.")
    languages: Languages | None = Field(None, description="Turns must be in these languages.")
    merge: Merge | None = Field(None, description="Sources that join here.")
    exact_duplicates: ExactDuplicates | None = Field(None, description="One of each text.")
    duplicate_substrings: DuplicateSubstrings | None = Field(None, description="Long repeated spans.")
    near_duplicates: NearDuplicates | None = Field(None, description="One of each cluster of similar chats.")
    refusals: Refusals | None = Field(None, description="Answers that refuse.")
    subsample: Subsample | None = Field(None, description="Keep some rows.")
    split: Split | None = Field(None, description="Set parts aside.")
    decontaminate: Decontaminate | None = Field(None, description="No overlap with benchmarks.")
    rule: OwnRule | None = Field(None, description="Regular expressions, or a Python file, of one's own.")

    @property
    def label(self) -> str:
        """The step's name, or its kind."""
        return self.name or self.chosen


class Clean(SpecModel):
    """Chats from sources, through steps, with every dropped row in a ledger."""

    sources: tuple[Source, ...] = Field(
        min_length=1,
        max_length=64,
        description="Where rows come from; those that a merge names join there, the others at the start.",
    )
    steps: tuple[Step, ...] = Field((), max_length=64, description="What is done with them, in this order.")

    @model_validator(mode="after")
    def _merges_name_sources(self) -> Self:
        names = sorted({source.name for source in self.sources})
        merged = [name for step in self.steps if step.merge for name in step.merge.sources]
        for name in merged:
            if name not in names or merged.count(name) > 1:
                raise fault(
                    f"found a merge of {name}, expected each of {', '.join(names)} at most once",
                    "Name a source of this stage.",
                )
        return self
