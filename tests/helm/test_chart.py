"""What the chart installs: by default, in some namespaces alone, and with all that is optional."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
from kubernetes.client import ApiClient, V1NetworkPolicy
from ruamel.yaml import YAML

from assay.artifacts.kinds import Kind
from assay.workloads import job
from assay_operator.metrics import Metrics
from assay_operator.options import Options
from orders import PROFILES, an_order
from pod_security import violations

pytestmark = pytest.mark.timeout(900)  # the first of them may have to build Helm
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "helm" / "assay"
STORE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "storage"}}}
NAMESPACED = {"watch": {"namespaces": ["red", "blue"]}}
EVERYTHING = {
    "image": {"repository": "registry.example/operator", "digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"pool": "system"},
    "tolerations": [{"key": "system", "operator": "Exists"}],
    "priorityClassName": "system-cluster-critical",
    "crds": {"keep": False},
    "networkPolicy": {
        "enabled": True,
        "namespaces": ["red"],
        "store": {"port": 9443, "to": [STORE]},
        "apiServer": {"ports": [6443], "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]},
    },
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
    "trainerRuntime": {"enabled": True, "priorityClassName": "research"},
}
OURS = {
    "CustomResourceDefinition",
    "ClusterTrainingRuntime",
}  # which have one name on a cluster, whoever installs them
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "ValidatingWebhookConfiguration"}


@pytest.fixture(scope="module")
def default(chart):
    return chart.objects({})


@pytest.fixture(scope="module")
def namespaced(chart):
    return chart.objects(NAMESPACED)


@pytest.fixture(scope="module")
def everything(chart):
    return chart.objects(EVERYTHING, release="other")


@pytest.fixture(scope="module")
def renderings(default, namespaced, everything):
    return (default, namespaced, everything)


def of_kind(objects, kind):
    return [item for item in objects if item["kind"] == kind]


def named(objects, kind, name):
    [found] = [item for item in of_kind(objects, kind) if item["metadata"]["name"] == name]
    return found


def rules(objects):
    roles = [*of_kind(objects, "ClusterRole"), *of_kind(objects, "Role")]
    return [rule for role in roles for rule in role["rules"]]


def test_what_is_published_is_what_the_chart_gives(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts" / "render_manifests.py", tmp_path], check=True)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.yaml")}

    published = {name: (ROOT / "manifests" / name).read_text() for name in made}
    assert {name for name in made if made[name] != published[name]} == set(), "run `make manifests`"
    assert {path.name for path in (ROOT / "manifests" / "crds").iterdir()} == {
        path.name for path in made if "crds" in path.parts
    }


def test_by_default_there_is_an_operator_in_two_replicas_and_nothing_that_another_product_must_bring(default):
    assert named(default, "Deployment", "assay-operator")["spec"]["replicas"] == 2
    assert {item["apiVersion"].partition("/")[0] for item in default} == {
        "v1",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apps",
        "policy",
        "rbac.authorization.k8s.io",
    }


def test_everything_optional_is_there_when_it_is_asked_for(everything):
    found = {
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in everything
    }

    assert found >= {
        ("NetworkPolicy", "assay-system", "other-operator"),
        ("NetworkPolicy", "red", "assay-evaluate"),
        ("ServiceMonitor", "assay-system", "other-operator"),
        ("ConfigMap", "assay-system", "other-operator-dashboard"),
        ("ClusterTrainingRuntime", None, "assay"),
    }
    [monitor] = of_kind(everything, "ServiceMonitor")
    [dashboard] = of_kind(everything, "ConfigMap")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_two_releases_share_no_object_of_the_cluster_but_definitions(default, everything):
    names = [
        {(item["kind"], item["metadata"]["name"]) for item in objects if item["kind"] in CLUSTER_WIDE}
        for objects in (default, everything)
    ]

    assert all(names)
    assert names[0] & names[1] == set()


def test_the_definitions_stay_when_the_release_goes_unless_told_otherwise(default, everything):
    kept = [item["metadata"].get("annotations") for item in of_kind(default, "CustomResourceDefinition")]
    left = [item["metadata"].get("annotations") for item in of_kind(everything, "CustomResourceDefinition")]

    assert kept == [{"helm.sh/resource-policy": "keep"}] * 3
    assert left == [None] * 3


def test_definitions_that_others_bring_are_left_out(chart):
    assert of_kind(chart.objects({"crds": {"enabled": False}}), "CustomResourceDefinition") == []


def test_no_rule_has_a_wildcard(renderings):
    assert all(rules(objects) for objects in renderings)
    assert [rule for objects in renderings for rule in rules(objects) if "*" in str(rule)] == []


def test_the_operator_may_read_no_secret_but_its_own_and_write_none_elsewhere(renderings):
    for objects in renderings:
        secrets = [
            (role, rule)
            for role in [*of_kind(objects, "ClusterRole"), *of_kind(objects, "Role")]
            for rule in role["rules"]
            if "secrets" in rule["resources"]
        ]
        assert {role["kind"] for role, _ in secrets} == {"Role"}
        assert {role["metadata"]["namespace"] for role, _ in secrets} == {"assay-system"}
        assert all(rule["verbs"] == ["create"] or rule["resourceNames"] for _, rule in secrets)


def test_in_some_namespaces_alone_nothing_cluster_wide_is_granted_but_two_objects_by_name(namespaced):
    bound = {item["roleRef"]["name"] for item in of_kind(namespaced, "ClusterRoleBinding")}
    granted = [
        rule
        for role in of_kind(namespaced, "ClusterRole")
        if role["metadata"]["name"] in bound
        for rule in role["rules"]
    ]

    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in granted] == [
        (["namespaces"], ["kube-system"], ["get"]),
        (["validatingwebhookconfigurations"], ["assay-operator"], ["get", "patch"]),
    ]


def test_in_some_namespaces_alone_the_operator_has_there_what_it_else_has_everywhere(default, namespaced):
    everywhere = named(default, "ClusterRole", "assay-operator")["rules"]
    roles = {item["metadata"]["namespace"]: item for item in of_kind(namespaced, "Role")}
    bindings = {item["metadata"]["namespace"]: item for item in of_kind(namespaced, "RoleBinding")}

    assert set(roles) == set(bindings) == {"assay-system", "red", "blue"}
    for name in ("red", "blue"):
        assert [rule for rule in everywhere if rule not in roles[name]["rules"]] == [
            rule for rule in everywhere if "resourceNames" in rule
        ]
        assert bindings[name]["subjects"] == [
            {"kind": "ServiceAccount", "name": "assay-operator", "namespace": "assay-system"}
        ]
        assert bindings[name]["roleRef"]["name"] == roles[name]["metadata"]["name"]


def test_in_some_namespaces_alone_nobody_elses_specs_are_judged(default, namespaced):
    [everywhere] = of_kind(default, "ValidatingWebhookConfiguration")[0]["webhooks"]
    [there] = of_kind(namespaced, "ValidatingWebhookConfiguration")[0]["webhooks"]

    assert "namespaceSelector" not in everywhere
    assert there["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["red", "blue"]}
    ]


def test_users_may_edit_experiments_and_only_look_at_profiles_and_approvals(default):
    aggregated = {
        label.rpartition("-")[2]: role["rules"]
        for role in of_kind(default, "ClusterRole")
        for label in role["metadata"]["labels"]
        if label.startswith("rbac.authorization.k8s.io/aggregate-to-")
    }

    assert set(aggregated) == {"edit", "view"}
    verbs = {
        resource: {
            verb
            for rules in aggregated.values()
            for rule in rules
            if resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for resource in ("experiments", "profiles", "approvals")
    }
    assert verbs["profiles"] == verbs["approvals"] == {"get", "list", "watch"}
    assert verbs["experiments"] == {
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    }


@pytest.mark.parametrize("kind", ["profiles", "approvals"])
def test_platform_teams_have_roles_that_nobody_gets_unasked(default, kind):
    role = named(default, "ClusterRole", f"assay-{kind}-edit")

    assert not [label for label in role["metadata"]["labels"] if "aggregate" in label]
    assert {"create", "update", "patch", "delete"} <= set(role["rules"][0]["verbs"])
    assert role["metadata"]["name"] not in {
        item["roleRef"]["name"] for item in of_kind(default, "ClusterRoleBinding")
    }


def test_the_arguments_are_understood_and_name_what_is_installed(everything, namespaced):
    read = {}
    for name, objects in (("everything", everything), ("namespaced", namespaced)):
        [deployment] = of_kind(objects, "Deployment")
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        read[name] = Options.read(container["args"], {"ASSAY_NAMESPACE": "assay-system"})

    assert read["namespaced"].watch_namespaces == ("red", "blue")
    options = read["everything"]
    assert named(everything, "Service", options.service)["spec"]["ports"]
    assert named(everything, "ValidatingWebhookConfiguration", options.webhook_configuration)
    names = {name for rule in rules(everything) for name in rule.get("resourceNames", ())}
    assert {options.lease, options.certificate_secret, options.webhook_configuration} <= names


def test_the_operators_pods_satisfy_the_restricted_standard(renderings):
    for objects in renderings:
        [deployment] = of_kind(objects, "Deployment")
        assert violations(deployment["spec"]["template"]["spec"]) == []


def test_the_policy_of_evaluations_is_about_their_pods_and_lets_nobody_in(everything):
    policy = named(everything, "NetworkPolicy", "assay-evaluate")
    spec = policy["spec"]
    order = an_order(Kind.EVALUATE, PROFILES["cpu-plain"], execution={"evaluate": {"codeExecution": True}})
    labels = job.manifest(order)["spec"]["template"]["metadata"]["labels"]

    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    [kinds] = spec["podSelector"]["matchExpressions"]
    assert labels[kinds["key"]] in kinds["values"]
    assert (spec["policyTypes"], spec["ingress"]) == (["Ingress", "Egress"], [])
    assert [rule["ports"][0]["port"] for rule in spec["egress"]] == [53, 9443]
    assert spec["egress"][1]["to"] == [STORE]
    assert all(rule["to"] for rule in spec["egress"])
    assert ApiClient().sanitize_for_serialization(V1NetworkPolicy.from_dict(policy)) == policy


def test_the_operator_reaches_the_api_server_the_store_and_dns_alone(everything):
    egress = named(everything, "NetworkPolicy", "other-operator")["spec"]["egress"]

    assert [[port["port"] for port in rule["ports"]] for rule in egress] == [[6443], [53, 53], [9443]]
    assert all(rule["to"] for rule in egress)


def test_policies_are_where_the_operator_looks_unless_told_otherwise(chart):
    policies = {"enabled": True, "store": {"to": [STORE]}}
    found = of_kind(chart.objects({**NAMESPACED, "networkPolicy": policies}), "NetworkPolicy")

    assert {item["metadata"]["namespace"] for item in found} == {"assay-system", "red", "blue"}


def test_the_dashboard_shows_what_the_operator_counts(everything):
    [dashboard] = of_kind(everything, "ConfigMap")
    panels = json.loads(dashboard["data"]["assay.json"])["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"\bassay_\w+", target["expr"])
    }
    metrics = Metrics()
    metrics.launched("train")
    metrics.failed("train", "OutOfMemory")
    with metrics.wakeup():
        metrics.requested("get", "ok", 1.0)
    metrics.wrote_status(well=True)
    metrics.admitted("allowed")
    metrics.stages({})
    told = set(re.findall(r"^(assay_\w+)", metrics.text().decode(), re.MULTILINE))

    assert asked - told == set()
    counted = {family.name for family in metrics.registry.collect()}
    assert {name for name in counted if not any(one.startswith(name) for one in asked)} == set()


def test_the_chart_is_of_the_version_of_the_package():
    read = YAML(typ="safe").load((FOLDER / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert (read["version"], read["appVersion"]) == (version, version)


@pytest.mark.parametrize(
    "wrong",
    [
        {"replica": 2},
        {"replicas": "2"},
        {"watch": {"namespaces": "red"}},
        {"watch": {"namespaces": ["Red"]}},
        {"watch": {"namespaces": ["red", "red"]}},
        {"image": {"repository": "x", "digest": "sha256:0"}},
        {"image": {"repository": ""}},
        {"store": {"secret": ""}},
        {"crds": {"enabled": "yes"}},
        {"logLevel": "LOUD"},
        {
            "networkPolicy": {
                "enabled": True,
                "store": {"port": 9000, "to": []},
                "apiServer": {"ports": [443]},
            }
        },
        {"networkPolicy": {"store": {"port": 0, "to": []}, "apiServer": {"ports": [443]}}},
        {"metrics": {"serviceMonitor": {"enabled": True, "interval": "1m"}}},
        {"tolerations": {}},
    ],
    ids=json.dumps,
)
def test_wrong_values_are_refused_by_the_schema(wrong):
    schema = json.loads((FOLDER / "values.schema.json").read_text())

    jsonschema.Draft7Validator(schema).validate(YAML(typ="safe").load((FOLDER / "values.yaml").read_text()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(wrong)


def test_helm_says_which_value_is_wrong(chart):
    assert "replica" in chart.complaint({"replica": 2})


def test_the_schema_is_closed_but_where_kubernetes_has_the_word():
    def objects(schema, path=""):
        yield path, schema
        for name, inner in {**schema.get("properties", {}), **schema.get("definitions", {})}.items():
            yield from objects(inner, f"{path}.{name}")

    schema = json.loads((FOLDER / "values.schema.json").read_text())
    is_open = [
        path
        for path, inner in objects(schema)
        if inner.get("type") == "object" and "additionalProperties" not in inner
    ]
    assert is_open == [".global", ".resources.requests", ".resources.limits"]


def test_every_value_that_the_schema_knows_has_a_default():
    schema = json.loads((FOLDER / "values.schema.json").read_text())
    assert set(schema["properties"]) - {"global"} == set(
        YAML(typ="safe").load((FOLDER / "values.yaml").read_text())
    )
