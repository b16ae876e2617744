"""What a cluster carries out, carried out on this machine, to hold it against."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.stores.folder import FolderStore
from e2e.cli import assay


def carried_out_here(spec: Mapping[str, Any], folder: Path) -> FolderStore:
    """Run a spec, whose relative paths start at a folder; return the store that it is in."""
    whole = {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "here"},
        "spec": dict(spec),
    }
    (folder / "here.yaml").write_text(json.dumps(whole))
    done = assay("run", folder / "here.yaml", "--store", folder / "store")
    assert done.returncode == 0, done.stdout + done.stderr
    return FolderStore(folder / "store")
