"""What an earlier version stored is read as it was meant: every cluster and every store has some.

The documents are those of v1alpha1 as first kept here. They are never written anew: what a later version adds has to have a
default that means what was meant without it. `docs/decisions/0031` says what another API version would do.
"""

import json
from pathlib import Path

from assay.api.status import ExperimentStatus
from assay.artifacts.documents import Attempt, Failure, Heartbeat, Progress, Record, StageDocument
from assay.control.freeze import FrozenPlan
from assay.errors import Retry
from assay.plan.examine import examine_object
from assay.report.data import report_data

STORED = Path(__file__).parent / "stored"
REF = "clean/59f757d06f235065be2bc6986117f51995b3d8c66ec261d1e15e3dd961e47935"
OUTPUTS = "9fdb32c72304c2adf5d016130e742614d30b8735c4ff3d9e4585c265ff16d12f"
PLAN = "2371e2f0117d47d939f64fda7f163197449b3e2575ab6cbb5f473c6ea989dc71"
LABELS = [
    "without/cleaned",
    "without/sft",
    "without/answers",
    "without/scores",
    "with/cleaned",
    "with/sft",
    "with/answers",
    "with/scores",
    "compare/effect",
]


def stored(name, document):
    return document.decode((STORED / name).read_bytes())


def test_a_stage_is_still_the_stage_that_it_was():
    stage = stored("stage.json", StageDocument)

    assert str(stage.ref) == REF
    assert stage.spec["steps"][0]["name"] == "alternation"


def test_a_record_still_names_its_stage_its_files_and_its_outputs():
    record = stored("record.json", Record)

    assert str(record.identity.ref) == REF
    assert record.outputs_digest == OUTPUTS
    assert [(path, file.size) for path, file in record.outputs.files.items()] == [("chats.parquet", 1234)]
    told = record.provenance
    assert (told.attempt, told.origin.namespace, told.gpu, told.gpus) == (2, "team", "NVIDIA H200", 8)
    assert (told.finished_at - told.started_at).total_seconds() == 3600


def test_an_attempt_still_says_who_claimed_it_and_what_it_holds():
    attempt = stored("attempt.json", Attempt)

    assert (attempt.number, attempt.owner, attempt.gpus) == (2, "kubernetes/c/team/study/u", 8)
    assert attempt.execution == {"threads": 1, "deadlineHours": 12}
    [location] = attempt.locations.values()
    assert [file.path for file in location.files] == ["chats.jsonl"]


def test_how_an_attempt_went_is_still_read():
    assert stored("failure.json", Failure).retry is Retry.LATER
    assert stored("failure.json", Failure).is_interruption
    assert stored("heartbeat.json", Heartbeat).at.year == 2030
    assert stored("progress.json", Progress).total == 500


def test_a_frozen_plan_is_still_the_plan_that_was_approved():
    frozen = stored("plan.json", FrozenPlan)

    assert frozen.frozen_at.year == 2030
    assert frozen.plan.digest == PLAN
    assert [stage.label for stage in frozen.plan.stages] == LABELS
    assert len({stage.ref for stage in frozen.plan.stages}) == len(LABELS)


def test_verdicts_are_still_reported():
    frozen = stored("plan.json", FrozenPlan)
    [compare] = [stage for stage in frozen.plan.stages if stage.kind == "compare"]
    found = report_data(
        frozen.plan, {}, {compare.ref: json.loads((STORED / "verdicts.json").read_text())}, {}
    )

    [verdict] = found["comparisons"][0]["verdicts"]
    assert (verdict["word"], verdict["task"], verdict["effect"]) == ("better", "quiz", 0.1)


def test_what_an_operator_told_is_still_read():
    status = ExperimentStatus.model_validate_json((STORED / "status.json").read_text())

    assert (status.phase, status.progress, status.gpu_hours.spent) == ("Running", "3/9", 12.5)
    assert (status.stages[0].attempt, status.stages[0].since) == (1, "2030-01-01T00:00:00Z")
    assert {item.type for item in status.conditions} == {"Accepted", "Planned", "Progressing", "Complete"}


def test_an_experiment_as_an_api_server_stored_it_is_still_sound():
    found = examine_object(json.loads((STORED / "experiment.json").read_text()))

    assert found.faults == ()
    assert found.sound().spec.execution.retries == 5
