"""What every program tells before its own work begins."""

from assay.artifacts.kinds import Kind
from assay_pipelines.stage import EXIT_TRY_AGAIN, run_program


def test_a_store_that_does_not_open_is_told_for_another_attempt_to_follow(tmp_path, capsys):
    blocked = tmp_path / "store"
    blocked.write_text("a file")
    argv = ["--stage", f"{blocked.as_uri()}/stages/clean/{'0' * 64}", "--attempt", "1"]

    assert run_program(Kind.CLEAN, lambda _run: {}, argv) == EXIT_TRY_AGAIN
    assert str(blocked) in capsys.readouterr().err
