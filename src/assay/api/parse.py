"""From YAML, or from an API server's object, to an Experiment or a Profile: strictly, with every fault told at once."""

import json
from typing import TypeVar

from pydantic import ValidationError

from assay.api.experiment import GROUP, VERSION, Experiment
from assay.api.faults import did_you_mean, faults_of, shown
from assay.api.profile import Profile
from assay.api.written import Written, read
from assay.errors import SpecError, SpecErrors

Document = TypeVar("Document", Experiment, Profile)

_KINDS = [Experiment.__name__, Profile.__name__]


def parse_experiment(text: str | bytes, source: str) -> Experiment:
    """Parse an Experiment's YAML; `source` is the file's name, for messages.

    Raises:
        SpecErrors: all that is wrong with it.

    """
    return experiment_of(read(text, source))


def parse_profile(text: str | bytes, source: str) -> Profile:
    """Parse a Profile's YAML; `source` is the file's name, for messages.

    Raises:
        SpecErrors: all that is wrong with it.

    """
    return profile_of(read(text, source))


def experiment_of(written: Written) -> Experiment:
    """Make an Experiment of a document that was read, or that an API server returned.

    Raises:
        SpecErrors: all that is wrong with it.

    """
    return _validated(Experiment, written)


def profile_of(written: Written) -> Profile:
    """Make a Profile of a document that was read, or that an API server returned.

    Raises:
        SpecErrors: all that is wrong with it.

    """
    return _validated(Profile, written)


def _validated(model: type[Document], written: Written) -> Document:
    value = written.value
    if not isinstance(value, dict):
        raise SpecErrors(
            [
                SpecError(
                    written.where(()),
                    f"found {shown(value)}, expected the fields apiVersion, kind, metadata and spec",
                    f"Write an {model.__name__}." if model is Experiment else f"Write a {model.__name__}.",
                )
            ]
        )
    if stranger := _of_another_kind(model, written):
        raise SpecErrors(stranger)
    words = {
        key: item for key, item in value.items() if key != "status"
    }  # written by the operator, not by users
    try:
        return model.model_validate_json(json.dumps(words, allow_nan=False), strict=True)
    except ValidationError as error:
        raise SpecErrors(faults_of(model, error.errors(include_url=False), written)) from error


def _of_another_kind(model: type[Document], written: Written) -> list[SpecError]:
    """Refuse another kind of object by that alone: its other fields would only be noise."""
    faults = []
    for key, expected in (("apiVersion", f"{GROUP}/{VERSION}"), ("kind", model.__name__)):
        found = written.value.get(key)
        if found is not None and found != expected:
            hint = f"Write `{key}: {expected}`."
            if key == "kind":
                hint = (
                    f"Give a file of kind {expected}."
                    if found in _KINDS
                    else did_you_mean(str(found), [expected], hint)
                )
            faults.append(
                SpecError(written.where((key,)), f"found {shown(found)}, expected {expected}", hint)
            )
    return faults
