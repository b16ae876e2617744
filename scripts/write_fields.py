"""Write `docs/fields.md`, a table of fields for each model that a user writes: `write_fields.py`, in the environment.

The models' own words: name, type, what holds where it is absent, and the description that `kubectl explain` shows.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.api.approval import Approval
from assay.api.experiment import Experiment
from assay.api.profile import Profile

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "fields.md"
Plain = dict[str, Any]
WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}

HEAD = """\
# Every field

Made from the models by `scripts/write_fields.py`; `kubectl explain experiments.spec --recursive` says the same. Unknown fields are errors. A field
whose *default* is empty must be written; "none" means that it may be absent.

Everything in `pipeline` is identity: change it, and what it touches is made anew. Nothing in `execution` is. An arm's `stages`, and those of
an axis' value, have the pipeline's shape with every field optional: they are merged into it by name, `remove: true` deletes an item, `before:` and
`after:` place a new one, and setting one member of an exactly-one-of clears the others.
"""


def main() -> None:
    PAGE.write_text(fields_page())


def fields_page() -> str:
    """Return the page; a model stands where it is first referred to, and once."""
    lines, told = [HEAD], set[str]()
    for model in (Experiment, Profile, Approval):
        schema = model.model_json_schema(by_alias=True)
        models = {
            name: in_place(one, schema["$defs"])
            for name, one in {model.__name__: schema, **schema["$defs"]}.items()
        }
        waiting = [model.__name__]
        while waiting:
            name = waiting.pop(0)
            if name in told:
                continue
            told.add(name)
            lines += section(name, models[name], level=2 if name == model.__name__ else 3)
            waiting = [*referred(models[name]), *waiting]
    return "\n".join(lines)


def in_place(schema: Any, definitions: Plain) -> Any:
    """Return a schema with the words of an enumeration in place of its name, and what a model says of itself where a field says nothing."""
    if isinstance(schema, list):
        return [in_place(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    named = definitions.get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
    own = {key: in_place(value, definitions) for key, value in schema.items() if key != "$defs"}
    if "enum" in named:
        own = {"enum": named["enum"]} | {key: value for key, value in own.items() if key != "$ref"}
    return {"description": named["description"], **own} if "description" in named else own


def section(name: str, schema: Plain, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}\n"
    yield f"{schema.get('description', '').strip()}\n"
    yield "| field | type | default | what it says |\n|---|---|---|---|"
    required = schema.get("required", ())
    for field, of_field in schema["properties"].items():
        default = "" if field in required else default_of(of_field)
        description = of_field.get("description", "")
        yield f"| `{field}` | {type_of(of_field)} | {default} | {escaped(description)} |"
    yield ""


def default_of(schema: Plain) -> str:
    default = schema.get("default")
    if default is None:
        return "none"
    return (
        "as below" if isinstance(default, dict) else f"`{escaped(json.dumps(default, ensure_ascii=False))}`"
    )


def type_of(schema: Plain) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        # A partial model has the fields of the whole one, all optional
        return f"[{name}](#{name.removeprefix('Partial').lower()})"
    if "anyOf" in schema:
        return " or ".join(
            dict.fromkeys(type_of(one) for one in schema["anyOf"] if one.get("type") != "null")
        )
    if "enum" in schema or "const" in schema:
        return " \\| ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "items" in schema:
        return f"list of {type_of(schema['items'])}"
    if "prefixItems" in schema:
        return f"[{', '.join(type_of(item) for item in schema['prefixItems'])}]"
    values = schema.get("additionalProperties")
    word = f"text to {type_of(values)}" if isinstance(values, dict) else WORDS.get(schema.get("type", ""))
    return f"{word or 'anything'}{bounds(schema)}"


def bounds(schema: Plain) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = [
        f"{sign} {schema[bound]:g}" for bound, sign in signs.items() if abs(schema.get(bound, 1e10)) < 1e9
    ]
    return f" {', '.join(told)}" if told else ""


def referred(schema: Any) -> Iterator[str]:
    """Yield the names of whole models that a schema refers to, in order."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and "Partial" not in value:
                yield value.rsplit("/", 1)[-1]
            else:
                yield from referred(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from referred(item)


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
