"""The picture of a clean stage: every row is in it, and nothing lies over anything else."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from assay.report.data import report_data
from assay.report.page import page
from assay.report.sankey import sankey
from builders import a_plan


def a_cleaning(sources, steps):
    """Count rows through steps: `sources` are (in, rejected, joins at), `steps` are (dropped, set aside) at most."""
    joins = [min(at, len(steps)) for _, _, at in sources]
    left, counted, met = 0, [], {}
    for number, (most_dropped, most_aside) in enumerate(steps):
        for place, (came, rejected, _) in enumerate(sources):
            if joins[place] == number:
                left += came - rejected
                met[f"s{place}"] = {"dropped": 0, "setAside": 0}
        dropped = min(most_dropped, left)
        aside = min(most_aside, left - dropped)
        counts = {
            "in": left,
            "dropped": dropped,
            "changed": 0,
            "setAside": aside,
            "out": left - dropped - aside,
        }
        counted.append({"name": f"step{number}", "kind": "refusals", "sources": dict(met), **counts})
        left = counts["out"]
    late = sum(
        came - rejected for (came, rejected, _), at in zip(sources, joins, strict=True) if at == len(steps)
    )
    named = {
        f"s{place}": {"in": came, "rejected": rejected} for place, (came, rejected, _) in enumerate(sources)
    }
    return {"rows": left + late, "sources": named, "steps": counted, "splits": {}}


COUNTS = some.integers(0, 1_000_000)
SOURCES = some.lists(
    some.tuples(COUNTS, COUNTS, some.integers(0, 6)).map(lambda item: (item[0], min(item[:2]), item[2])),
    min_size=1,
    max_size=8,
)
STEPS = some.lists(some.tuples(COUNTS, COUNTS), max_size=8)
USUAL = a_cleaning([(1000, 10, 0), (400, 0, 1)], [(200, 0), (300, 100)])


def numbers(path):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", path)]


@given(SOURCES, STEPS)
def test_everything_is_inside_the_picture_and_labels_keep_apart(sources, steps):
    drawn = sankey(a_cleaning(sources, steps))

    nodes = [node for node in drawn["nodes"] if node["width"]]
    assert all(drawn["left"] <= node["x"] and node["x"] + node["width"] <= drawn["right"] for node in nodes)
    assert all(node["y"] + node["height"] <= drawn["height"] for node in drawn["nodes"])
    for band in drawn["bands"]:
        assert all(0 <= number <= max(drawn["right"], drawn["height"]) for number in numbers(band["path"]))
    texts = [band["text"]["y"] for band in drawn["bands"] if band["text"]]
    for heights in (texts, [node["y"] for node in drawn["nodes"]]):
        assert all(after - before >= 12 for before, after in pairwise(heights))


@given(SOURCES, STEPS)
def test_every_row_that_leaves_is_told_once(sources, steps):
    cleaning = a_cleaning(sources, steps)

    texts = [band["text"]["rows"] for band in sankey(cleaning)["bands"] if band["text"]]

    came = sum(source["in"] for source in cleaning["sources"].values())
    assert came == cleaning["rows"] + sum(texts)


def test_bands_are_as_wide_as_their_rows():
    drawn = sankey(USUAL)

    wide = {node["name"]: node["width"] for node in drawn["nodes"]}
    left = {band["told"]: band["path"] for band in drawn["bands"] if band["text"]}
    dropped = next(path for told, path in left.items() if told.startswith("step0 drops 200"))
    ends = numbers(dropped)
    assert abs(wide["s0"] / 1000 - wide["step1"] / 1190) < 1e-4
    assert abs((ends[0] - ends[-2]) / 200 - wide["s0"] / 1000) < 1e-3


def test_the_page_tells_the_picture_in_words_and_has_no_script():
    item = USUAL | {
        "label": "plain/chats",
        "from": "clean/0",
        "members": ["plain/chats"],
        "warnings": [],
        "unsafe": [],
    }
    data = report_data(a_plan(), {}, {})

    html = page(data | {"cleanings": [item]})

    told = (
        "1000 rows of s0, 400 rows of s1; 10 could not be read; step0 drops 200; step1 drops 300; "
        "step1 sets aside 100; 790 go on."
    )
    assert f'role="img" aria-label="{told}"' in html
    assert "<script" not in html
