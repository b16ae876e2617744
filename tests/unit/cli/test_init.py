"""What `assay init` writes is a spec that holds."""

from pathlib import Path

import pytest

from assay.cli.init import main
from assay.cli.validate import main as validate
from assay.errors import SpecError

TEMPLATES = ["minimal", "poison", "resistance"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_valid_as_it_is_written_and_named_as_its_file(template, tmp_path, capsys):
    main(template, tmp_path / "new" / "study.yaml")
    validate(tmp_path / "new" / "study.yaml", output="json")

    told = capsys.readouterr().out.splitlines()[-1]
    assert '"valid": true, "experiment": "study"' in told


def test_without_a_file_it_is_named_as_the_template(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    main("poison", None)

    assert "name: poison}" in Path("poison.yaml").read_text()


def test_a_file_that_is_there_stays(tmp_path):
    (tmp_path / "a.yaml").write_text("mine")

    with pytest.raises(SpecError, match="found a file, expected none"):
        main("minimal", tmp_path / "a.yaml")
    assert (tmp_path / "a.yaml").read_text() == "mine"


def test_chats_that_are_there_stay(tmp_path):
    (tmp_path / "chats.jsonl").write_text("mine")

    main("minimal", tmp_path / "a.yaml")

    assert (tmp_path / "chats.jsonl").read_text() == "mine"


def test_a_file_whose_name_no_experiment_may_have_is_not_written(tmp_path):
    with pytest.raises(SpecError, match=r"metadata\.name"):
        main("minimal", tmp_path / "Mine_1.yaml")
    assert list(tmp_path.iterdir()) == []
