"""The binaries of the cluster, built from source by the one builder of Go programs."""

import importlib.util
from pathlib import Path

from cluster.site import REPOSITORY

_BUILDER = REPOSITORY / "scripts" / "go-programs" / "build.py"
_spec = importlib.util.spec_from_file_location("go_programs", _BUILDER)
_builder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_builder)

PROGRAMS: tuple[str, ...] = tuple(_builder.PROGRAMS)


def program(name: str) -> Path:
    """Return the path of a binary, built if nobody had."""
    return _builder.binary(name)


def sources(name: str) -> Path:
    """Return the folder of the module that a binary was built from."""
    return _builder.sources(name)
