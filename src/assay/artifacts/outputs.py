"""What one program writes for others to read, by name: files below an attempt's `data/`, and the last checkpoint."""

LEDGER = "ledger.parquet"
"""Of a clean stage: every row that was dropped or changed, and why."""

OUTCOMES = "outcomes.parquet"
"""Of an evaluate stage: one outcome per task, checkpoint and item."""

VERDICTS = "verdicts.json"
"""Of a compare stage."""

FINAL = "final"
"""The checkpoint at the end of a training, which stands for it wherever no other is named."""


def chats_file(part: str | None = None) -> str:
    """Name the file of a clean or generate stage's chats, or of a part that its `split` step set aside."""
    return "chats.parquet" if part is None else f"chats-{part}.parquet"
