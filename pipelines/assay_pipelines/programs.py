"""What a program is made of, for whoever keeps what it made: with other code or other libraries it may make something else."""

import hashlib
from pathlib import Path

import assay
import assay_pipelines
from assay.artifacts.canonical import canonical_json
from assay.artifacts.environment import environment


def program_digest() -> str:
    """Name the code and the libraries: whoever changes the code has nothing to do with what it kept before."""
    digest = hashlib.sha256(canonical_json(environment()))
    for package in (assay, assay_pipelines):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(b"%s\0%d\0" % (path.relative_to(folder).as_posix().encode(), path.stat().st_size))
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]
