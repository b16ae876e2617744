"""What docs/platform-teams.md walks a platform team through, word for word, from `helm install` to an approved experiment's report.

It stands beside no other operator: it comes before the files that start one.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.access import Cluster
from cluster.running_operator import ROOT, Team, make_bucket
from operator_access import uninstall

WALK = "From nothing to a first approved experiment"
NAMESPACES = ("red", "assay-system")
pytestmark = pytest.mark.timeout(1500)


def blocks() -> list[str]:
    """Return the commands of the walk, block by block; the first says what is the reader's own."""
    page = (ROOT / "docs" / "platform-teams.md").read_text()
    [section] = re.findall(rf"^## {WALK}$(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def team(cluster: Cluster) -> Iterator[Team]:
    """A prefix of its own with its user, and the samples' data below it; nothing of assay is in the cluster, before and after."""
    part_with_all(cluster)
    make_bucket(cluster)
    made = Team(cluster, "red", "s3://assay/walk")
    made.upload_samples()
    yield made
    part_with_all(cluster)


def part_with_all(cluster: Cluster) -> None:
    """Do as the page says, where an earlier test may have left an installation."""
    uninstall(cluster)
    crds = (f"{kind}.assay.dev" for kind in ("approvals", "experiments", "profiles"))
    cluster.kubectl("delete", "crd", *crds, "--ignore-not-found")
    cluster.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found")


@pytest.fixture
def environment(team: Team, tmp_path: Path) -> dict[str, str]:
    """What a reader has: the programs, a kubeconfig, and own words for what the first block names."""
    cluster = team.cluster
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(cluster.kubectl_program)
    (programs / "helm").symlink_to(cluster.helm_program)
    repository, _, digest = cluster.image.partition("@")
    own = {
        "OPERATOR": repository,
        "OPERATOR_DIGEST": digest,
        **dict.fromkeys(("CLEAN", "TRAIN", "EVALUATE"), cluster.image),
        "STORE": team.store,
        "ENDPOINT": cluster.s3_endpoint,
        "OPERATOR_KEY": cluster.s3_access_key,
        "OPERATOR_SECRET": cluster.s3_secret_key,
        "TEAM_KEY": team.user.access_key,
        "TEAM_SECRET": team.user.secret_key,
    }
    assert set(re.findall(r"(\w+)=", blocks()[0])) == set(own)
    theirs = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return theirs | cluster.s3_environment | own | {"PATH": path, "KUBECONFIG": str(cluster.kubeconfig)}


def test_the_walk_leads_from_helm_install_to_an_approved_experiments_report(
    team: Team, environment: dict[str, str], tmp_path: Path
) -> None:
    for name in ("helm", "manifests"):
        (tmp_path / name).symlink_to(ROOT / name)
    told = ""
    for block in blocks()[1:]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail"], input=block, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        told += done.stdout
        assert done.returncode == 0, told + done.stderr
    status = team.status("first")

    assert (status["phase"], status["done"], status["total"]) == ("Succeeded", 16, 16)
    assert "AwaitingApproval" in told
    assert "<html" in (tmp_path / "first.html").read_text()
