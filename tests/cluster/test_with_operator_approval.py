"""Nothing is launched before somebody who may has approved the very plan, and only some may."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.stores.open import open_to_read
from assay.stores.registered import registrations
from cluster.access import Cluster
from cluster.running_operator import Team, eventually, questions, scores, small_pools

MANUAL = {"execution": {"approval": "manual"}}
COMPARED = {
    "arms": [{"name": "one"}, {"name": "other", "stages": [{"name": "same", "evaluate": {"seed": 1}}]}],
    "compare": [{"name": "effect", "stage": "same", "contrasts": [{"name": "seed", "a": "one", "b": "other"}]}],
}  # fmt: skip


@pytest.fixture
def assay(team: Team, tmp_path: Path):
    """`kubectl assay`, in the team's namespace."""
    (tmp_path / "kubectl").symlink_to(team.cluster.kubectl_program)
    theirs = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = theirs | team.cluster.s3_environment
    environment |= {"PATH": path, "KUBECONFIG": str(team.cluster.kubeconfig)}

    def assay(*words: str) -> str:
        done = subprocess.run(
            ["kubectl", "assay", *words, "-n", team.namespace],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return assay


def awaits(team: Team, name: str) -> dict[str, Any]:
    """Wait until an experiment awaits approval; return its status."""
    status = eventually(
        lambda: (found := team.status(name)).get("phase") == "AwaitingApproval" and found, "it awaits approval"
    )  # fmt: skip
    return dict(status)


def asked(team: Team, name: str) -> str:
    return str(team.condition(name, "Approved")["message"])


def launched(team: Team) -> list[str]:
    """Return the claims in the store, and the workloads."""
    store = open_to_read(team.store, team.cluster.s3_environment)
    claims = [info.key for info in store.keys("stages/") if info.key.endswith("/attempt.json")]
    return [*claims, *(job["metadata"]["name"] for job in team.workloads("jobs"))]


def test_nothing_is_launched_before_the_plan_is_approved(team: Team, assay) -> None:
    team.apply("study", scores("same") | MANUAL)
    digest = awaits(team, "study")["plan"]["digest"]

    assert asked(team, "study").startswith(f"plan {digest}: 1 of 1 stages to run, 0 reused")
    assert launched(team) == []
    assert f"plan {digest}" in assay("approve", "study", "--comment", "for the paper")
    eventually(lambda: launched(team), "it is launched")
    assert team.condition("study", "Approved")["status"] == "True"
    approval = team.cluster.get("approvals.assay.dev", "study", f"--namespace={team.namespace}")
    assert approval["spec"] == {"plan": digest, "comment": "for the paper"}


def test_an_edit_needs_another_approval_and_one_taken_back_none(team: Team, assay) -> None:
    team.apply("study", scores("same") | MANUAL)
    awaits(team, "study")
    assay("approve", "study")
    eventually(lambda: launched(team), "it is launched")
    before = launched(team)
    team.apply("study", scores("edited") | MANUAL)
    eventually(
        lambda: "what is approved is another plan" in team.condition("study", "Approved").get("message", ""),
        "the edit awaits approval",
    )
    eventually(lambda: team.status("study")["phase"] == "AwaitingApproval", "nothing of it runs")

    claims = [name for name in before if name.startswith("stages/")]
    assert [name for name in launched(team) if name.startswith("stages/")] == claims
    team.apply("study", scores("same") | MANUAL)
    eventually(lambda: team.condition("study", "Approved").get("status") == "True", "it is approved still")


def test_a_suspended_experiment_can_be_approved_and_stays_suspended(team: Team) -> None:
    team.apply("study", scores("same") | MANUAL | {"suspend": True})
    status = eventually(
        lambda: (found := team.status("study")).get("phase") == "Suspended" and found, "suspended"
    )
    approve(team, "study", status["plan"]["digest"])
    eventually(lambda: team.condition("study", "Approved").get("status") == "True", "it is approved")

    assert launched(team) == []


def approve(team: Team, name: str, digest: str, *more: str) -> None:
    """Apply an Approval, as Git would."""
    about = f"metadata: {{name: {name}, namespace: {team.namespace}}}"
    text = f'apiVersion: assay.dev/v1alpha1\nkind: Approval\n{about}\nspec: {{plan: "{digest}"}}\n'
    team.cluster.kubectl("apply", "--server-side", "--filename=-", *more, stdin=text)


def test_whoever_may_edit_experiments_may_not_approve_unless_given_that_right(team: Team) -> None:
    kubectl, place = team.cluster.kubectl, f"--namespace={team.namespace}"
    rights = "--verb=get,list,create,update,patch,delete"
    kubectl("create", "role", "author", rights, "--resource=experiments.assay.dev", place)
    kubectl("create", "rolebinding", "author", "--role=author", "--user=author", place)
    kubectl("create", "role", "approver", "--verb=get,create,patch", "--resource=approvals.assay.dev", place)
    team.apply("study", scores("same") | MANUAL)
    digest = awaits(team, "study")["plan"]["digest"]

    with pytest.raises(RuntimeError, match="forbidden"):
        approve(team, "study", digest, "--as=author")
    kubectl("annotate", "experiments.assay.dev", "study", "note=mine", "--as=author", place)
    assert launched(team) == []
    kubectl("create", "rolebinding", "approver", "--role=approver", "--user=author", place)
    eventually(lambda: _may(team), "the right is there")
    approve(team, "study", digest, "--as=author")
    eventually(lambda: launched(team), "it is launched")


def _may(team: Team) -> bool:
    try:
        words = ("auth", "can-i", "create", "approvals.assay.dev", "--as=author")
        return "yes" in team.cluster.kubectl(*words, f"--namespace={team.namespace}")
    except RuntimeError:
        return False


def test_a_profile_demands_approval_of_what_takes_more_gpu_hours_or_nobody_knows_how_many(team: Team) -> None:
    pools = small_pools()
    pools["evaluate"] |= {"gpus": 1}
    team.profile(pools=pools, limits={"approvalGpuHours": 100}, prices={"gpuHour": 2})
    team.apply("study", scores("same"))
    awaits(team, "study")

    assert "an unknown number of GPU-hours, of 1 stage expected" in asked(team, "study")
    assert "approvalGpuHours is 100, and what is unknown counts as more" in asked(team, "study")
    team.profile(pools=small_pools(), limits={"approvalGpuHours": 100})
    eventually(lambda: launched(team), "what holds no GPU is launched")


def test_a_plan_s_comparisons_are_registered_with_its_approval(team: Team, assay, cluster: Cluster) -> None:
    team.apply("study", scores("same") | COMPARED | MANUAL)
    awaits(team, "study")
    store = open_to_read(team.store, cluster.s3_environment)
    assert registrations(store, f"{team.namespace}/study") == {}
    assay("approve", "study")
    eventually(lambda: launched(team), "it is launched")

    [found] = registrations(store, f"{team.namespace}/study").values()
    assert (found.comparison["name"], found.results) == ("effect", 0)


def test_a_new_plan_is_made_of_what_sources_hold_now_and_only_when_asked_for(team: Team, assay) -> None:
    team.apply("study", scores("same") | MANUAL)
    before = awaits(team, "study")["plan"]["digest"]
    team.upload("questions.jsonl", questions() + b"\n" + questions().splitlines()[0].replace(b"sky", b"sea"))

    assert before[:12] in assay("replan", "study")
    eventually(lambda: team.status("study")["plan"]["digest"] != before, "another plan")


def test_asking_again_is_an_annotation(team: Team, assay) -> None:
    team.apply("study", scores("same") | MANUAL)
    awaits(team, "study")

    assert "are forgotten; none is told of" in assay("retry", "study")
    found = team.cluster.get("experiments.assay.dev", "study", f"--namespace={team.namespace}")
    assert "assay.dev/retry" in found["metadata"]["annotations"]


def test_an_approved_experiment_runs_to_its_end(team: Team, assay) -> None:
    team.apply("study", scores("same") | COMPARED | MANUAL)
    awaits(team, "study")
    assay("approve", "study")

    assert team.finished("study")["phase"] == "Succeeded"
    assert "registered before any of its results was there" in assay("report", "study")
