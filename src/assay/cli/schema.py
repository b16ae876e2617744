"""`assay schema`: the custom resource definitions, generated from the models."""

import sys

from assay.api.crd import crds_yaml


def main() -> None:
    """Print them, as YAML documents."""
    sys.stdout.write(crds_yaml())
