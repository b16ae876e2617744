"""Where files of a dataset lie on a Hugging Face hub, at a pinned commit.

In a spec `hf://datasets/<owner>/<name>/<path>` with a revision beside it; in a location, whole, as huggingface_hub spells it:
`hf://datasets/<owner>/<name>@<revision>/<path>`. A `*` in the path stands for anything but a `/`.
"""

import re
from dataclasses import dataclass
from typing import Self

_PLACE = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([0-9a-f]{40}))?/(.*[^/])")


@dataclass(frozen=True, kw_only=True)
class HubPlace:
    """A file, or several by `*`."""

    repository: str  # owner/name
    revision: str
    path: str

    @classmethod
    def parse(cls, uri: str, revision: str | None = None) -> Self | None:
        """Read either spelling; None for what is no place in a dataset at a commit."""
        found = _PLACE.fullmatch(uri)
        if found is None or bool(found[2]) == bool(revision) or ".." in found[3].split("/"):
            return None
        return cls(repository=found[1], revision=found[2] or revision or "", path=found[3])

    @property
    def uri(self) -> str:
        """The spelling with the revision in it."""
        return f"hf://datasets/{self.repository}@{self.revision}/{self.path}"
