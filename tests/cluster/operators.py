"""What is installed on the bare cluster: KubeRay, the Training Operator, Trainer on JobSet, Kueue, and eight GPUs that nobody has.

Each operator comes as its upstream manifests say, from the Go module its program was built from. What differs is said
in `_fitted` and in `KUEUE_FRAMEWORKS`: requests and probes that suit a machine of two cores.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from cluster.access import Cluster
from cluster.patience import Patience
from cluster.site import BASE_IMAGE, NODE

KUEUE_FRAMEWORKS = (
    "batch/job",
    "ray.io/rayjob",
    "ray.io/raycluster",
    "kubeflow.org/pytorchjob",
    "trainer.kubeflow.org/trainjob",
)
# Kinds that nobody here watches; the API server would hold a hundred megabytes for their definitions.
UNUSED = r"^    kind: (MPIJob|TFJob|PaddleJob|XGBoostJob|JAXJob)$"
GPUS = "8"


@dataclass(frozen=True)
class Operator:
    """An operator: its program, its manifests in the program's module, its Deployment and what that is told."""

    program: str
    manifests: str
    namespace: str
    deployment: str
    arguments: tuple[str, ...] = ()
    without: str = ""  # a line of its kustomization that asks for what is not here


KUBERAY = Operator(
    "kuberay", "config/default", "default", "kuberay-operator", ("--enable-leader-election=false",)
)
TRAINING = Operator(
    "training-operator",
    "manifests/overlays/standalone",
    "kubeflow",
    "training-operator",
    ("--enable-scheme=pytorchjob", f"--pytorch-init-container-image={BASE_IMAGE}"),
)
JOBSET = Operator("jobset", "config/default", "jobset-system", "jobset-controller-manager")
TRAINER = Operator(
    "trainer",
    "manifests/overlays/manager",
    "kubeflow-system",
    "kubeflow-trainer-controller-manager",
    without="third-party/jobset",  # from the internet; JOBSET is the same
)
KUEUE = Operator("kueue", "config/default", "kueue-system", "kueue-controller-manager")
# Kueue last: from then on its webhook has a say in every pod.
OPERATORS = (KUBERAY, TRAINING, JOBSET, TRAINER, KUEUE)


@dataclass(frozen=True)
class Installation:
    """An operator's objects, as applied, and the name of the image that they ask for."""

    operator: Operator
    definitions: (
        str  # the custom resource definitions, untouched: megabytes of YAML that nobody here needs to read
    )
    objects: tuple[dict, ...]

    @property
    def image(self) -> str:
        return _manager(self._deployment)["image"]

    @property
    def _deployment(self) -> dict:
        return next(item for item in self.objects if item["kind"] == "Deployment")


def render(operator: Operator, sources: Path, kubectl: Path) -> Installation:
    """Return what to apply for an operator, whose module lies in `sources`."""
    definitions, others = [], []
    for document in re.split(r"^---\n", _kustomized(operator, sources, kubectl), flags=re.MULTILINE):
        if not re.search(r"^kind: CustomResourceDefinition$", document, re.MULTILINE):
            others.append(document)
        elif not re.search(UNUSED, document, re.MULTILINE):
            definitions.append(document)
    objects = (yaml.load(document, yaml.CSafeLoader) for document in others)
    return Installation(operator, "---\n".join(definitions), tuple(_fitted(objects, operator)))


def _kustomized(operator: Operator, sources: Path, kubectl: Path) -> str:
    with tempfile.TemporaryDirectory() as copy:
        folder = sources / operator.manifests
        if operator.without:
            top = Path(operator.manifests).parts[0]
            shutil.copytree(sources / top, Path(copy, top), copy_function=shutil.copyfile)
            folder = Path(copy, operator.manifests)
            folder.chmod(0o755)
            kustomization = folder / "kustomization.yaml"
            lines = kustomization.read_text().splitlines(keepends=True)
            kustomization.write_text("".join(line for line in lines if operator.without not in line))
        printed = subprocess.run(
            [kubectl, "kustomize", folder], check=True, stdout=subprocess.PIPE, text=True
        )
    return printed.stdout


def _fitted(objects: Iterable[dict], operator: Operator) -> Iterable[dict]:
    for item in objects:
        if item["kind"] == "Deployment":
            container = _manager(item)
            container["imagePullPolicy"] = "IfNotPresent"  # there is nowhere to pull from
            container["resources"] = {}  # the two cores are the pods' under test
            container["args"] = [*container.get("args", []), *operator.arguments]
            for probe in ("livenessProbe", "readinessProbe"):
                container[probe] |= {"initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 120}
        if item["kind"] == "ConfigMap" and "controller_manager_config.yaml" in item["data"]:
            item["data"] = {name: _configured(text) for name, text in item["data"].items()}
        yield item


def _configured(text: str) -> str:
    configuration = yaml.safe_load(text)
    # It stands alone, and a busy machine would unseat it.
    configuration["leaderElection"]["leaderElect"] = False
    if "integrations" in configuration:
        configuration["integrations"]["frameworks"] = list(KUEUE_FRAMEWORKS)
    return json.dumps(configuration)


def _manager(deployment: Mapping) -> dict:
    return deployment["spec"]["template"]["spec"]["containers"][0]


def install(cluster: Cluster, installations: Iterable[Installation], patience: Patience) -> None:
    """Apply each operator's objects, and return once all of them have a say."""
    for made in installations:
        if made.operator is KUEUE:
            _advertise_gpus(cluster, patience)
        cluster.apply_text(made.definitions)
        cluster.apply(*made.objects)
    for made in installations:
        place = f"--namespace={made.operator.namespace}"
        name = f"deployment/{made.operator.deployment}"
        patience.wait_until(
            f"{made.operator.program} is available",
            partial(cluster.wait, "condition=Available", place, name, seconds=1),
        )
    # An operator's webhook may lag behind its readiness.
    for subject in _SUBJECTS:
        ask = ["create", "--dry-run=server", "--filename=-"]
        patience.wait_until(
            f"a {subject['kind']} is admitted",
            partial(cluster.kubectl, *ask, stdin=json.dumps(subject)),
        )


def _advertise_gpus(cluster: Cluster, patience: Patience) -> None:
    """Let the node say that it has GPUs, once it says anything; nobody checks that there is a device."""
    patience.wait_until(
        "the node is ready", partial(cluster.wait, "condition=Ready", f"node/{NODE}", seconds=1)
    )
    gpus = {"nvidia.com/gpu": GPUS}
    status = json.dumps({"status": {"capacity": gpus, "allocatable": gpus}})
    cluster.kubectl("patch", f"node/{NODE}", "--subresource=status", "--type=merge", f"--patch={status}")


_POD = {"restartPolicy": "Never", "containers": [{"name": "pytorch", "image": BASE_IMAGE}]}
_NODE = {"name": "node", "template": {"spec": {"template": {"spec": _POD}}}}
_SUBJECTS = (
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "asked", "namespace": "default"},
        "spec": {"suspend": True, "template": {"spec": _POD}},
    },
    {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "asked", "namespace": "default"},
        "spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 1, "template": {"spec": _POD}}}},
    },
    {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": "asked", "namespace": "default"},
        "spec": {"replicatedJobs": [_NODE]},
    },
    {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": "asked"},
        "spec": {"template": {"spec": {"replicatedJobs": [_NODE]}}},
    },
    {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ResourceFlavor",
        "metadata": {"name": "asked"},
    },
)
