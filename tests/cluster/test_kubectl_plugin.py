"""`kubectl assay`, as kubectl runs it, against objects, pods and a store that are really there.

The tests write the statuses themselves: no operator may run yet, so these come before the files that start one.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from minio import Minio

from assay.api.experiment import Experiment
from assay.artifacts.documents import Attempt, Failure, Progress
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key, experiment_key, log_key
from assay.artifacts.outputs import VERDICTS
from assay.control.freeze import frozen, plan_key
from assay.errors import Retry
from assay.plan.plan import Plan, PlannedStage
from assay.stores.claims import claim, fail, write_progress
from assay.stores.open import open_store
from assay.stores.store import Store
from assay.workloads.names import labels
from bench import Bench
from builders import SUMMARIES, a_cleaning, a_pipeline, a_plan, an_experiment
from cluster.access import Cluster

pytestmark = pytest.mark.timeout(900)  # the first of them starts the cluster

CRDS = sorted((Path(__file__).parents[2] / "manifests" / "crds").glob("*.yaml"))
BUCKET = "plugin"
COMPARE = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}
ROLE = "training.kubeflow.org/replica-type"
QUEUED = "ClusterQueue gpu: 8 of 8 in use"


class Team:
    """A namespace with a Profile, and a prefix of the store."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.namespace = f"plugin-{secrets.token_hex(4)}"
        self.store: Store = open_store(f"s3://{BUCKET}/{self.namespace}", cluster.s3_environment)
        self.programs = folder / "bin"
        self.programs.mkdir()
        (self.programs / "kubectl").symlink_to(cluster.kubectl_program)
        cluster.kubectl("create", "namespace", self.namespace)
        cluster.apply(
            {
                "apiVersion": "assay.dev/v1alpha1",
                "kind": "Profile",
                "metadata": {"name": "default", "namespace": self.namespace},
                "spec": {
                    "store": {"uri": self.store.uri, "endpoint": cluster.s3_endpoint, "region": "us-east-1"}
                },
            }
        )

    def assay(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `kubectl assay` to its end, in this namespace unless told otherwise."""
        mine = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        mine = {name: value for name, value in mine.items() if not name.startswith("AWS_")}
        path = os.pathsep.join([str(self.programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        place = [] if {"-n", "-A"} & set(words) else ["-n", self.namespace]
        return subprocess.run(
            ["kubectl", "assay", *map(str, words), *place],
            env=mine | {"PATH": path, "KUBECONFIG": str(self.cluster.kubeconfig)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def reads(self, *words: str | Path) -> str:
        """Run it as someone with credentials for the store; return what it printed."""
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        done = self.assay(*words, **{key: self.cluster.s3_environment[key] for key in keys})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def applied(self, name: str) -> tuple[Experiment, Plan]:
        """Apply an experiment, and freeze its plan as an operator would."""
        pipeline = a_pipeline()
        pipeline[0]["clean"]["sources"][0]["uri"] = f"{name}.jsonl"  # no two share a stage
        whole = an_experiment(pipeline=pipeline, compare=[COMPARE])
        spec = whole.model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]
        about = {"name": name, "namespace": self.namespace}
        self.cluster.apply(
            {"apiVersion": "assay.dev/v1alpha1", "kind": "Experiment", "metadata": about, "spec": spec}
        )
        found = self.cluster.get("experiments.assay.dev", name, f"--namespace={self.namespace}")
        experiment = Experiment.model_validate(
            {part: found[part] for part in ("apiVersion", "kind", "metadata", "spec")}
        )
        plan = frozen(self.store, experiment, lambda: a_plan(experiment), datetime.now(UTC)).plan
        return experiment, plan

    def tell(self, experiment: Experiment, plan: Plan, **status: object) -> None:
        """Write a status as an operator would."""
        uri = f"{self.store.uri}/{plan_key(experiment)}"
        whole = {"observedGeneration": 1, "plan": {"digest": plan.digest, "uri": uri}, **status}
        self.cluster.kubectl(
            "patch", "experiments.assay.dev", experiment.metadata.name, f"--namespace={self.namespace}",
            "--subresource=status", "--type=merge", f"--patch={json.dumps({'status': whole})}",
        )  # fmt: skip

    def attempt(self, stage: PlannedStage, number: int = 1) -> None:
        """Claim an attempt."""
        made = Attempt(
            number=number, owner="kubernetes/test", claimed_at=datetime.now(UTC) + timedelta(seconds=1)
        )
        assert claim(self.store, stage.ref, made)

    def pod(self, stage: PlannedStage, name: str, says: str, more: Mapping[str, str] = {}) -> None:
        """Run a pod that carries an attempt's labels to its end."""
        carried = labels(stage.ref, 1) | more
        container = {
            "name": "program",
            "image": self.cluster.base_image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", f"echo {says}"],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": security,
            "containers": [container],
        }
        about = {"name": name, "namespace": self.namespace, "labels": carried}
        self.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})

    def ended(self, *names: str) -> None:
        pods = [f"pod/{name}" for name in names]
        self.cluster.wait("jsonpath={.status.phase}=Succeeded", *pods, f"--namespace={self.namespace}")


@pytest.fixture(scope="module")
def team(cluster: Cluster, tmp_path_factory):
    for crd in CRDS:
        cluster.apply_text(crd.read_text())
    definitions = ("crd/experiments.assay.dev", "crd/profiles.assay.dev")
    cluster.wait("jsonpath={.status.acceptedNames.plural}", *definitions)  # before that it has no conditions
    cluster.wait("condition=Established", *definitions)
    client = Minio(
        urlsplit(cluster.s3_endpoint).netloc,
        access_key=cluster.s3_access_key,
        secret_key=cluster.s3_secret_key,
        secure=False,
    )
    if not client.bucket_exists(BUCKET):
        client.make_bucket(BUCKET)
    team = Team(cluster, tmp_path_factory.mktemp("team"))
    yield team
    cluster.kubectl("delete", "namespace", team.namespace, "--wait=false")


def stage_of(plan: Plan, label: str) -> PlannedStage:
    return next(stage for stage in plan.stages if stage.label == label)


def progressing(reason: str, message: str) -> Mapping[str, str]:
    return {"type": "Progressing", "status": "False", "reason": reason, "message": message}


@pytest.fixture(scope="module")
def running(team) -> Plan:
    """An experiment of which one cleaning was there, the other runs, and one training waits for a queue."""
    experiment, plan = team.applied("running")
    Bench(store=team.store, folder=team.folder).finish(
        stage_of(plan, "with/cleaned").document, **a_cleaning(12)
    )
    team.attempt(stage_of(plan, "without/cleaned"))
    cleaning = Progress(doing="cleaning", done=3, total=12, unit="rows")
    write_progress(team.store, stage_of(plan, "without/cleaned").ref, 1, cleaning)
    team.attempt(stage_of(plan, "with/sft"))
    team.tell(
        experiment, plan, phase="Running", total=len(plan.stages), done=1, reused=1, progress=f"1/{len(plan.stages)}",
        conditions=[
            {"type": "Accepted", "status": "True", "reason": "Valid", "message": ""},
            progressing("Pending", QUEUED),
            {"type": "Complete", "status": "False", "reason": "StagesLeft", "message": "some are left"},
        ],
        stages=[
            {"name": "without/cleaned", "kind": "clean", "state": "running", "attempt": 1},
            {"name": "with/sft", "kind": "train", "state": "running", "attempt": 1, "message": QUEUED},
        ],
    )  # fmt: skip
    return plan


@pytest.fixture(scope="module")
def finished(team) -> Plan:
    """An experiment that is all done, of which the operator has written the report; its pods are gone."""
    experiment, plan = team.applied("finished")
    bench = Bench(store=team.store, folder=team.folder)
    for stage in plan.stages:
        team.attempt(stage)
        bench.finish(stage.document, **SUMMARIES[stage.kind])
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    missing = {"contrast": "refusals", "task": "quiz", "coordinates": {}, "reason": "it has no outcomes"}
    about = {"name": "effect", "family": "holm", "alpha": 0.05}
    verdicts = {"comparison": about, "verdicts": [], "models": [], "missing": [missing]}
    team.store.put(data_key(compared.ref, 1, VERDICTS), json.dumps(verdicts).encode())
    team.store.put(experiment_key(plan.experiment, "report.html"), b"<p>the operator's</p>")
    total = len(plan.stages)
    team.tell(
        experiment, plan, phase="Succeeded", total=total, done=total, verdict="refusals on quiz: better"
    )
    return plan


def row_of(told: str, label: str) -> str:
    return next(line for line in told.splitlines() if line.startswith(label))


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr


def test_status_with_credentials_tells_of_every_stage_and_what_it_does_now(team, running):
    told = team.reads("status", "running")

    assert (
        f"{team.namespace}/running: Running, 1 of {len(running.stages)} stages done, 1 of them reused" in told
    )
    assert f"Progressing is False (Pending): {QUEUED}" in told
    assert "Accepted" not in told
    assert "StagesLeft" not in told
    assert "cleaning 3/12 rows" in row_of(told, "without/cleaned")
    assert QUEUED in row_of(told, "with/sft")
    assert row_of(told, "with/cleaned").split() == ["with/cleaned", "done"]
    assert row_of(told, "without/sft").split() == ["without/sft", "waiting"]


def test_status_without_credentials_tells_what_the_object_says_and_how_to_see_more(team, running):
    done = team.assay("status", "running")

    assert done.returncode == 0, done.stderr
    assert QUEUED in row_of(done.stdout, "with/sft")
    assert "without/sft" not in done.stdout
    assert "AWS_ACCESS_KEY_ID" in row_of(done.stdout, "note:")


def test_status_as_json_has_conditions_and_stages(team, running):
    told = json.loads(team.reads("status", "running", "-o", "json"))

    assert told["experiment"] == f"{team.namespace}/running"
    assert told["phase"] == "Running"
    assert {item["type"] for item in told["conditions"]} == {"Accepted", "Progressing", "Complete"}
    assert {stage["label"] for stage in told["stages"]} == {stage.label for stage in running.stages}


def test_status_of_what_no_operator_has_looked_at_says_so(team):
    team.applied("fresh")

    assert "No operator has looked at it" in team.reads("status", "fresh")
    refused(team.assay("plan", "fresh"), "found no frozen plan yet", "kubectl assay status fresh")


def test_status_without_a_name_is_a_line_for_each_experiment(team, running, finished):
    told = team.reads("status")

    assert row_of(told, "running").split()[:3] == ["running", "Running", f"1/{len(running.stages)}"]
    assert QUEUED in row_of(told, "running")
    assert row_of(told, "finished").rstrip().endswith("refusals on quiz: better")
    assert f"{team.namespace}  " in team.reads("status", "-A")


def test_plan_says_of_every_stage_what_becomes_of_it_and_why(team, running):
    told = team.reads("plan", "running")

    assert row_of(told, "with/cleaned").split()[1:3] == ["clean", "reuse"]
    assert row_of(told, "without/cleaned").split() == [
        "without/cleaned",
        "clean",
        "running",
        "attempt",
        "1",
        "runs",
    ]
    assert QUEUED in row_of(told, "with/sft")
    assert "waits for its inputs" in row_of(told, "without/sft")
    assert "1 reused, 0 done" in told
    assert f"{team.store.uri}/experiments/{team.namespace}/running/" in told


def test_plan_as_json_is_for_programs(team, finished):
    told = json.loads(team.reads("plan", "finished", "-o", "json"))

    assert {stage["plan"] for stage in told["stages"]} == {"done"}
    assert told["digest"] == finished.digest


def test_looking_writes_nothing_to_the_store(team, finished):
    before = {info.key: info.modified for info in team.store.keys("")}

    for words in (("status", "finished"), ("plan", "finished"), ("report", "finished")):
        team.reads(*words)

    assert {info.key: info.modified for info in team.store.keys("")} == before


def test_report_prints_what_was_found_and_says_where_the_operators_copy_lies(team, finished, tmp_path):
    told = team.reads("report", "finished", "--html", tmp_path / "page.html")

    assert "Verdicts: effect" in told
    assert "missing: refusals on quiz: it has no outcomes" in told
    assert (
        f"the operator's own copy: {team.store.uri}/experiments/{team.namespace}/finished/report.html" in told
    )
    assert "<h1>" in (tmp_path / "page.html").read_text()


def test_report_of_what_runs_says_that_the_operator_has_not_written_it(team, running):
    assert "When all is final the operator writes" in team.reads("report", "running")


def test_logs_are_those_of_the_submitter_or_of_the_master_first(team, running):
    cleaned, sft = stage_of(running, "without/cleaned"), stage_of(running, "with/sft")
    team.pod(cleaned, "submitter", "from-the-driver")
    team.pod(cleaned, "head", "from-ray", {"ray.io/node-type": "head"})
    team.pod(sft, "a-worker", "from-the-worker", {ROLE: "worker"})
    team.pod(sft, "the-master", "from-the-master", {ROLE: "master"})
    team.ended("submitter", "a-worker", "the-master")

    assert team.reads("logs", "running", "without/cleaned") == "from-the-driver\n"
    assert team.reads("logs", "running", "without/cleaned", "--follow") == "from-the-driver\n"
    assert team.reads("logs", "running", "with/sft") == "from-the-master\nfrom-the-worker\n"
    followed = team.reads("logs", "running", "with/sft", "--follow").splitlines()
    assert sorted(line.split()[-1] for line in followed) == ["from-the-master", "from-the-worker"]


def test_logs_of_an_attempt_that_waits_for_a_queue_say_so(team):
    experiment, plan = team.applied("queued")
    team.attempt(stage_of(plan, "with/cleaned"))
    waits = {"name": "with/cleaned", "kind": "clean", "state": "running", "attempt": 1, "message": QUEUED}
    team.tell(experiment, plan, phase="Running", stages=[waits])

    assert team.reads("logs", "queued", "with/cleaned") == f"Its pods print nothing yet: {QUEUED}.\n"


def test_logs_of_pods_that_cannot_start_say_why(team, finished):
    stage = stage_of(finished, "with/sft")
    about = {"name": "homeless", "namespace": team.namespace, "labels": labels(stage.ref, 1)}
    nowhere = {"nodeSelector": {"no": "where"}, "containers": [{"name": "x", "image": "x"}]}
    team.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": nowhere})
    team.cluster.wait("condition=PodScheduled=false", "pod/homeless", f"--namespace={team.namespace}")

    assert "no node for pod homeless" in team.reads("logs", "finished", "with/sft")


def test_logs_of_pods_that_are_gone_come_from_the_store_with_the_failure(team, finished):
    stage = stage_of(finished, "with/answers")
    message = f"{finished.stages[0].ref}: found nothing, expected rows. Look there"
    fail(team.store, stage.ref, 1, Failure(reason="SourceChanged", message=message, retry=Retry.NEVER))
    credentials = {**team.cluster.s3_environment}

    gone = team.assay("logs", "finished", "with/answers", **credentials)
    team.store.put(log_key(stage.ref, 1), b"kept\n")
    kept = team.assay("logs", "finished", "with/answers", "--attempt", "1", **credentials)

    assert "Its pods are gone" in gone.stderr
    assert f"failed: SourceChanged: {finished.stages[0].label}: found nothing" in gone.stderr
    assert kept.stdout == "kept\n"


def test_logs_of_a_misspelt_stage_or_another_attempt_are_refused_with_what_is_there(team, running):
    credentials = {**team.cluster.s3_environment}

    refused(team.assay("logs", "running", "with/stf", **credentials), "Did you mean `with/sft`?")
    refused(team.assay("logs", "running", "with/sft", "--attempt", "7", **credentials), "found only 1")
    assert "has not been started" in team.reads("logs", "running", "without/sft")


def test_an_unknown_experiment_is_told_with_the_nearest(team, running):
    refused(team.assay("status", "runnning"), "found none of this name among", "Did you mean `running`?")


def test_a_namespace_that_is_not_there_is_told_as_such(team):
    refused(team.assay("status", "-n", "nowhere"), "namespace nowhere", "no such namespace")
    refused(team.assay("status", "running", "-n", "nowhere"), "namespace nowhere", "no such namespace")


def test_a_context_that_is_not_there_is_told_as_kubectl_tells_it(team):
    refused(team.assay("status", "running", "--context", "elsewhere"), "elsewhere", "kubectl version")


def test_who_may_not_read_experiments_is_told_what_is_missing(team, running, tmp_path):
    config = json.loads(team.cluster.kubectl("config", "view", "--raw", "--flatten", "--output=json"))
    config["users"][0]["user"]["as"] = "a-stranger"
    (tmp_path / "config").write_text(json.dumps(config))

    done = team.assay("status", "running", "--kubeconfig", tmp_path / "config")

    refused(done, "a-stranger", "cannot get resource", "Ask the cluster's owner")


def test_a_damaged_record_does_not_hide_the_other_stages(team):
    experiment, plan = team.applied("damaged")
    team.tell(experiment, plan, phase="Running", total=len(plan.stages), done=0)
    team.store.put(f"stages/{stage_of(plan, 'with/cleaned').ref}/record.json", b"{")

    told = team.reads("status", "damaged")

    assert "damaged" in row_of(told, "with/cleaned")
    assert "waiting" in row_of(told, "with/sft")
