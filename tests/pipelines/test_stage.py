"""What every program tells before its own work begins."""

from assay.artifacts.documents import Origin
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import progress_key, resume_key
from assay.stores.records import load_record
from assay.workloads.names import workload_name
from assay.workloads.pods import environment
from assay_pipelines.stage import EXIT_DONE, EXIT_TRY_AGAIN, run_program
from orders import IMAGES, an_order


def test_a_store_that_does_not_open_is_told_for_another_attempt_to_follow(tmp_path, capsys):
    blocked = tmp_path / "store"
    blocked.write_text("a file")
    argv = ["--stage", f"{blocked.as_uri()}/stages/clean/{'0' * 64}", "--attempt", "1"]

    assert run_program(Kind.CLEAN, lambda _run: {}, argv) == EXIT_TRY_AGAIN
    assert str(blocked) in capsys.readouterr().err


def test_a_store_that_refuses_what_is_shown_live_stops_no_program(bench, capsys):
    ref, argv = bench.claimed(Kind.CLEAN, {})
    bench.store.put(f"{progress_key(ref, 1)}/in-the-way", b"")

    def body(run):
        run.progress("working")
        return {}

    assert run_program(Kind.CLEAN, body, argv) == EXIT_DONE
    assert "refuses" in capsys.readouterr().err


def test_what_attempts_left_goes_once_the_stage_is_done(bench):
    ref, argv = bench.claimed(Kind.CLEAN, {})
    bench.store.put(resume_key(ref, "1/half"), b"half")

    assert run_program(Kind.CLEAN, lambda _run: {}, argv) == EXIT_DONE
    assert list(bench.store.keys(resume_key(ref, ""))) == []


def test_a_record_names_the_image_the_namespace_and_the_workload_that_made_it(bench, monkeypatch):
    ref, argv = bench.claimed(Kind.CLEAN, {})
    order = an_order(Kind.CLEAN, fingerprint=ref.fingerprint)
    for variable in environment(order):
        if "value" in variable:
            monkeypatch.setenv(variable["name"], variable["value"])

    assert run_program(Kind.CLEAN, lambda _run: {}, argv) == EXIT_DONE
    assert load_record(bench.store, ref).provenance.origin == Origin(
        image=IMAGES["clean"], namespace="research", workload=workload_name(ref, 1)
    )


def published(bench, kind, spec):
    ref, argv = bench.claimed(kind, spec)
    assert run_program(kind, lambda _run: {}, argv) == EXIT_DONE
    return ref, load_record(bench.store, ref)


def test_what_stems_from_an_unsafe_source_says_so_in_its_record_down_to_answers_and_scores(bench):
    sources = [{"name": "harmful", "unsafe": True}, {"name": "chats"}]
    data, cleaned = published(bench, Kind.CLEAN, {"sources": sources})
    model, trained = published(bench, Kind.TRAIN, {"data": {"from": data}})
    _, scored = published(bench, Kind.EVALUATE, {"model": {"from": model}})
    _, compared = published(bench, Kind.COMPARE, {"runs": [model]})

    assert [record.provenance.unsafe for record in (cleaned, trained, scored)] == [("harmful",)] * 3
    assert compared.provenance.unsafe is None


def test_the_record_of_what_stems_from_no_unsafe_source_is_as_it_always_was(bench):
    _, record = published(bench, Kind.CLEAN, {"sources": [{"name": "chats"}]})

    assert b"unsafe" not in record.encode()


def test_the_record_of_a_laptop_names_no_workload(bench):
    ref, argv = bench.claimed(Kind.CLEAN, {})

    assert run_program(Kind.CLEAN, lambda _run: {}, argv) == EXIT_DONE
    assert load_record(bench.store, ref).provenance.origin is None
