"""`assay explain`: why a stage is not one that the store already has."""

import json
from pathlib import Path

from assay.cli.pick import pick
from assay.cli.terminal import say
from assay.plan.explain import nearest
from assay.settings.local import open_local, stored_stages


def main(file: Path, stage: str, store_uri: str, *, output: str) -> None:
    """Print the stage's identity and how it differs from the nearest one."""
    local = open_local(file, store_uri)
    planned = pick(local.plan, stage)
    found = nearest(
        planned.document,
        (other for other in stored_stages(local.store, planned.kind) if other.ref != planned.ref),
    )
    if output == "json":
        payload = {
            "ref": str(planned.ref),
            "identity": planned.document.model_dump(mode="json", by_alias=True),
            "members": [member.label for member in planned.members],
            "nearest": None
            if found is None
            else {
                "ref": str(found[0].ref),
                "differences": [
                    {"path": item.path, "mine": item.mine, "theirs": item.theirs} for item in found[1]
                ],
            },
        }
        say(json.dumps(payload, sort_keys=True))
        return
    say(f"{planned.ref}")
    for member in planned.members:
        say(f"  wanted as {member.label}")
    for ref in planned.reads:
        say(f"  reads {local.plan.by_ref[ref].label} ({ref})")
    if found is None:
        say(f"The store has no other {planned.kind.value} stage.")
        return
    say(f"Nearest in the store: {found[0].ref}")
    for item in found[1]:
        say(f"  {item}")
