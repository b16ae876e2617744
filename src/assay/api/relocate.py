"""A spec's text with other places of what it reads: only the words that name them change, comments and layout stay."""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


def relocated(text: str, places: Mapping[str, str], fields: AbstractSet[str]) -> str:
    """Return the text of a sound spec with each of `places` replaced wherever one of `fields` holds it, or an axis sets one to it."""
    root: Node = YAML(typ="safe", pure=True).compose(text)
    found = {node.start_mark.index: node for node in _named(root, fields) if node.value in places}
    for start, node in sorted(found.items(), reverse=True):  # from the end, so that earlier positions hold
        end = node.end_mark.index
        written = text[start:end]
        anchor = f"{written.split()[0]} " if written.startswith("&") else ""
        block = "\n" if written.endswith("\n") else ""
        text = (
            f"{text[:start]}{anchor}{json.dumps(places[node.value], ensure_ascii=False)}{block}{text[end:]}"
        )
    return text


def _named(node: Node, fields: AbstractSet[str]) -> Iterator[ScalarNode]:
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _named(item, fields)
    if not isinstance(node, MappingNode):
        return
    members = {key.value: value for key, value in node.value if isinstance(key, ScalarNode)}
    for name, value in members.items():
        if name in fields and isinstance(value, ScalarNode):
            yield value
        yield from _named(value, fields)
    paths, texts = members.get("paths"), members.get("strings")
    if isinstance(paths, SequenceNode) and isinstance(texts, SequenceNode):
        last = {path.value.rpartition(".")[2] for path in paths.value if isinstance(path, ScalarNode)}
        if last & fields:
            yield from (item for item in texts.value if isinstance(item, ScalarNode))
