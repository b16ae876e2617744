"""A team's own image between assay's containers: what it computes counts as here, and it meets no credential."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.artifacts.documents import Failure
from assay.artifacts.layout import failure_key
from assay.stores.open import open_to_read
from assay.workloads.names import attempt_of, workload_name
from cluster.here import carried_out_here
from cluster.running_operator import Team, eventually, records, small_pools

KEEP = """\
import json, os, pathlib
print("keeps what is long enough")
parameters = json.loads(pathlib.Path(os.environ["ASSAY_PARAMETERS"]).read_text())
with open(os.environ["ASSAY_INPUTS"] + "/raw/lines.jsonl") as lines, open(os.environ["ASSAY_OUTPUT"] + "/chats.jsonl", "w") as kept:
    for line in lines:
        if len(json.loads(line)["messages"][0]["content"]) >= parameters["least"]:
            kept.write(line)
"""
LOOK = """\
import glob, json, os, pathlib
assert json.loads(open(os.environ["ASSAY_INPUTS"] + "/data/chats.jsonl").readline())["id"]
def readable(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""
found = {
    "variables": sum(name.startswith("AWS") for name in os.environ),
    "processes": sum(b"AWS_" in readable(path) for path in glob.glob("/proc/*/environ")),
    "tokens": sum(map(os.path.exists, ["/var/run/secrets/kubernetes.io"])),
    "notes": sum(map(os.path.exists, ["/tmp/read.json"])),
}
with open(os.environ["ASSAY_OUTPUT"] + "/scores.jsonl", "w") as scores:
    for name, count in found.items():
        scores.write(json.dumps({"task": "secrets", "doc_id": name, "score": count}) + "\\n")
"""
LINES = "".join(
    json.dumps({"messages": [{"role": "user", "content": "x" * length}]}) + "\n" for length in range(1, 9)
)


def spec(image: str, **kept: Any) -> dict[str, Any]:
    """Return two programs, one after the other; `kept` replaces members of the first."""
    first = {
        "image": image,
        "command": ["python", "keep.py"],
        "code": {"uri": "keep.py"},
        "inputs": [{"name": "raw", "uri": "lines.jsonl"}],
        "output": "dataset",
        "parameters": {"least": 5},
        **kept,
    }
    second = {
        "image": image,
        "command": ["python", "look.py"],
        "code": {"uri": "look.py"},
        "inputs": [{"name": "data", "from": "kept"}],
        "output": "scores",
        "tasks": [{"name": "secrets", "unit": "secrets that are in reach"}],
    }
    pipeline = [{"name": "kept", "program": first}, {"name": "looked", "program": second}]
    return {"pipeline": pipeline, "arms": [{"name": "only"}]}


@pytest.fixture
def own(team: Team) -> Team:
    """A team that may run its own programs, in a namespace that takes none but restricted pods."""
    team.cluster.kubectl(
        "label", "namespace", team.namespace, "pod-security.kubernetes.io/enforce=restricted"
    )
    pools = small_pools() | {"program": {"cpus": 0.25, "memoryGib": 1}}
    team.profile(pools=pools, limits={"programs": True})
    for name, text in {"keep.py": KEEP, "look.py": LOOK, "lines.jsonl": LINES}.items():
        team.upload(name, text.encode())
    return team


@pytest.mark.timeout(600)
def test_a_teams_own_programs_leave_what_they_leave_here_and_find_no_credential(
    own: Team, tmp_path: Path
) -> None:
    asked = spec(own.cluster.image)
    own.apply("own", asked)

    assert own.finished("own")["phase"] == "Succeeded"
    there = {record.identity.spec["output"]: record for record in own.records().values()}
    kept, looked = there["dataset"], there["scores"]
    for name, text in {"keep.py": KEEP, "lines.jsonl": LINES}.items():
        (tmp_path / name).write_text(text)
    [here] = records(carried_out_here({**asked, "pipeline": asked["pipeline"][:1]}, tmp_path)).values()
    assert (kept.identity, kept.outputs) == (here.identity, here.outputs)
    assert kept.provenance.environment["image"] == own.cluster.image
    assert looked.outputs.summary["tasks"]["secrets"]["final"]["score"] == 0
    assert list(looked.provenance.inputs) == [kept.identity.ref]
    name = workload_name(kept.identity.ref, kept.provenance.attempt)
    log = own.cluster.kubectl("logs", f"--namespace={own.namespace}", f"job/{name}")
    assert log == "keeps what is long enough\n"


@pytest.mark.timeout(600)
def test_a_program_that_fails_is_told_with_its_exit_code_and_tried_once(own: Team) -> None:
    own.apply("failing", spec(own.cluster.image, command=["python", "-c", "raise SystemExit(3)"]))

    status = own.finished("failing")
    assert status["phase"] == "Failed"
    [job] = own.workloads("jobs")
    ref, number = attempt_of(job) or pytest.fail("a job of no attempt")
    failure = Failure.decode(
        open_to_read(own.store, own.cluster.s3_environment).get(failure_key(ref, number)) or b"{}"
    )
    assert (failure.reason, failure.retry) == ("ProgramFailed", "never")
    [told] = [stage["message"] for stage in status["stages"] if stage["state"] == "failed"]
    assert "the program's command: found exit code 3, expected 0" in told


@pytest.mark.timeout(600)
def test_a_program_that_is_taken_away_is_interrupted_and_begins_anew(own: Team) -> None:
    own.apply("slow", spec(own.cluster.image, command=["python", "-c", "import time; time.sleep(3600)"]))

    def running() -> list[str]:
        pods = own.cluster.get("pods", f"--namespace={own.namespace}", "--selector=assay.dev/kind=program")[
            "items"
        ]
        return [
            pod["metadata"]["name"]
            for pod in pods
            for status in pod["status"].get("initContainerStatuses", ())
            if status["name"] == "program" and "running" in status["state"]
        ]

    [first] = eventually(running, "the command runs")
    [job] = own.workloads("jobs")
    ref, number = attempt_of(job) or pytest.fail("a job of no attempt")
    own.cluster.kubectl("delete", "pod", first, f"--namespace={own.namespace}", "--wait=false")

    store = open_to_read(own.store, own.cluster.s3_environment)
    failed = eventually(lambda: store.get(failure_key(ref, number)), "the attempt has a failure")
    assert Failure.decode(failed).is_interruption
    assert eventually(lambda: set(running()) - {first}, "another attempt runs")
