"""`prompts/` holds what instruct-eval's own code makes of `benchmarks/`, without examples and with all of them."""

import json
import shutil
from pathlib import Path

import pytest

from assay.errors import StageError
from assay_pipelines.evaluate.instructeval.benchmarks import BENCHMARKS
from assay_pipelines.evaluate.instructeval.drop import spans_of

HERE = Path(__file__).parent
NO_DATE = {"day": "", "month": "", "year": ""}


def items_of(name, folder=HERE / "benchmarks", limit=None):
    files = sorted(path for path in (folder / name).rglob("*") if path.is_file())
    return BENCHMARKS[name].read(files, f"task {name}", limit)


def refused(name, folder):
    with pytest.raises(StageError) as error:
        items_of(name, folder)
    return error.value.reason, str(error.value)


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(HERE / "benchmarks", tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("name", ["mmlu", "bbh", "drop"])
def test_a_prompt_is_that_of_the_published_code_byte_for_byte(name):
    items = {item.id: item for item in items_of(name)}
    published = json.loads((HERE / "prompts" / f"{name}.json").read_text(encoding="utf-8"))

    assert {item["id"] for item in published} == set(items)
    for item in published:
        assert items[item["id"]].prompt(item["shots"]) == item["prompt"]
        assert items[item["id"]].target == item["label"]
    assert {len(item.shots) for item in items.values()} == {max(item["shots"] for item in published)}


def test_a_choice_of_none_is_shown_as_pandas_reads_it():
    item = next(item for item in items_of("mmlu") if item.id == "college_computer_science/0")

    assert "\nA. nan\n" in item.question


def test_a_task_of_bbh_weighs_as_much_as_a_larger_one():
    weights = {}
    for item in items_of("bbh"):
        weights.setdefault(item.doc["task"], []).append(item.weight)

    assert weights == {"boolean_expressions": [1 / 4] * 4, "dyck_languages": [1 / 2] * 2}


def test_a_limit_holds_for_each_subject_and_each_task():
    assert [item.id for item in items_of("mmlu", limit=1)] == [
        "abstract_algebra/0",
        "college_computer_science/0",
    ]
    assert [(item.id, item.weight) for item in items_of("bbh", limit=1)] == [
        ("boolean_expressions/3", 1.0),
        ("dyck_languages/3", 1.0),
    ]


def test_passages_of_the_examples_of_drop_are_asked_about_no_more():
    items = items_of("drop")

    assert not any(item.doc["passage"] in shot for item in items for shot in item.shots)


@pytest.mark.parametrize(
    ("answers", "spans"),
    [
        ([{"number": "9", "date": NO_DATE, "spans": []}] * 2, ["9", "9"]),
        ([{"number": "", "date": NO_DATE | {"month": "May", "year": "1907"}, "spans": []}], ["May 1907"]),
        ([{"number": "", "date": NO_DATE | {"day": "3", "year": "1907"}, "spans": []}], ["3  1907"]),
        ([{"number": "", "date": NO_DATE, "spans": ["apples ", "pears"]}], ["apples", "pears"]),
        ([{"number": "15", "date": NO_DATE, "spans": ["fifteen"]}], []),
        ([{"number": "", "date": NO_DATE, "spans": []}], []),
    ],
)
def test_answers_of_drop_are_listed_as_the_hub_lists_them(answers, spans):
    assert spans_of(answers) == spans


def test_a_subject_without_examples_is_refused(copied):
    (copied / "mmlu" / "dev" / "abstract_algebra_dev.csv").unlink()

    reason, told = refused("mmlu", copied)

    assert reason == "BenchmarkMalformed"
    assert "abstract_algebra_dev.csv" in told


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("Which?,one,two,three,A\n", "5 columns"),
        ("Which?,one,two,three,four,E\n", "'E'"),
        ("", "CSV"),
        ('a,b,c,d,e,A\n"a,b', "CSV"),
    ],
)
def test_a_table_that_holds_no_questions_is_refused_with_its_name(copied, table, told):
    (copied / "mmlu" / "test" / "abstract_algebra_test.csv").write_text(table)

    reason, message = refused("mmlu", copied)

    assert reason == "BenchmarkMalformed"
    assert "abstract_algebra_test.csv" in message
    assert told in message


@pytest.mark.parametrize(
    ("name", "file", "text", "told"),
    [
        ("bbh", "dyck_languages.json", '{"examples": [{"input": "a", "target": "b"}]}', "more than 3"),
        ("bbh", "dyck_languages.json", '{"examples": [{"input": 1}, 2, 3, 4]}', "example 0"),
        ("bbh", "dyck_languages.json", "[", "JSON object"),
        ("drop", "drop_dataset_dev.json", '{"a": {"passage": "b"}}', "qa_pairs"),
        ("drop", "drop_dataset_dev.json", "{}", "0 questions"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_with_its_name(copied, name, file, text, told):
    (copied / name / file).write_text(text)

    reason, message = refused(name, copied)

    assert reason == "BenchmarkMalformed"
    assert file in message
    assert told in message


@pytest.mark.parametrize("name", ["mmlu", "bbh", "drop"])
def test_a_folder_without_the_benchmark_is_refused(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "README.md").touch()

    assert refused(name, tmp_path)[0] == "BenchmarkMalformed"
