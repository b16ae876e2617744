"""An operator in memory: a namespace, its store, and the programs of what is launched."""

from datetime import UTC, datetime, timedelta

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.artifacts.kinds import Kind
from assay.settings.cluster import Surroundings
from assay.workloads.names import attempt_of
from assay_operator.metrics import Metrics
from assay_operator.queue import Key
from assay_operator.reconcile import API_VERSION, Reconciler
from fakes.memory_cluster import MemoryCluster
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

    def make(self, plural, name, spec, *, generation=1):
        about = {"name": name, "namespace": "team", "uid": name, "generation": generation}
        about["resourceVersion"] = str(generation)
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
