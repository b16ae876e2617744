"""`assay logs` of what was started."""

from assay.artifacts.layout import log_key
from assay.cli.logs import main


def test_a_program_that_wrote_nothing_is_told_as_such(spec, store, bench, cleaned, capsys):
    bench.claimed(cleaned.kind, cleaned.document.spec)

    main(spec, "plain/chats", store.uri)

    assert "The program has written nothing." in capsys.readouterr().err


def test_what_a_program_wrote_is_printed(spec, store, bench, cleaned, capsys):
    bench.claimed(cleaned.kind, cleaned.document.spec)
    store.put(log_key(cleaned.ref, 1), b"hello\n")

    main(spec, "plain/chats", store.uri)

    assert capsys.readouterr().out == "hello\n"
