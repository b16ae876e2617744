"""What became of each source's rows on their way through a clean stage. Every row that came in is counted once."""

from typing import Any

Plain = dict[str, Any]


def survival(cleaning: Plain) -> list[Plain]:
    """Return a row of counts for each source: `sources` and `steps` are as in the stage's summary."""
    rows = []
    for name, source in cleaning["sources"].items():
        met = [step["sources"][name] for step in cleaning["steps"] if name in step["sources"]]
        dropped, aside = (sum(counts[key] for counts in met) for key in ("dropped", "setAside"))
        rows.append(
            {
                "source": name,
                "in": source["in"],
                "rejected": source["rejected"],
                "dropped": dropped,
                "setAside": aside,
                "out": source["in"] - source["rejected"] - dropped - aside,
            }
        )
    return rows
