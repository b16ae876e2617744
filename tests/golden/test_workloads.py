"""Every workload, whole, and as the projects that own its kind read it.

A deliberate change is taken over with `ASSAY_WRITE_GOLDENS=1 pytest tests/golden`; the files' diff then shows what a cluster
would be given instead.
"""

import copy
import hashlib
import json
import lzma
import os
from functools import cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import kubeflow.training
import pytest
import yaml
from kubernetes.client import ApiClient, V1Job, V1PodTemplateSpec
from ruamel.yaml import YAML

from assay.artifacts.kinds import Kind
from assay.workloads.carrier import PYTORCHJOB, RAYJOB, TRAINJOB, carrier_of
from orders import PROFILES, TRAININGS, an_order

HERE = Path(__file__).parent
CRDS = {
    RAYJOB.kind: "ray.io_rayjobs",
    PYTORCHJOB.kind: "kubeflow.org_pytorchjobs",
    TRAINJOB.kind: "trainer.kubeflow.org_trainjobs",
    "ClusterTrainingRuntime": "trainer.kubeflow.org_clustertrainingruntimes",
}
ALL = PROFILES | TRAININGS
TRAINED = [(Kind.TRAIN, name) for name in TRAININGS]
every_workload = pytest.mark.parametrize(
    ("kind", "profile"), [(kind, name) for kind in Kind for name in PROFILES] + TRAINED, ids=str
)


def made(kind, profile):
    return carrier_of(kind, ALL[profile]).manifest(an_order(kind, ALL[profile]))


def as_yaml(value):
    dumper = YAML()
    dumper.width = 1000
    dumper.representer.ignore_aliases = lambda *_: True
    out = StringIO()
    dumper.dump(value, out)
    return out.getvalue()


@cache
def crd(name):
    packed = (HERE / "crds" / f"{name}.yaml.xz").read_bytes()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(lzma.decompress(packed), Loader=loader)  # noqa: S506 -- both are safe


def closed(schema):
    """Refuse what a structural schema does not name, where it would be pruned."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: closed(inner) for name, inner in schema.items()}
    if isinstance(schema.get("properties"), dict) and isinstance(schema.get("type"), str):
        result["properties"] = {name: closed(inner) for name, inner in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
    return result


@cache
def validator(kind):
    [version] = [one for one in crd(CRDS[kind])["spec"]["versions"] if one["storage"]]
    return jsonschema.Draft202012Validator(closed(version["schema"]["openAPIV3Schema"]))


def read_by(model, value):
    """Let a model of the official client read an object, and return what it writes."""
    return ApiClient().sanitize_for_serialization(model.from_dict(value))


class Kubeflow(kubeflow.training.ApiClient):
    """Kubeflow's client, which reads its own models; those of pods are the official client's, which it no longer knows how to."""

    def _ApiClient__deserialize(self, data, klass):  # noqa: N802 -- its private name
        model = getattr(kubeflow.training.models, klass, None) if isinstance(klass, str) else klass
        if data is not None and hasattr(model, "from_dict"):
            return model.from_dict(data)
        return super()._ApiClient__deserialize(data, klass)

    def sanitize_for_serialization(self, obj):
        if hasattr(obj, "from_dict"):
            return ApiClient().sanitize_for_serialization(obj)
        return super().sanitize_for_serialization(obj)


@every_workload
def test_a_workload_is_the_one_of_the_last_release(kind, profile):
    golden = HERE / "workloads" / f"{kind.value}-{profile}.yaml"
    found = made(kind, profile)
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        golden.write_text(as_yaml(found))
        return

    assert YAML(typ="safe").load(golden.read_text()) == found


@pytest.mark.parametrize(
    ("profile", "name", "execution"),
    [("cpu-plain", "code", {"codeExecution": True}), ("gpu-queued", "pods", {"pods": 4})],
)
def test_an_evaluation_that_asks_for_more_is_the_one_of_the_last_release(profile, name, execution):
    golden = HERE / "workloads" / f"evaluate-{profile}-{name}.yaml"
    order = an_order(Kind.EVALUATE, ALL[profile], execution={"evaluate": execution})
    found = carrier_of(Kind.EVALUATE, ALL[profile]).manifest(order)
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        golden.write_text(as_yaml(found))
        return

    assert YAML(typ="safe").load(golden.read_text()) == found


@pytest.mark.parametrize(
    ("kind", "profile"),
    [(kind, name) for kind in (Kind.CLEAN, Kind.TRAIN) for name in PROFILES] + TRAINED,
    ids=str,
)
def test_a_workload_holds_nothing_that_its_own_definition_does_not_know(kind, profile):
    found = made(kind, profile)
    assert [error.message for error in validator(found["kind"]).iter_errors(found)] == []


def test_the_runtime_of_trainjobs_holds_nothing_that_its_own_definition_does_not_know():
    found = YAML(typ="safe").load((HERE.parents[1] / "manifests" / "trainjob-runtime.yaml").read_text())
    assert [error.message for error in validator(found["kind"]).iter_errors(found)] == []


def test_an_unknown_field_deep_in_a_pod_is_refused():
    found = copy.deepcopy(made(Kind.TRAIN, "gpu-queued"))
    master = found["spec"]["pytorchReplicaSpecs"]["Master"]["template"]["spec"]
    master["containers"][0]["securityContext"]["runAsNonRot"] = True

    [error] = validator(PYTORCHJOB.kind).iter_errors(found)
    assert "runAsNonRot" in error.message


@pytest.mark.parametrize("profile", PROFILES)
def test_a_pytorchjob_comes_back_from_kubeflows_model_as_it_went_in(profile):
    found, client = made(Kind.TRAIN, profile), Kubeflow()

    typed = client.deserialize(SimpleNamespace(data=json.dumps(found)), "KubeflowOrgV1PyTorchJob")
    assert isinstance(typed.spec.pytorch_replica_specs["Master"].template, V1PodTemplateSpec)
    assert client.sanitize_for_serialization(typed) == found


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", [Kind.GENERATE, Kind.EVALUATE, Kind.COMPARE])
def test_a_job_comes_back_from_the_clients_model_as_it_went_in(kind, profile):
    found = made(kind, profile)
    assert read_by(V1Job, found) == found


@pytest.mark.parametrize("name", CRDS.values())
def test_a_committed_definition_is_the_one_that_the_readme_names(name):
    text = lzma.decompress((HERE / "crds" / f"{name}.yaml.xz").read_bytes())
    assert hashlib.sha256(text).hexdigest() in (HERE / "crds" / "README.md").read_text()
