import json
import os
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from assay.api.crd import crd, crd_yaml, crds_yaml
from assay.api.experiment import Experiment
from assay.api.profile import Profile
from assay.api.written import read

ROOT = Path(__file__).parents[3]
KINDS = {"experiments": Experiment, "profiles": Profile}
SPECS = {
    "poison": Experiment,
    "resistance": Experiment,
    "rebound": Experiment,
    "own": Experiment,
    "programs": Experiment,
    "profile": Profile,
}
ALLOWED = {
    "type", "description", "properties", "required", "items", "additionalProperties", "enum", "default", "nullable",
    "pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "x-kubernetes-validations", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields",
}  # fmt: skip
both_kinds = pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)


def schema_of(model):
    return crd(model)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(schema, path="", *, times=1):
    yield path, schema, times
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}", times=times)
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]", times=times * schema["maxItems"])
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}", times=times * schema["maxProperties"])


@pytest.mark.parametrize("name", KINDS)
def test_the_published_definition_is_the_one_made_from_the_models(name):
    path = ROOT / "helm" / "assay" / "files" / "crds" / f"{name}.assay.dev.yaml"
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        path.write_text(crd_yaml(KINDS[name]))
    assert crd_yaml(KINDS[name]) == path.read_text(), (
        "run again with ASSAY_WRITE_GOLDENS=1, then `make manifests`, and look at the difference"
    )


@both_kinds
def test_the_yaml_says_what_the_definition_says_and_fits_into_an_annotation(model):
    text = crd_yaml(model)
    assert YAML(typ="safe", pure=True).load(text) == crd(model)
    annotated = json.dumps(crd(model), separators=(",", ":"))  # by `kubectl apply`
    assert len(annotated.encode()) < 256 * 1024
    assert "&id" not in text


def test_both_definitions_are_printed_as_two_documents():
    assert len(list(YAML(typ="safe", pure=True).load_all(crds_yaml()))) == 2


@both_kinds
def test_the_schema_is_structural_closed_bounded_and_described(model):
    for path, schema, _ in nodes(schema_of(model)):
        assert set(schema) <= ALLOWED, path
        if path.endswith(".parameters{}"):  # of several types, which a structural schema cannot say
            assert schema == {"x-kubernetes-preserve-unknown-fields": True}
            continue
        assert schema["type"] in {"object", "array", "string", "integer", "number", "boolean"}, path
        if not path.endswith(("[]", "{}", ".metadata")):
            assert schema["description"], path
        if schema["type"] == "string" and path not in {".apiVersion", ".kind"}:
            assert "enum" in schema or schema["maxLength"] <= 32768, path
        if schema["type"] == "array":
            assert schema["maxItems"] <= 1024, path
            assert schema["x-kubernetes-list-type"] in {"map", "atomic"}, path
            for key in schema.get("x-kubernetes-list-map-keys", ()):
                assert key in schema["items"]["required"], path
        if schema["type"] == "object" and path != ".metadata":
            assert ("properties" in schema) != ("additionalProperties" in schema) or not schema[
                "properties"
            ], path
            assert set(schema.get("required", ())) <= set(schema.get("properties", {})), path
        if "x-kubernetes-preserve-unknown-fields" in schema:
            assert path == ".status"


@both_kinds
def test_lists_whose_items_must_have_a_name_are_maps_by_it(model):
    for path, schema, _ in nodes(schema_of(model)):
        if schema.get("type") == "array" and "name" in schema["items"].get("required", ()) and "spec" in path:
            assert schema["x-kubernetes-list-map-keys"] == ["name"], path


@both_kinds
def test_rules_are_evaluated_few_enough_times_for_an_api_server(model):
    for path, schema, times in nodes(schema_of(model)):
        if "x-kubernetes-validations" in schema:
            assert times <= 64 * 64, path


def test_arms_have_no_defaults_no_demands_and_no_rules():
    arm = schema_of(Experiment)["properties"]["spec"]["properties"]["arms"]["items"]["properties"]["stages"]
    for path, schema, _ in nodes(arm):
        assert not {"default", "required", "x-kubernetes-validations"} & set(schema), path


def test_null_is_kept_where_it_says_something():
    train = schema_of(Experiment)["properties"]["spec"]["properties"]["pipeline"]["items"]["properties"][
        "train"
    ]
    assert train["properties"]["optimizer"]["properties"]["gradientClip"]["nullable"] is True
    assert "nullable" not in train["properties"]["checkpoints"]
    arm = schema_of(Experiment)["properties"]["spec"]["properties"]["arms"]["items"]["properties"]["stages"][
        "items"
    ]
    assert arm["properties"]["train"]["properties"]["checkpoints"]["nullable"] is True


def closed(schema):
    """The schema as JSON Schema draft 4, whose exclusive bounds are OpenAPI's, with unknown fields refused."""
    result = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "nullable"}
    if "properties" in schema:
        result["properties"] = {name: closed(inner) for name, inner in schema["properties"].items()}
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = closed(schema["items"])
    if schema.get("nullable"):
        return {"anyOf": [result, {"type": "null"}]}
    return result


@pytest.mark.parametrize("name", SPECS)
def test_the_golden_specs_fit_the_schema(name):
    document = read((ROOT / "tests" / "golden" / "specs" / f"{name}.yaml").read_bytes(), name).value
    schema = closed(schema_of(SPECS[name]))
    schema["properties"]["metadata"] = {"type": "object"}
    jsonschema.Draft4Validator(schema).validate(document)
    document["spec"]["x"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate(document)
