"""The operator as its chart installs it: as pods, with the rights of a few namespaces, through an upgrade and until it goes.

It stands beside no other operator: these tests come before the files that start one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.stores.claims import attempts
from assay.stores.open import open_to_read
from assay.workloads.carrier import CARRIERS
from cluster.access import Cluster
from cluster.running_operator import Team, eventually, scores, small_pools
from cluster.site import AUDITED
from cluster.trainings import SPEC, Trained, a_team_that_trains_by, bound, paused, processes, training_pods
from operator_access import give_credentials, install, uninstall

RELEASE = "teams"
NAME = f"{RELEASE}-operator"
SERVICE_ACCOUNT = f"system:serviceaccount:{AUDITED}:{NAME}"
SEEN_ONCE_IN_MONTHS = {("", "secrets", "update")}  # when the webhook's certificate is renewed
CHANGED = {"logLevel": "DEBUG", "metrics": {"dashboard": {"enabled": True}}}
pytestmark = pytest.mark.timeout(1200)

Right = tuple[str, str, str]  # group, resource, verb


@pytest.fixture(scope="module")
def asked_before(cluster: Cluster) -> int:
    return len(cluster.audit())


@pytest.fixture(scope="module")
def team(asked_before: int, cluster: Cluster, here: Trained, tiny_model: Path) -> Iterator[Team]:
    """A namespace that admits restricted pods alone, and the release that looks after it and no other."""
    install(
        cluster, release=RELEASE, namespace=AUDITED, replicas=0
    )  # the definitions, before the first object
    made = a_team_that_trains_by("PyTorchJob", cluster, here)
    made.prepare(tiny_model)
    pools(made, train={"queue": made.namespace, "nodes": 1})
    cluster.kubectl("label", "namespace", made.namespace, "pod-security.kubernetes.io/enforce=restricted")
    give_credentials(cluster, namespace=AUDITED)
    install_for(made)
    yield made
    for pod in operators(cluster):  # shown of a test that fails
        print(cluster.kubectl("logs", pod, f"--namespace={AUDITED}", "--tail=200"))
    uninstall(cluster, release=RELEASE, namespace=AUDITED)
    cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")
    cluster.kubectl("delete", "clusterqueue", made.namespace, "--wait=false")
    cluster.kubectl("delete", "namespace", AUDITED)


def install_for(team: Team, **values: Any) -> None:
    """Install or upgrade the release, and return when its replicas are ready."""
    repository, _, digest = team.cluster.image.partition("@")
    image = {"repository": repository, "digest": digest, "pullPolicy": "Never"}
    whole = {"image": image, "watch": {"namespaces": [team.namespace]}, **values}
    install(team.cluster, release=RELEASE, namespace=AUDITED, **whole)


def pools(team: Team, **members: dict[str, object]) -> None:
    """Apply the Profile; `members` are more members of its pools."""
    team.profile(pools={name: pool | members.get(name, {}) for name, pool in small_pools().items()})


def to_the_store(cluster: Cluster) -> dict[str, Any]:
    """Return policies that nobody enforces here, but the API server reads."""
    peer = {"ipBlock": {"cidr": f"{cluster.node}/32"}}
    return {"enabled": True, "store": {"port": 9000, "to": [peer]}}


def operators(cluster: Cluster) -> set[str]:
    chosen = f"--selector=app.kubernetes.io/instance={RELEASE}"
    pods = cluster.get("pods", f"--namespace={AUDITED}", chosen)["items"]
    return {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def leader(cluster: Cluster) -> str:
    found: str = cluster.get("lease", NAME, f"--namespace={AUDITED}")["spec"].get("holderIdentity") or ""
    return found.partition("_")[0]


def granted(team: Team) -> set[Right]:
    """Return what the service account may do, cluster-wide and in the two namespaces."""
    roles = [
        team.cluster.get("clusterrole", NAME),
        team.cluster.get("role", NAME, f"--namespace={AUDITED}"),
        team.cluster.get("role", f"{NAME}-experiments", f"--namespace={team.namespace}"),
    ]
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(cluster: Cluster, before: int) -> list[dict[str, Any]]:
    """Return what the service account asked of objects since then."""
    return [item for item in cluster.audit()[before:] if item["user"]["username"] == SERVICE_ACCOUNT]


def right(request: dict[str, Any]) -> Right:
    about = request["objectRef"]
    subresource = f"/{about['subresource']}" if "subresource" in about else ""
    return about.get("apiGroup", ""), about["resource"] + subresource, request["verb"]


def for_any_carrier(rights: set[Right]) -> set[Right]:
    """Return the rights with all kinds of workloads as one: what is done to one is done to the others."""
    carriers = {carrier.plural for carrier in CARRIERS}
    return {
        ("", "", verb) if resource in carriers else (group, resource, verb)
        for group, resource, verb in rights
    }


def test_two_replicas_run_and_one_of_them_carries_experiments_out(team: Team, cluster: Cluster) -> None:
    team.apply("first", scores("one"))

    assert team.finished("first")["phase"] == "Succeeded"
    assert len(operators(cluster)) == 2
    assert leader(cluster) in operators(cluster)


def test_the_operator_uses_every_right_that_it_has_and_asks_for_no_other(
    team: Team, cluster: Cluster, asked_before: int
) -> None:
    cluster.kubectl("create", "quota", "none", "--hard=pods=0", f"--namespace={team.namespace}")
    for name in ("second", "third"):  # they share a Job, whose pod is not admitted
        team.apply(name, scores("old"))
    [old] = eventually(lambda: jobs(team, owners=2), "one Job with two owners")
    eventually(
        lambda: "exceeded quota" in team.condition("third", "Progressing").get("message", ""), "it says why"
    )
    for name in ("second", "third"):  # the first to leave it drops its interest, the last one ends it
        team.apply(name, scores("new"))
    eventually(lambda: old not in jobs(team) and jobs(team, owners=2), "another Job in its place")
    team.apply("asks", scores("asked") | {"execution": {"approval": "manual"}})
    eventually(lambda: team.condition("asks", "Approved"), "it looks for an approval")
    experiments = ("experiment", "second", "third", "asks", f"--namespace={team.namespace}")
    cluster.kubectl("delete", *experiments)
    cluster.kubectl("delete", "quota", "none", f"--namespace={team.namespace}")

    requests = asked(cluster, asked_before)
    used = for_any_carrier({right(request) for request in requests})
    given = for_any_carrier(granted(team))
    refused = {right(request) for request in requests if request["responseStatus"].get("code") == 403}
    assert refused == set()
    assert used - given == set()
    assert given - used == SEEN_ONCE_IN_MONTHS


def jobs(team: Team, *, owners: int | None = None) -> list[str]:
    """Return the names of the Jobs that have not ended, those of so many experiments."""
    return [
        job["metadata"]["name"]
        for job in team.workloads("jobs")
        if "completionTime" not in job["status"]
        and owners in (None, len(job["metadata"].get("ownerReferences", ())))
    ]


def test_whoever_may_edit_a_namespace_runs_experiments_and_changes_no_profile(
    team: Team, cluster: Cluster
) -> None:
    place = f"--namespace={team.namespace}"
    for role, user in (("edit", "researcher"), (f"{RELEASE}-profiles-edit", "platform")):
        cluster.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", place)

    def may(user: str) -> set[str]:
        listed = cluster.kubectl("auth", "can-i", "--list", f"--as={user}", place).splitlines()
        [profiles] = [line for line in listed if line.startswith("profiles.assay.dev")]
        return set(profiles.rpartition("[")[2].rstrip("]").split())

    eventually(lambda: is_let(cluster, "researcher", "create", "experiments", team), "the role is aggregated")
    assert may("researcher") == {"get", "list", "watch"}
    assert may("platform") > {"create", "update", "patch", "delete"}
    assert not is_let(cluster, "platform", "create", "experiments", team)


def is_let(cluster: Cluster, user: str, verb: str, what: str, team: Team) -> bool:
    try:
        cluster.kubectl("auth", "can-i", verb, what, f"--as={user}", f"--namespace={team.namespace}")
    except RuntimeError:  # kubectl's way to say no
        return False
    return True


def test_an_upgrade_while_a_training_runs_redoes_nothing(team: Team, cluster: Cluster) -> None:
    before = operators(cluster)
    team.apply("trains", SPEC)
    eventually(lambda: processes(team), "it trains", seconds=300)
    with paused(processes(team)):
        install_for(team, **CHANGED, networkPolicy=to_the_store(cluster))
        assert operators(cluster) & before == set()
        assert len(training_pods(team)) == 1

    assert team.finished("trains")["phase"] == "Succeeded"
    assert leader(cluster) in operators(cluster)
    [record] = [record for key, record in team.records().items() if key.startswith("stages/train/")]
    store = open_to_read(team.store, cluster.s3_environment)
    assert [(one.number, one.failure) for one in attempts(store, record.identity.ref)] == [(1, None)]
    assert len(team.workloads("pytorchjobs")) == 1
    assert len([pod for pod in bound(team) if "-master-" in pod]) == 1


def test_what_is_left_when_the_release_goes_can_be_deleted_and_nothing_stands_in_its_way(
    team: Team, cluster: Cluster
) -> None:
    pools(team, evaluate={"selector": {"no.such/label": "here"}})
    team.apply("left", scores("left"))
    eventually(lambda: jobs(team), "a Job")

    uninstall(cluster, release=RELEASE, namespace=AUDITED)

    kinds = "clusterroles,clusterrolebindings,validatingwebhookconfigurations"
    ours = f"--selector=app.kubernetes.io/instance={RELEASE}"
    assert cluster.get(kinds, ours)["items"] == []
    assert cluster.get("deployments,services,roles,rolebindings", "--all-namespaces", ours)["items"] == []
    team.apply("later", scores("later"))
    everything = ("--all", f"--namespace={team.namespace}", "--timeout=60s")
    cluster.kubectl("delete", "experiments,profiles", *everything)
    eventually(lambda: not jobs(team), "the Job went with its experiment")
    for definition in cluster.get("crd", "experiments.assay.dev", "profiles.assay.dev")["items"]:
        assert "deletionTimestamp" not in definition["metadata"]
