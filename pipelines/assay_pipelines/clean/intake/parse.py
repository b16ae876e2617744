"""From a piece to rows of the working table: every record becomes a chat, or a line that says why it is none."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts.canonical import canonical_json
from assay.artifacts.endings import endings
from assay_pipelines.chats import HASH_BYTES, MESSAGES, content_hash
from assay_pipelines.clean.intake.alpaca import alpaca
from assay_pipelines.clean.intake.guanaco import guanaco
from assay_pipelines.clean.intake.hh_rlhf import hh_rlhf
from assay_pipelines.clean.intake.oasst import oasst, oasst_all
from assay_pipelines.clean.intake.openai import openai
from assay_pipelines.clean.intake.pieces import ARRAY, BLANK, BROKEN, CHATS
from assay_pipelines.clean.intake.prompt_completion import prompt_completion
from assay_pipelines.clean.intake.record import BrokenFileError, Chat, RejectedError
from assay_pipelines.clean.intake.sharegpt import sharegpt
from assay_pipelines.clean.intake.text import text
from assay_pipelines.clean.table import BROKEN_FILE, INTAKE, WORKING, lines_array

FORMATS: dict[str, Callable[[object], Chat | list[Chat]]] = {
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "openai": openai,
    "oasst": oasst,
    "oasst-all": oasst_all,
    "guanaco": guanaco,
    "prompt-completion": prompt_completion,
    "text": text,
    "hh-rlhf": hh_rlhf,
}
_ROW_BITS = 31  # of a row number, for its place in the piece
_BLANK = BLANK.decode()

Record = tuple[int, bytes, Any]  # line number, bytes, and the decoded value or the RejectedError that it is


def parse_piece(piece: dict[str, Any]) -> pa.Table:
    """Read one row of the pieces' table."""
    base = int(piece["piece"]) << _ROW_BITS
    if piece["shape"] == CHATS:
        return _stored(piece, base)
    read = FORMATS[piece["format"]]
    rows = []
    for line, raw, value in _records(piece):
        try:
            if isinstance(value, RejectedError):
                raise value
            chats = read(value)
            rows += [_kept(chat) for chat in (chats if isinstance(chats, list) else [chats])]
        except (RejectedError, UnicodeEncodeError, RecursionError) as error:
            reason = "found text that is no Unicode" if isinstance(error, UnicodeEncodeError) else str(error)
            rule = BROKEN_FILE if isinstance(error, BrokenFileError) else "rejected"
            rows.append(_rejected(raw, rule, f"{piece['file']}:{line}: {reason}"))
    for place, row in enumerate(rows):
        row |= {"row": base + place, "source": piece["source"]}
    lines = lines_array([row.pop("lines") for row in rows])
    table = pa.Table.from_pylist(rows, WORKING.remove(WORKING.get_field_index("lines")))
    return table.append_column(WORKING.field("lines"), lines).select(WORKING.names)


def _kept(chat: Chat) -> dict[str, Any]:
    meta = canonical_json(chat.rest)
    return {
        "hash": content_hash(chat.messages),
        "tie": int.from_bytes(hashlib.sha256(meta).digest()[:7], "big"),
        "kept": True,
        "messages": [message._asdict() for message in chat.messages],
        "meta": meta.decode(),
        "lines": [],
    }


def _rejected(raw: bytes, rule: str, detail: str) -> dict[str, Any]:
    line = {"step": INTAKE, "dropped": True, "rule": rule, "score": None, "detail": detail}
    return {
        "hash": hashlib.sha256(b"rejected\0" + raw).digest()[:HASH_BYTES],
        "tie": 0,
        "kept": False,
        "messages": [],
        "meta": "{}",
        "lines": [line],
    }


def _records(piece: dict[str, Any]) -> Iterator[Record]:
    data, line = piece["data"], int(piece["line"])
    if piece["shape"] == BROKEN:
        yield line, data, BrokenFileError(data.decode())
    elif piece["shape"] == ARRAY:
        yield from _elements(data)
    else:
        plain = endings(piece["file"])[0] == ".txt"
        for number, raw in enumerate(data.split(b"\n"), line):
            bare = raw.strip(BLANK) if number == 1 else raw.strip()
            if bare:
                yield number, bare, _document(bare) if plain else _decoded(bare)


def _document(raw: bytes) -> Any:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        return RejectedError(f"found bytes that are no UTF-8 ({error.reason} at byte {error.start})")


def _decoded(raw: bytes) -> Any:
    words = _document(raw)
    if isinstance(words, RejectedError):
        return words
    try:
        return _DECODER.decode(words)
    except (ValueError, RecursionError) as error:
        return RejectedError(f"found no JSON: {error}")


def _elements(data: bytes) -> Iterator[Record]:
    """Decode an array, or one value, element by element, so that one bad element costs only itself or what follows."""
    words = data.decode(errors="surrogateescape").lstrip(_BLANK)
    blank = data[: len(data) - len(data.lstrip(BLANK))]
    line, place = 1 + blank.count(b"\n"), 0
    inside = words.startswith("[")
    place = _skip(words, 1 if inside else 0, "")
    counted = 0
    while place < len(words) and not (inside and words[place] == "]"):
        line += words.count("\n", counted, place)
        counted = place
        try:
            value, end = _DECODER.raw_decode(words, place)
        except (ValueError, RecursionError) as error:
            rest = words[place:]
            yield line, _bytes(rest), BrokenFileError(f"found no JSON from here on: {error}")
            return
        raw = _bytes(words[place:end])
        yield line, raw, value if _is_text(raw) else RejectedError("found bytes that are no UTF-8")
        place = _skip(words, end, ",")
    if not inside:
        return
    line += words.count("\n", counted, place)
    if place >= len(words):
        yield line, b"", RejectedError("found the end of the file inside an array, expected ']'")
    elif words[place + 1 :].strip():
        yield line, _bytes(words[place + 1 :]), RejectedError("found more behind the array, expected its end")


def _skip(words: str, place: int, also: str) -> int:
    while place < len(words) and words[place] in " \t\r\n" + also:
        place += 1
    return place


def _bytes(words: str) -> bytes:
    return words.encode(errors="surrogateescape")


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _stored(piece: dict[str, Any], base: int) -> pa.Table:
    """Take chats over from another stage, with the hashes in their ids."""
    with pa.ipc.open_stream(piece["data"]) as reader:
        table = reader.read_all()
    count = table.num_rows
    ids = [id_.split("-") for id_ in table["id"].to_pylist()]
    columns = {
        "row": pa.array(range(base, base + count), pa.int64()),
        "source": pa.array([piece["source"]] * count, pa.int16()),
        "hash": pa.array([bytes.fromhex(key) for key, _ in ids], pa.binary(HASH_BYTES)),
        "tie": pa.array([int(number) for _, number in ids], pa.int64()),
        "kept": pa.array([True] * count),
        "messages": pc.cast(table["messages"], MESSAGES),
        "meta": table["meta"],
        "lines": lines_array([[] for _ in range(count)]),
        "key": pa.nulls(count, pa.binary(HASH_BYTES)),
    }
    return pa.table(columns, schema=WORKING)
