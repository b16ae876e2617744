"""What became of each source's rows: all are counted, and as often as they were."""

from assay.report.data import report_data
from assay.report.page import page
from assay.report.survival import survival
from builders import a_plan


def counts(came, dropped=0, aside=0):
    return {"in": came, "dropped": dropped, "setAside": aside, "changed": 0, "out": came - dropped - aside}


def a_step(name, **sources):
    total = {key: sum(each[key] for each in sources.values()) for key in counts(0)}
    return {"name": name, "kind": name, "sources": sources, **total}


CLEANING = {
    "rows": 75,
    "sources": {"chats": {"in": 100, "rejected": 10}, "guanaco": {"in": 20, "rejected": 0}},
    "steps": [
        a_step("shortInput", chats=counts(90, dropped=20)),
        a_step("split", chats=counts(70, aside=5), guanaco=counts(20, dropped=2, aside=8)),
    ],
    "splits": {"held": 13},
}


def test_each_source_s_rows_are_counted_to_where_they_ended():
    chats, guanaco = survival(CLEANING)

    assert chats == {"source": "chats", "in": 100, "rejected": 10, "dropped": 20, "setAside": 5, "out": 65}
    assert guanaco == {"source": "guanaco", "in": 20, "rejected": 0, "dropped": 2, "setAside": 8, "out": 10}
    assert chats["out"] + guanaco["out"] == CLEANING["rows"]


def test_the_page_says_how_much_of_each_source_goes_on():
    about = {"label": "plain/cleaned", "from": "clean/0", "members": [], "warnings": [], "unsafe": []}

    html = page(report_data(a_plan(), {}, {}) | {"cleanings": [CLEANING | about]})

    assert (
        "chats: 65 of 100 rows go on, 10 could not be read, 20 dropped, 5 set aside; guanaco: 10 of 20"
        in html
    )
