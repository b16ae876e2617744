"""What is said of *these two models* on one task: a word, a sentence, and how many problems would be needed.

The words are those of a verdict, but they speak of two trained models as they are. The interval is over new items and
knows nothing of other seeds; p is of this one pair, and not corrected for how many pairs are looked at.
"""

from dataclasses import dataclass

from assay.statistics.models import ModelDifference
from assay.statistics.power import problems_needed
from assay.statistics.words import Word, directed


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is said of two models.

    Attributes:
        word: better, worse, higher, lower or inconclusive: of the first model against the second.
        sentence: the same with all that it rests on.
        problems: of 0/1 scores that are inconclusive, how many problems would show such a difference (power 0.8).

    """

    word: Word
    sentence: str
    problems: int | None


def read(
    found: ModelDifference,
    *,
    names: tuple[str, str],
    higher_is_better: bool | None,
    binary: bool,
    alpha: float = 0.05,
) -> Reading:
    """Say what two models' difference shows; `binary` where every item is simply right or wrong."""
    word = Word.INCONCLUSIVE
    if found.p is not None and found.p <= alpha:
        word = directed(found.effect, higher_is_better)
    problems = None
    if binary and word is Word.INCONCLUSIVE:
        problems = problems_needed(
            found.effect, discordant=(found.only_a + found.only_b) / found.n, alpha=alpha
        )
    return Reading(word=word, sentence=_sentence(found, names, word, problems), problems=problems)


def _sentence(found: ModelDifference, names: tuple[str, str], word: Word, problems: int | None) -> str:
    a, b = names
    counted = f"{a} alone is ahead on {found.only_a} and {b} on {found.only_b} of {found.n} items"
    told = f"{a} minus {b} is {found.effect:.4g}"
    if found.interval is not None:
        told += f", {found.interval.told} over new items"
    if found.p is not None:
        told += f", p {found.p:.2g}"
    if word is not Word.INCONCLUSIVE:
        return f"Of these two models {a} is {word} than {b}: {told}; {counted}."
    needed = f"; about {problems} problems would show such a difference" if problems else ""
    return f"Which of these two models is better stays open: {told}; {counted}{needed}."
