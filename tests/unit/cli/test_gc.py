"""What `assay gc`, `pin`, `unpin` and `forget` do to a store."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key
from assay.cli import forget, gc, pin, unpin
from assay.cli.gc import age
from assay.errors import SpecError
from assay.reconcile.decide import State
from assay.settings.local import backend_for, compile_file, open_local
from assay.stores.claims import declare_use
from assay.stores.uses import pins, uses
from builders import SUMMARIES


@pytest.fixture
def run(spec, store, bench):
    """As if the small experiment had run here, a month ago."""
    plan = compile_file(spec)[1]
    for stage in plan.stages:
        bench.stage(stage.kind, stage.document.spec)
        bench.finish(stage.document, **SUMMARIES[stage.kind])
        declare_use(store, stage.ref, plan.experiment)
    _age(store)
    return plan


def _age(store):
    month = timedelta(days=30).total_seconds()
    for path in Path(store.uri.removeprefix("file://")).rglob("*.json"):
        os.utime(path, (path.stat().st_mtime - month, path.stat().st_mtime - month))


def swept(store, capsys, *, yes=True):
    gc.main(store.uri, older_than="7d", yes=yes, output="json")
    return json.loads(capsys.readouterr().out)


def test_nothing_of_an_experiment_goes_while_it_is_not_forgotten(run, store, capsys):
    told = swept(store, capsys)

    assert told["stages"] == []
    assert set(told["kept"].values()) == {"used"}


def test_without_yes_what_may_go_is_told_and_stays(run, store, capsys):
    forget.main("small", store.uri, superseded=False)
    capsys.readouterr()

    gc.main(store.uri, older_than="7d", yes=False, output="text")

    told = capsys.readouterr().out
    assert "9 stages that nobody relies on" in told
    assert told.endswith("Nothing was deleted: --yes does that.\n")
    assert not swept(store, capsys, yes=False)["stages"][0]["gone"]
    assert len(store.children("stages/train/")) == 3


def test_a_forgotten_experiment_goes_and_its_plan_runs_again(run, spec, store, capsys):
    forget.main("default/small", store.uri, superseded=False)
    capsys.readouterr()

    assert all(stage["gone"] for stage in swept(store, capsys)["stages"])
    local = open_local(spec, store.uri)
    _, decision = local.control(backend_for(local.experiment, 1)).look()
    states = {local.plan.by_ref[ref].label: item.state for ref, item in decision.judgements.items()}
    assert states.pop("plain+slower/chats") is State.READY
    assert set(states.values()) == {State.WAITING}


def test_what_an_edit_has_superseded_goes_and_what_is_left_is_reused(run, spec, store, capsys):
    spec.write_text(spec.read_text().replace("vocabulary: 400", "vocabulary: 420"))
    forget.main(str(spec), store.uri, superseded=True)
    capsys.readouterr()

    told = swept(store, capsys)
    assert {stage["ref"].partition("/")[0] for stage in told["stages"]} == {
        "train",
        "generate",
        "evaluate",
        "compare",
    }
    assert [ref.partition("/")[0] for ref in told["kept"]] == ["clean"]


def test_a_pinned_experiment_stays_though_it_is_forgotten(run, store, capsys):
    pin.main("small", store.uri)
    forget.main("small", store.uri, superseded=False)
    assert "What it has pinned stays" in capsys.readouterr().out

    assert set(swept(store, capsys)["kept"].values()) == {"pinned"}
    unpin.main("small", store.uri)
    capsys.readouterr()
    assert len(swept(store, capsys)["stages"]) == 9


def test_a_file_is_pinned_as_it_is_now(run, spec, store):
    spec.write_text(spec.read_text().replace("vocabulary: 400", "vocabulary: 420"))

    pin.main(str(spec), store.uri)

    [pinned] = pins(store, "default/small")
    assert set(pinned.stages) == {stage.ref.fingerprint for stage in compile_file(spec)[1].stages}
    assert set(uses(store)) & set(pinned.stages) == {
        stage.ref.fingerprint for stage in run.stages if stage.kind is Kind.CLEAN
    }


def test_what_a_failed_attempt_left_in_a_used_stage_goes_and_the_stage_is_reused(run, spec, store, capsys):
    ref = run.stages[-1].ref
    store.put(data_key(ref, 1, "verdicts.json"), b"{}")
    store.put(data_key(ref, 2, "verdicts.json"), b"{}")
    _age(store)

    told = swept(store, capsys)

    assert told["leftovers"] == [data_key(ref, 2, "verdicts.json")]
    assert store.get(data_key(ref, 1, "verdicts.json")) == b"{}"
    assert store.get(data_key(ref, 2, "verdicts.json")) is None


def test_an_experiment_that_a_store_does_not_know_is_told_beside_those_it_knows(run, store):
    with pytest.raises(SpecError, match="found 0 of this name, expected one; there are default/small"):
        pin.main("smal", store.uri)


def test_what_forgets_or_unpins_by_a_file_needs_none_of_its_data(run, spec, store, capsys):
    pin.main(str(spec), store.uri)
    (spec.parent / "chats.jsonl").unlink()

    unpin.main(str(spec), store.uri)
    forget.main(str(spec), store.uri, superseded=False)

    assert (pins(store, "default/small"), uses(store)) == ([], {})


def test_a_store_that_is_not_there_is_not_made_by_what_forgets_or_unpins(spec, tmp_path, capsys):
    unpin.main(str(spec), str(tmp_path / "none"))
    forget.main(str(spec), str(tmp_path / "none"), superseded=False)
    forget.main(str(spec), str(tmp_path / "none"), superseded=True)

    assert "default/small: 0 pins taken away" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_what_is_superseded_takes_a_file_to_say(run, store):
    with pytest.raises(SpecError, match="--superseded"):
        forget.main("small", store.uri, superseded=True)


@pytest.mark.parametrize(
    "text", ["7", "d", "-1d", "1w", "1.5d", "٧d", "36501d", "999999d", "99999999999999d"]
)
def test_what_is_no_age_is_refused(text):
    with pytest.raises(SpecError, match="7d, 12h or 30m"):
        age(text)


def test_a_hundred_years_are_an_age():
    assert age("36500d") == timedelta(days=36500)


def test_looking_for_garbage_makes_no_store(tmp_path, capsys):
    gc.main(str(tmp_path / "none"), older_than="7d", yes=True, output="text")

    assert capsys.readouterr().out == "0 stages stay\nNothing to delete.\n"
    assert not (tmp_path / "none").exists()
