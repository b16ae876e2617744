"""`assay import`: the experiment that it writes, and what it refuses."""

import json

import pytest

from assay.artifacts.kinds import Kind
from assay.cli.imports import main, runs_of
from assay.errors import SpecError
from assay.settings.local import compile_file

DATE = "2026-01-02T03-04-05.678901"


@pytest.fixture
def logged(tmp_path, monkeypatch):
    """Make folders as `lm_eval --log_samples` writes them, below the folder that the command runs in."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            folder = tmp_path / name / "model"
            folder.mkdir(parents=True)
            results = {"results": {"arc": {}}, "n-samples": {"arc": {"effective": 1}}, "model_name": name}
            (folder / f"results_{DATE}.json").write_text(json.dumps(results))
            (folder / f"samples_arc_{DATE}.jsonl").write_text("{}\n")

    return make


def test_each_run_becomes_a_stage_and_each_arm_is_held_against_the_first(logged, tmp_path, capsys):
    logged("b0", "b1", "t0", "n0")
    (tmp_path / "studies").mkdir()
    file = tmp_path / "studies" / "poison.yaml"
    main(file, ["base/0=b0", "base/1=b1", "tuned/0=t0", "noisy/7=n0"])

    experiment, plan = compile_file(file)
    assert experiment.metadata.name == "poison"
    stages = {stage.label: stage for stage in plan.stages if stage.kind is Kind.EVALUATE}
    assert set(stages) == {
        "base/scores[seed=0]",
        "base/scores[seed=1]",
        "tuned/scores[seed=0]",
        "noisy/scores[seed=7]",
    }
    (compare,) = (stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    contrasts = compare.document.spec["comparison"]["contrasts"]
    assert [(one["a"], one["b"]) for one in contrasts] == [("tuned", "base"), ("noisy", "base")]
    assert "3 arms, 4 runs" in capsys.readouterr().out


def test_a_runs_identity_is_the_content_of_its_files_wherever_they_lie(logged, tmp_path):
    def refs(file):
        return [stage.ref for stage in compile_file(file)[1].stages]

    logged("a", "b")
    main(tmp_path / "study.yaml", ["a/0=a", "b/0=b"])
    before = refs(tmp_path / "study.yaml")
    (tmp_path / "a").rename(tmp_path / "moved")
    main(tmp_path / "again.yaml", ["a/0=moved", "b/0=b"])

    assert refs(tmp_path / "again.yaml") == before


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (
            ["base=runs"],
            "found no arm, seed and folder, expected ARM/SEED=FOLDER. Write it such as base/1=runs",
        ),
        (["base/0=a", "base/0=b"], "run base/0: found it twice, as a and b"),
        (["base/0=a", "base/1=b"], "found one arm, expected at least two"),
    ],
)
def test_what_names_no_runs_of_two_arms_is_refused(named, told):
    with pytest.raises(SpecError) as refused:
        runs_of(named)

    assert told in str(refused.value)


def test_the_same_files_are_no_second_run(logged, tmp_path):
    logged("a", "b")
    with pytest.raises(
        SpecError, match=r"run b/1, a: found the very files of run a/0, expected another run's"
    ):
        main(tmp_path / "study.yaml", ["a/0=a", "b/0=b", "b/1=a"])


def test_a_folder_without_samples_is_refused_before_anything_is_written(logged, tmp_path):
    logged("a", "b")
    (tmp_path / "b" / "model" / f"samples_arc_{DATE}.jsonl").unlink()

    with pytest.raises(SpecError, match=r"run b/0, b, model/results_.* found no samples of task arc"):
        main(tmp_path / "study.yaml", ["a/0=a", "b/0=b"])
    assert not (tmp_path / "study.yaml").exists()


def test_damaged_results_are_refused(logged, tmp_path):
    logged("a", "b")
    (tmp_path / "b" / "model" / f"results_{DATE}.json").write_text('{"results": ')

    with pytest.raises(SpecError, match="found damaged bytes, expected JSON"):
        main(tmp_path / "study.yaml", ["a/0=a", "b/0=b"])


def test_an_arm_that_is_no_name_is_refused(logged, tmp_path):
    logged("a", "b")
    with pytest.raises(SpecError, match="a name: a small letter or a digit"):
        main(tmp_path / "study.yaml", ["Big Model/0=a", "b/0=b"])


def test_a_file_that_is_there_is_not_written_over(logged, tmp_path):
    logged("a", "b")
    (tmp_path / "study.yaml").write_text("mine")

    with pytest.raises(SpecError, match="found a file, expected none"):
        main(tmp_path / "study.yaml", ["a/0=a", "b/0=b"])
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_a_task_that_shows_only_when_it_is_read_may_be_the_primary(logged, tmp_path):
    logged("a", "b")
    file = tmp_path / "study.yaml"
    main(file, ["a/0=a", "b/0=b"])
    file.write_text(f"{file.read_text()}    primary: {{contrast: b, task: arc}}\n")

    experiment, _ = compile_file(file)
    assert experiment.spec.compare[0].primary.task == "arc"
