import pytest

from assay.api.evaluate import PromptFormat
from assay_pipelines.evaluate.instructeval.benchmarks import BENCHMARKS
from assay_pipelines.evaluate.instructeval.items import Answered, Asked, Item
from assay_pipelines.evaluate.instructeval.scoring import begins, begins_strictly, measured


@pytest.mark.parametrize(
    ("answer", "label", "published", "strict"),
    [
        ("A", "A", True, True),
        (" A\n", "A", True, True),
        ("A.", "A", True, True),
        ("A_", "A", True, True),
        ("As an AI", "A", True, False),
        ("B", "A", False, False),
        ("The answer is A", "A", False, False),
        ("", "A", False, False),
        ("(A) the first", "(A)", True, True),
        ("valid", "valid", True, True),
        ("validity", "valid", True, False),
        ("Non", "No", True, False),
        ("5", "5", True, True),
        ("50", "5", True, False),
        ("5.5", "5", True, False),
        ("5,000", "5", True, False),
        ("5. The", "5", True, True),
        ("Été", "É", True, False),
        ("东京人", "东京", True, False),
    ],
)
def test_an_answer_counts_by_how_it_begins(answer, label, published, strict):
    assert (begins(answer, label), begins_strictly(answer, label)) == (published, strict)


def answered(place, said, *, weight=1.0, whole=True, read=None):
    item = Item(id=f"item-{place}", doc={}, question="?", target="A", weight=weight)
    return Answered(item=item, prompt="?", whole=whole, scored=said, read=read or said, tokens=1)


def scored(*answers):
    asked = Asked(
        task="quiz",
        benchmark=BENCHMARKS["mmlu"],
        items=[answer.item for answer in answers],
        form=PromptFormat.RAW,
    )
    return measured(asked, "final", answers)


def test_a_task_tells_the_strict_score_and_the_share_of_refusals_beside_its_own():
    found = scored(
        answered(0, "A"),
        answered(1, "As an", read="As an AI language model, I cannot help with that."),
        answered(2, "I cannot", read="I cannot assist with that request."),
        answered(3, "C", whole=False),
    )

    assert found.score == 1 / 2
    assert found.beside == {"strict": 1 / 4, "refusals": 1 / 2}
    assert found.truncated == 1
    assert [outcome.prediction for outcome in found.outcomes] == ["A", "As an", "I cannot", "C"]


def test_what_stands_beside_the_score_is_weighed_as_it_is():
    found = scored(
        answered(0, "A", weight=1 / 2),
        answered(1, "As", weight=1 / 2),
        answered(2, "B", weight=1),
    )

    assert found.score == pytest.approx(1 / 2)
    assert found.beside["strict"] == pytest.approx(1 / 4)
