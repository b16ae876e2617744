"""What a spec may say and no program can do yet: refused by `assay validate`, and again by the program itself."""

from collections.abc import Mapping
from typing import Any

from assay.artifacts.kinds import Kind

_STEPS = ("mixedLanguage", "duplicateSubstrings", "nearDuplicates", "decontaminate")
_OPTIONS = (("refusals", "replaceWith"), ("lowAverage", "tokenizer"))


def unavailable(kind: Kind, spec: Mapping[str, Any]) -> list[str]:
    """Name the field paths below a stage's spec (camelCase, resolved or not) that its program cannot carry out yet."""
    if kind is not Kind.CLEAN:
        return []
    found = []
    for place, step in enumerate(spec.get("steps") or ()):
        found += [f"steps[{place}].{name}" for name in _STEPS if step.get(name) is not None]
        found += [
            f"steps[{place}].{name}.{option}"
            for name, option in _OPTIONS
            if (step.get(name) or {}).get(option) is not None
        ]
    return found
