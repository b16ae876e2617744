"""The page over all experiments, as a browser shows it: its list is whole without a script, and its script filters it."""

import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from assay.report.index import blank_row, index_page, index_row

BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_report(word="worse", done=2, task="mmlu"):
    verdict = {
        "contrast": "total",
        "task": task,
        "word": word,
        "effect": -0.1,
        "interval": None,
        "coordinates": {},
        "primary": True,
    }
    comparison = {"verdicts": [verdict], "curves": [], "derived": [], "registration": None}
    return {"stages": [{"done": True}] * done + [{"done": False}] * (2 - done), "comparisons": [comparison]}


ROWS = [
    index_row("team/poison", a_report(), reported=AT, pinned=True),
    index_row("team/rebound", a_report("equivalent", done=1), reported=AT, pinned=False),
    blank_row("team/new <b>", "no report yet", pinned=False),
]


def shown(tmp_path, script="", page=None):
    """Return the names that a browser shows after a visitor's script has run; the page's policy lets no script in, so that it comes from outside."""
    path = tmp_path / "index.html"
    path.write_text((page or index_page("store", ROWS)) + script)
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()],
        check=True,
        capture_output=True,
        text=True,
    )
    items = re.findall(r"<li data-text[^>]*>.*?</li>", done.stdout, re.DOTALL)
    return [
        re.search(r"team/\w+", item)[0] for item in items if 'hidden=""' not in item.partition(">")[0]
    ], done.stdout


def test_a_row_counts_what_is_done_and_what_verdicts_say():
    row = ROWS[1]

    assert (row["done"], row["stages"], row["phase"], row["words"]) == (1, 2, "unfinished", {"equivalent": 1})
    assert row["verdicts"] == ["total on mmlu: equivalent (-0.1)"]
    assert row["report"] == "experiments/team/rebound/report.html"


def test_a_trend_counts_as_a_verdict_like_any_other():
    trend = {
        "arm": "mixed",
        "expression": "slope of ln(kappa) by ln(k)",
        "word": "lower",
        "effect": -0.7,
        "interval": None,
        "coordinates": {},
    }
    report = a_report()
    report["comparisons"][0]["trends"] = [trend]

    row = index_row("team/poison", report, reported=AT, pinned=False)

    assert row["words"] == {"worse": 1, "lower": 1}


def test_the_page_asks_nobody_for_anything_and_the_same_rows_give_the_same_bytes():
    page = index_page("store", ROWS)

    assert page == index_page("store", ROWS)
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "team/new &lt;b&gt;" in page


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_runs_the_page_s_own_script_under_its_policy_and_no_other(tmp_path):
    names, dom = shown(tmp_path, "<script>document.title = 'another'</script>")

    assert names == ["team/poison", "team/rebound", "team/new"]
    assert "<form>" in dom
    assert "<title>Experiments – assay</title>" in dom


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_without_its_script_the_list_is_whole_and_there_is_no_filter(tmp_path):
    page = re.sub(r"<script>.*</script>", "", index_page("store", ROWS), flags=re.DOTALL)

    names, dom = shown(tmp_path, page=page)

    assert names == ["team/poison", "team/rebound", "team/new"]
    assert '<form hidden="">' in dom


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize(
    ("field", "value", "names"),
    [
        ("text", "REB", ["team/rebound"]),
        ("text", "mmlu", ["team/poison", "team/rebound"]),
        ("phase", "no report yet", ["team/new"]),
        ("word", "worse", ["team/poison"]),
    ],
)
def test_a_filter_hides_what_does_not_fit(tmp_path, field, value, names):
    page = index_page("store", ROWS)
    visitor = f'form.{field}.value = "{value}"; form.dispatchEvent(new Event("input"));\n'
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)[1]
    # A visitor's hand is not under the page's policy, but a script that stands for it is.
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)

    found, dom = shown(tmp_path, page=free.replace(script, script + visitor))

    assert found == names
    assert f"{len(names)} of 3 shown" in dom
