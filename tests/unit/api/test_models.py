import re
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from assay.api.experiment import Experiment, PartialAxis, PartialStage, Stage
from assay.api.model import RESOLVED, DataRef, OneOf, SpecModel
from assay.api.partial import Partial, PartialItem, partial_of
from assay.api.profile import Profile
from assay.api.status import ExperimentStatus, ProfileStatus
from assay.api.train import Train


def nested(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for item in get_args(annotation):
        yield from nested(item)


def reachable(root, found=None):
    found = {} if found is None else found
    if root not in found:
        found[root] = None
        for field in root.model_fields.values():
            for model in nested(field.annotation):
                reachable(model, found)
    return list(found)


MODELS = list(
    dict.fromkeys(
        model for root in (Experiment, Profile, ExperimentStatus, ProfileStatus) for model in reachable(root)
    )
)
FIELDS = [(model, name, field) for model in MODELS for name, field in model.model_fields.items()]


def kinds(annotation):
    return {annotation} | {kind for item in get_args(annotation) for kind in kinds(item)}


COUNTS = re.compile(
    r"number|share|minutes|hours|tokens?|words?|rows|seconds|GiB|GPU|cores|threads|nodes|processes|workers|stages|sequences|units|"
    r"epochs?|heads|blocks|parts|vectors|items|examples|attempts|questions|slices|rate|cost|norm|batch|chance|unit|"
    r"occurrences|pass|passes|similarity|confidence|decay|amount|dose|denominator|temperature|sampling|seed|sample|"
    r"drives|chooses|weights|steps|so many|GPU-hours|stage|copies|entries|one core|one GPU|mass|equivalent",
    re.IGNORECASE,
)


@pytest.mark.parametrize(("model", "name", "field"), FIELDS, ids=lambda item: getattr(item, "__name__", ""))
def test_every_field_says_what_it_is(model, name, field):
    assert field.description, f"{model.__name__}.{name}"
    assert field.description.endswith("."), f"{model.__name__}.{name}: {field.description}"
    if kinds(field.annotation) & {int, float}:
        assert COUNTS.search(field.description), f"{model.__name__}.{name}: {field.description}: what unit?"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_says_what_it_is(model):
    assert model.__doc__
    assert model.__doc__.strip().endswith(".")


def test_no_field_is_spelled_as_kubectl_spells_a_boolean():
    spelled = {field.alias or name for _, name, field in FIELDS}
    assert not {word for word in spelled if word.lower() in {"y", "n", "yes", "no", "on", "off"}}


PARTIALS = [model for model in MODELS if issubclass(model, Partial)]


@pytest.mark.parametrize("partial", PARTIALS, ids=lambda model: model.__name__)
def test_a_partial_model_has_its_models_fields_requires_none_and_has_no_default(partial):
    whole = partial.whole
    extra = {"remove", "before", "after"} if issubclass(partial, PartialItem) else set()
    assert set(partial.model_fields) == set(whole.model_fields) | extra
    assert not any(
        field.is_required() or field.default is not None for field in partial.model_fields.values()
    )
    assert issubclass(partial, PartialItem) == ("name" in whole.model_fields)
    assert partial.model_config["extra"] == "forbid"


def test_a_partial_of_a_partial_is_itself():
    assert partial_of(PartialStage) is PartialStage
    assert PartialStage is partial_of(Stage)
    assert not any(model.__name__.startswith("PartialPartial") for model in reachable(PartialAxis))


@pytest.mark.parametrize(
    "words",
    [
        {"name": "sft", "train": {"batchSize": 0}},
        {"name": "sft", "train": {"optimizer": {"betas": [0.5, 2]}}},
        {"name": "Sft"},
        {"name": "sft", "train": {"size": 1}},
        {"name": "sft", "train": {"batchSize": None}},
        {"name": "sft", "train": {}, "clean": {}},
    ],
)
def test_what_a_partial_model_says_must_itself_be_sound(words):
    with pytest.raises(ValidationError):
        PartialStage.model_validate(words)


def test_a_partial_model_may_take_an_optional_field_away():
    assert (
        PartialStage.model_validate({"name": "sft", "train": {"checkpoints": None}}).train.checkpoints is None
    )


@pytest.mark.parametrize(
    "model", [item for item in MODELS if issubclass(item, OneOf)], ids=lambda model: model.__name__
)
def test_members_of_a_one_of_are_optional_fields_of_it(model):
    names = {*model.one_of, *model.companions, *model.companions.values()}
    assert names <= set(model.model_fields)
    assert all(model.model_fields[name].default is None for name in names)


@pytest.mark.parametrize(
    "model", [item for item in MODELS if issubclass(item, SpecModel)], ids=lambda model: model.__name__
)
def test_a_model_with_validators_of_its_own_has_rules_for_the_api_server(model):
    own = [
        name
        for name in vars(model).get("__pydantic_decorators__").model_validators
        if name not in {"_exactly_one", "_at_most_one"}
    ]
    said_elsewhere = {"Clean"}  # merges name sources: quadratic, left to the operator
    assert not own or model.rules or model.__name__ in said_elsewhere


ARTIFACT = f"clean/{'0' * 64}"


def test_a_resolved_spec_names_artifacts_and_is_typed_by_the_same_model():
    assert DataRef.model_validate({"from": ARTIFACT}, context=RESOLVED).from_ == ARTIFACT


@pytest.mark.parametrize(("name", "context"), [(ARTIFACT, None), ("A", RESOLVED)])
def test_what_is_neither_a_name_nor_a_resolved_artifact_is_refused(name, context):
    with pytest.raises(ValidationError):
        DataRef.model_validate({"from": name}, context=context)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"beta": 0.2}, "found beta with objective sft"),
        (
            {
                "model": {"llama": {"hiddenSize": 8, "layers": 1, "heads": 1}},
                "tokenizer": {"train": {"vocabulary": 300}},
                "lora": {"rank": 1, "alpha": 1},
            },
            "found lora with a new model",
        ),
        ({"objective": "dpo", "batchUnit": "packedSequences"}, "expected examples (pairs) or tokens"),
        (
            {
                "model": {"llama": {"hiddenSize": 8, "layers": 1, "heads": 1, "context": 32}},
                "tokenizer": {"train": {"vocabulary": 300}},
            },
            "found sequenceLength 64, expected at most the new model's context of 32 tokens",
        ),
    ],
)
def test_a_train_stage_says_nothing_that_it_has_no_use_for(words, found):
    sound = {
        "data": {"from": "chats"},
        "model": {"uri": "./model"},
        "batchSize": 8,
        "optimizer": {"lr": 1e-4},
        "sequenceLength": 64,
    }

    assert Train.model_validate(sound | {"objective": "dpo", "beta": 0.2}).beta == 0.2
    with pytest.raises(ValidationError, match=re.escape(found)):
        Train.model_validate(sound | words)
