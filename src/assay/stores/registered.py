"""What an experiment asked before it had answers: its comparisons, registered when its plan was approved.

A question is the comparison and all runs that it is asked of: more seeds, other arms or other data are another question. The first
registration of a question counts, so that an edit which is taken back is what it was. Whoever may write to the store
may write here: it shows a team what it asked when, and holds nobody to it.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from assay.artifacts.canonical import canonical_json, digest
from assay.artifacts.documents import Document
from assay.artifacts.layout import experiment_key
from assay.stores.documents import read_document
from assay.stores.store import Store

Plain = Mapping[str, Any]


class Registration(Document):
    """One question, as it was when its plan was approved."""

    question: str = Field(description="64 hexadecimal digits.")
    comparison: dict[str, Any]
    plan: str = Field(description="The plan's digest.")
    results: int = Field(description="How many of the evaluations that it reads were done by then.")
    published: tuple[dict[str, Any], ...] = Field(
        (), description="`spec.published` as it was then: what would count as reproduced."
    )


def asked(spec: Plain) -> str:
    """Return what tells the question of a compare stage's spec from any other, whichever of its runs have failed: 64 hexadecimal digits."""
    runs = [{"arm": arm["arm"], **run} for arm in spec["arms"] for run in arm["runs"]]
    return digest(
        "assay.question/1", [spec["comparison"], sorted([*runs, *spec["missing"]], key=canonical_json)]
    )


def register(store: Store, experiment: str, registration: Registration) -> None:
    """Keep a registration, unless the question was registered before."""
    store.create(_key(experiment, registration.question), registration.encode())


def registrations(store: Store, experiment: str) -> dict[str, Registration]:
    """Return what an experiment (`<namespace>/<name>`) has registered, by what it asked."""
    names = [info.key for info in store.keys(f"{experiment_key(experiment, 'registered')}/")]
    found = (read_document(store, name, Registration) for name in sorted(names))
    return {item.question: item for item in found if item is not None}


def _key(experiment: str, question: str) -> str:
    return experiment_key(experiment, f"registered/{question}.json")
