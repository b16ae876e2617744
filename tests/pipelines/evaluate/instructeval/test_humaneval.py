import gzip
import json
from pathlib import Path

import pytest

from assay.api.evaluate import PromptFormat
from assay.errors import StageError
from assay_pipelines.evaluate.instructeval.humaneval import (
    HUMANEVAL,
    completion,
    measured,
    program,
    read,
    score,
)
from assay_pipelines.evaluate.instructeval.items import Answered, Asked
from assay_pipelines.sandbox.programs import Reason

FILE = Path(__file__).parents[2] / "humaneval" / "HumanEval.jsonl.gz"
PROBLEMS = gzip.decompress(FILE.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def items():
    return read([FILE], "task code", None)


def answered(item, said):
    return Answered(item=item, prompt=item.question, whole=True, scored=said, read=said, tokens=3)


def test_a_problem_is_shown_behind_the_published_instruction(items):
    problem = json.loads(PROBLEMS[0])

    assert [item.id for item in items] == [f"HumanEval/{number}" for number in range(164)]
    assert items[0].prompt(0) == (
        "Please complete the following Python code without providing any additional tasks such as testing or explanations\n"
        + problem["prompt"]
    )


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("    return 1\n", "    return 1\n"),
        ("\n\n    return 1\n\ndef other():\n    pass", "    return 1"),
        ("   x = 1\n   return x", "    x = 1\n    return x"),
        ("    a = 1\n    \n    return a", "    a = 1\n    \n    return a"),
        ("\treturn 1", "\treturn 1"),
        ("", ""),
    ],
)
def test_an_answer_is_cut_at_its_first_blank_line_and_its_indents_are_evened(answer, kept):
    assert completion(answer) == kept


def test_a_module_is_what_was_given_and_what_completes_it(items):
    made = program(items[28], "   return ''.join(strings)\n\ndef more(): ...")

    assert made.text == f"{items[28].doc['prompt']}    return ''.join(strings)\n"
    assert made.given == items[28].doc["prompt"]
    assert made.tests.endswith("check(concatenate)")


def test_answers_are_scored_by_what_becomes_of_their_programs(items):
    both = [items[28], items[0]]
    asked = Asked(task="code", benchmark=HUMANEVAL, items=both, form=PromptFormat.RAW, samples=2)
    said = ["    return ''.join(strings)", "    return ''", "    return 1 +", "    import os; os._exit(0)"]
    answers = [answered(both[place // 2], text) for place, text in enumerate(said)]

    found = score(asked, "final", answers)
    assert [(one.doc_id, one.outcome) for one in found.outcomes] == [
        ("HumanEval/28", 1 / 2),
        ("HumanEval/0", 0.0),
    ]
    assert found.beside["ended"] == {"failed": 3, "passed": 1}


def test_a_problems_outcome_is_the_share_of_its_answers_that_pass(items):
    asked = Asked(
        task="code", benchmark=HUMANEVAL, items=[items[0], items[28]], form=PromptFormat.RAW, samples=2
    )
    answers = [
        answered(items[0], "    return True\n\nrest"),
        answered(items[0], "    pass"),
        answered(items[28], "I'm sorry, I cannot help with that."),
        answered(items[28], "    pass"),
    ]
    found = measured(asked, "final", answers, [Reason.PASSED, Reason.TIMEOUT, Reason.FAILED, Reason.FAILED])

    assert [(one.doc_id, one.outcome, one.prediction) for one in found.outcomes] == [
        ("HumanEval/0", 1 / 2, "    return True"),
        ("HumanEval/28", 0.0, "I'm sorry, I cannot help with that."),
    ]
    assert found.score == found.beside["refusals"] == 1 / 4
    assert found.beside["ended"] == {"failed": 2, "passed": 1, "timeout": 1}
    assert [one.tokens for one in found.outcomes] == [6, 6]


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"task_id": "a"}\n', "line 1"), ("", "no problems"), (PROBLEMS[0] * 2, "JSON")],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, told):
    (tmp_path / "problems.jsonl").write_text(text)

    with pytest.raises(StageError) as error:
        read([tmp_path / "problems.jsonl"], "task code", None)
    assert error.value.reason == "BenchmarkMalformed"
    assert told in str(error.value)
