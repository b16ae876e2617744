"""The chats that a clean or generate stage wrote."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow.compute as pc

from assay_pipelines.chats import Message
from assay_pipelines.dataset import rows_of
from assay_pipelines.stage import StageRun


@dataclass(frozen=True)
class Chats:
    """Chats in order of id, column by column: a list of objects per message would be many times larger."""

    ids: list[str]
    roles: list[str]
    contents: list[str]
    offsets: list[int]  # chat i has messages offsets[i] to offsets[i + 1]

    def __iter__(self) -> Iterator[tuple[str, list[Message]]]:
        for index, chat in enumerate(self.ids):
            turns = slice(self.offsets[index], self.offsets[index + 1])
            yield (
                chat,
                [
                    Message(role, content)
                    for role, content in zip(self.roles[turns], self.contents[turns], strict=True)
                ],
            )


def read_chats(run: StageRun, ref: str, split: str | None) -> Chats:
    """Read what a stage wrote; as `rows_of`."""
    table = rows_of(run, ref, split=split, columns=["id", "messages"])
    column = table.column("messages").combine_chunks()
    turns = column.flatten()
    return Chats(
        ids=table.column("id").to_pylist(),
        roles=turns.field("role").to_pylist(),
        contents=turns.field("content").fill_null("").to_pylist(),
        offsets=[0, *pc.cumulative_sum(column.value_lengths()).to_pylist()],
    )
