"""What can be read of a plan's model folders where the plan is made: their configurations, not their weights."""

import json
import os
from collections.abc import Mapping
from urllib.parse import unquote

from assay.artifacts.documents import Location, SourceFile
from assay.errors import StoreError
from assay.plan.fit import Folder
from assay.plan.plan import Plan
from assay.stores.open import open_source

_CONFIGURATION = "config.json"
_WEIGHTS = (".safetensors", ".bin")  # the second only where there is none of the first


def model_folders(plan: Plan, environment: Mapping[str, str] = os.environ) -> dict[str, Folder]:
    """Return the model folders that can be read, by content identity."""
    found = {identity: _folder(location, environment) for identity, location in plan.locations.items()}
    return {identity: folder for identity, folder in found.items() if folder is not None}


def _folder(location: Location, environment: Mapping[str, str]) -> Folder | None:
    described = next((file for file in location.files if file.path == _CONFIGURATION), None)
    if described is None:
        return None
    try:
        configuration = json.loads(_read(described, environment))
    except (StoreError, ValueError):  # what cannot be read here may be readable where it trains
        return None
    own = [file for file in location.files if "/" not in file.path]  # no onnx/, no checkpoint-1/
    sizes = ([file.size for file in own if file.path.endswith(kind)] for kind in _WEIGHTS)
    weights = next(filter(None, map(sum, sizes)), 0)
    return Folder(configuration=configuration, weights=weights)


def _read(file: SourceFile, environment: Mapping[str, str]) -> bytes:
    folder, _, name = file.uri.rpartition("/")
    key = unquote(name) if file.uri.startswith("file:") else name
    return open_source(folder, environment).get(key) or b""
