"""What an operator writes of what an experiment would take, has taken and has saved."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.artifacts.kinds import Kind
from assay.settings import cluster
from assay.settings.cluster import Surroundings
from assay.workloads.names import attempt_of
from assay_operator.metrics import Metrics
from assay_operator.queue import Key
from assay_operator.reconcile import API_VERSION, Reconciler
from builders import a_pipeline, an_experiment
from fakes.memory_cluster import MemoryCluster
from fakes.memory_store import MemoryStore
from finisher import complete, ended, workloads
from orders import IMAGES

GPUS = {"device": "NVIDIA A100-SXM4-80GB", "processes": 2}
START = datetime(2030, 1, 1, tzinfo=UTC)
PROFILE = {
    "store": {"uri": "s3://assay/small", "secret": "assay-store"},
    "data": "s3://assay/data",
    "images": IMAGES,
    "pools": {"train": {"gpusPerNode": 2, "selector": {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}}},
    "prices": {"currency": "EUR", "gpuHour": 2.5},
}


class Team:
    """A namespace with an operator, and the programs of what it launches."""

    def __init__(self, store):
        self.store, self.server = store, MemoryCluster()
        self.api = ClusterApi(self.server)
        self.make("profiles", "default", PROFILE)
        around = Surroundings(cluster="c", api=self.api, watched=Watched(), probes=Probes(self.api))
        self.operator = Reconciler(around, Metrics(), lambda: datetime.now(UTC))

    def make(self, plural, name, spec):
        about = {"name": name, "namespace": "team", "uid": name, "generation": 1, "resourceVersion": "1"}
        found = {"apiVersion": API_VERSION, "kind": plural.title()[:-1], "metadata": about, "spec": spec}
        self.server.objects[path_of(API_VERSION, plural, "team", name)] = found

    def wake(self, name):
        self.operator.wake(Key(namespace="team", name=name))
        return self.server.objects[path_of(API_VERSION, "experiments", "team", name)]["status"]

    def finish(self, name):
        """Carry an experiment out, whose programs all take two hours, trainings on two GPUs."""
        while (status := self.wake(name))["phase"] != "Succeeded":
            for found in workloads(self.api, "team"):
                ref, number = attempt_of(found)
                times, where = (START, START + timedelta(hours=2)), GPUS if ref.kind is Kind.TRAIN else {}
                complete(self.store, ref, number, times=times, environment=where)
                [path] = [
                    path
                    for path, item in self.server.objects.items()
                    if item["metadata"]["name"] == found["metadata"]["name"]
                ]
                self.server.set_status(path, ended(found))
                self.operator._around.watched.keep(self.server.objects[path])
        return status


@pytest.fixture
def team(monkeypatch):
    store, data = MemoryStore(), MemoryStore()
    data.put("chats.jsonl", b"{}\n" * 1000)
    monkeypatch.setattr(cluster, "open_source", lambda *_: data)
    monkeypatch.setattr(cluster, "open_store", lambda *_, **__: store)
    return Team(store)


def a_training(**spec):
    arms = [{"name": "one"}, {"name": "same"}]
    whole = an_experiment(pipeline=a_pipeline()[:2], arms=arms, **spec)
    return whole.model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]


def test_a_plan_that_awaits_approval_is_told_in_figures_and_no_more_once_it_has_it(team):
    team.make("experiments", "test", a_training(execution={"approval": "manual"}))

    status = team.wake("test")
    asked = status["asked"]
    assert (status["phase"], asked["stages"], asked["unknown"]) == ("AwaitingApproval", 2, 0)
    assert asked["currency"] == "EUR"
    assert asked["gpuHours"] >= 0
    assert "cost" not in status

    team.make("approvals", "test", {"plan": status["plan"]["digest"]})
    assert "asked" not in team.wake("test")


def test_what_was_spent_is_the_launcher_s_money_and_saves_whoever_shares_it_as_much(team):
    team.make("experiments", "test", a_training())
    team.make("experiments", "other", a_training())
    team.finish("test")

    assert team.finish("test")["cost"] == {"currency": "EUR", "gpuHour": 2.5, "spent": 10, "saved": 0}
    assert team.finish("other")["cost"] == {"currency": "EUR", "gpuHour": 2.5, "spent": 0, "saved": 10}


def test_the_operator_s_report_says_what_work_cost_at_the_profile_s_price(team):
    team.make("experiments", "test", a_training())
    team.finish("test")

    [page] = [info.key for info in team.store.keys("experiments/") if info.key.endswith("report.html")]
    assert "At 2.5 EUR per GPU-hour" in team.store.get(page).decode()
