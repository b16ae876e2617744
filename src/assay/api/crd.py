"""CustomResourceDefinitions made from the models: structural, closed, bounded.

Types, bounds, defaults and enums are said by schema, what validators demand by CEL. Partial models (arms and the values
of axes) carry no CEL: a patch is judged after merging, and a rule there would cost more than an API server allows. Lists
of items that must have a name are maps to server-side apply; others are atomic.
"""

from io import StringIO
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from assay.api.approval import Approval
from assay.api.experiment import GROUP, VERSION, Experiment
from assay.api.model import OneOf, SpecModel
from assay.api.partial import Partial
from assay.api.profile import Profile
from assay.api.status import ExperimentStatus, ProfileStatus, StatusModel

Schema = dict[str, Any]

_NOTICE = "# Made by `assay schema` from the models in assay.api; edit those.\n"
_SHORT_NAMES = {Experiment: "asx", Profile: "asxp", Approval: "asxa"}
_STATUS: dict[type[SpecModel], type[SpecModel]] = {Experiment: ExperimentStatus, Profile: ProfileStatus}
_COLUMNS: dict[type[SpecModel], list[Schema]] = {
    Experiment: [
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {
            "name": "Done",
            "type": "string",
            "jsonPath": ".status.progress",
            "description": "Stages: done/total.",
        },
        {
            "name": "Reused",
            "type": "integer",
            "jsonPath": ".status.reused",
            "description": "Stages found done.",
        },
        {"name": "Verdict", "type": "string", "jsonPath": ".status.verdict"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ],
    Profile: [
        {"name": "Store", "type": "string", "jsonPath": ".spec.store.uri"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ],
    Approval: [
        {"name": "Plan", "type": "string", "jsonPath": ".spec.plan"},
        {"name": "Comment", "type": "string", "jsonPath": ".spec.comment"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ],
}
KINDS: tuple[type[SpecModel], ...] = (Experiment, Profile, Approval)
_KEPT = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum")


def crds_yaml() -> str:
    """Return all definitions as one YAML text."""
    return "---\n".join(crd_yaml(model) for model in KINDS)


def crd_yaml(model: type[SpecModel]) -> str:
    """Return one definition as YAML."""
    yaml = YAML()
    yaml.width = 100_000  # a description is one line
    text = StringIO()
    yaml.dump(_laid_out(crd(model)), text)
    return _NOTICE + text.getvalue()


def _laid_out(value: Any) -> Any:
    """Return a copy without shared parts, which would become aliases; what holds nothing nested stands on one line."""
    if isinstance(value, dict):
        laid = CommentedMap((key, _laid_out(item)) for key, item in value.items())
        if not any(
            isinstance(item, dict) or (isinstance(item, list) and key != "enum")
            for key, item in value.items()
        ):
            laid.fa.set_flow_style()
        return laid
    return [_laid_out(item) for item in value] if isinstance(value, list) else value


def crd(model: type[SpecModel]) -> Schema:
    """Return the definition of a kind."""
    kind = model.__name__
    plural = f"{kind.lower()}s"
    told = _STATUS.get(model)
    status = None if told is None else {**_object(told), "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [_SHORT_NAMES[model]],
                "categories": ["assay"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root(model, status)},
                    **({"subresources": {"status": {}}} if told is not None else {}),
                    "additionalPrinterColumns": _COLUMNS[model],
                }
            ],
        },
    }


def _root(model: type[SpecModel], status: Schema | None) -> Schema:
    """Kubernetes' own fields are its own; a name is bounded as labels are."""
    return {
        "type": "object",
        "description": _sentence(model),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{model.__name__}."},
            "metadata": {"type": "object"},
            "spec": _field(model, model.model_fields["spec"]),
            **({"status": status} if status is not None else {}),
        },
        "x-kubernetes-validations": [
            {
                "rule": "self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')",
                "message": "metadata.name has at most 63 small letters, digits and -",
            }
        ],
    }


def _object(model: type[SpecModel]) -> Schema:
    fields = model.model_fields.values()
    required = [_alias(field) for field in fields if field.is_required()]
    rules = [] if issubclass(model, Partial) else _rules(model)
    return {
        "type": "object",
        "description": _sentence(model),
        **({"required": required} if required else {}),
        "properties": {_alias(field): _field(model, field) for field in fields},
        **({"x-kubernetes-validations": rules} if rules else {}),
    }


def _rules(model: type[SpecModel]) -> list[Schema]:
    rules = [{"rule": rule.cel, "message": rule.message} for rule in model.rules]
    if issubclass(model, OneOf):
        members = [_alias(model.model_fields[name]) for name in model.one_of]
        present = f"[{', '.join(f'has(self.{member})' for member in members)}].filter(set, set).size()"
        number, compared = ("at most one", "<= 1") if model.none_allowed else ("exactly one", "== 1")
        rules.insert(0, {"rule": f"{present} {compared}", "message": f"{number} of {', '.join(members)}"})
        for name, member in model.companions.items():
            field, beside = _alias(model.model_fields[name]), _alias(model.model_fields[member])
            rules.append(
                {
                    "rule": f"!has(self.{field}) || has(self.{beside})",
                    "message": f"{field} goes only beside {beside}",
                }
            )
    return rules


def _field(model: type[SpecModel], field: FieldInfo) -> Schema:
    annotation, can_be_null = _without_none(field.annotation)
    schema = _typed(annotation, field.metadata)
    schema = {"type": schema["type"], "description": field.description, **schema}
    if field.description:
        schema["description"] = field.description
    default = _default(field)
    if default is not None:
        schema["default"] = default
    if can_be_null and (issubclass(model, Partial) or field.default is not None):
        schema["nullable"] = True  # elsewhere null says the same as absence, and an API server drops it
    return schema


def _typed(annotation: Any, metadata: list[Any]) -> Schema:
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        return _object(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated and arguments[0] is Any:
        return {"x-kubernetes-preserve-unknown-fields": True}  # of several types: the webhook judges it
    if origin is Annotated and get_origin(arguments[0]) in (tuple, dict):
        return _typed(arguments[0], [*arguments[1:], *metadata])
    if origin is tuple:
        return _list(arguments, _bounds(metadata))
    if origin is dict:
        bounds = _bounds(metadata)
        return {
            "type": "object",
            "additionalProperties": _typed(arguments[1], []),
            "maxProperties": bounds["maxLength"],
            "x-kubernetes-map-type": "granular",
        }
    return _leaf(annotation, metadata)


def _list(arguments: tuple[Any, ...], bounds: Schema) -> Schema:
    item = _typed(arguments[0], [])
    if arguments[-1] is not Ellipsis:  # a fixed number of alike items
        return {
            "type": "array",
            "items": item,
            "minItems": len(arguments),
            "maxItems": len(arguments),
            "x-kubernetes-list-type": "atomic",
        }
    result: Schema = {"type": "array", "items": item}
    if "minLength" in bounds:
        result["minItems"] = bounds["minLength"]
    result["maxItems"] = bounds["maxLength"]
    # What the operator lists of stages is whole every time, and two may have one name.
    keys = (
        ("type",)
        if isinstance(arguments[0], type) and issubclass(arguments[0], StatusModel)
        else ("name", "type")
    )
    key = next((key for key in keys if key in item.get("required", ())), None)
    if key is None:
        return {**result, "x-kubernetes-list-type": "atomic"}
    return {**result, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def _bounds(metadata: list[Any]) -> Schema:
    """Return the lengths of a list or mapping, which pydantic calls minLength and maxLength here."""
    return _leaf(
        str, [item for item in metadata if hasattr(item, "max_length") or hasattr(item, "min_length")]
    )


def _leaf(annotation: Any, metadata: list[Any]) -> Schema:
    made = TypeAdapter(Annotated[annotation, *metadata] if metadata else annotation).json_schema()
    schema = {key: made[key] for key in _KEPT if key in made}
    if "const" in made:
        schema["enum"] = [made["const"]]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in made:
            schema |= {bound: made[exclusive], exclusive: True}  # OpenAPI 3.0's way
    if schema["type"] == "integer":
        schema["format"] = "int64"
    return schema


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    rest = [item for item in get_args(annotation) if item is not NoneType]
    if len(rest) != 1:
        raise TypeError(f"{annotation} has no structural schema")
    return rest[0], len(rest) < len(get_args(annotation))


def _default(field: FieldInfo) -> Any:
    """Return the default in JSON; an empty list says nothing, and a model's default is filled field by field."""
    default = field.get_default()
    if field.is_required() or default is None or default in ((), {}):
        return None
    if isinstance(default, SpecModel):
        return {}
    return list(default) if isinstance(default, tuple) else getattr(default, "value", default)


def _alias(field: FieldInfo) -> str:
    if field.alias is None:
        raise TypeError(f"a field without alias: {field.description}")
    return field.alias


def _sentence(model: type[SpecModel]) -> str:
    return (model.__doc__ or "").strip()
