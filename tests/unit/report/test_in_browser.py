"""The page in a real browser: it loads nothing, fits a phone and paper, and is readable in light and dark."""

from itertools import pairwise

import pytest

from assay.report.data import report_data
from assay.report.page import anchor, page
from browsers import BROWSER, shown

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium, as Debian's chromium-headless-shell")

PHONE, DESK, PAPER = 390, 1200, 700  # CSS pixels; A4 less its margins is 700

# What of the page's texts has how little contrast to what is behind it, by WCAG's formula.
CONTRASTS = """
(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    throw new Error("nothing behind " + element.tagName);
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("title, desc, style")) continue;
    const style = getComputedStyle(element);
    const svg = element.ownerSVGElement !== undefined && element.ownerSVGElement !== null;
    const [a, b] = [parts(svg ? style.fill : style.color), behind(element)].map(light).sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), element.tagName + "." + element.getAttribute("class") + ": " + element.textContent.trim().slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]);
})()
"""


@pytest.fixture
def file(reported, tmp_path):
    whole = tmp_path / "report.html"
    whole.write_text(page(report_data(*reported)))
    return whole


def test_the_page_asks_for_nothing_but_itself(file):
    async def look(page):
        await page.open(width=DESK)

        assert [address for address in page.requested if not address.startswith("data:")] == [file.as_uri()]

    shown(file, look)


@pytest.mark.parametrize(("width", "media"), [(PHONE, "screen"), (DESK, "screen"), (PAPER, "print")])
def test_nothing_is_wider_than_the_window_but_tables_that_scroll_by_themselves(file, width, media):
    async def look(page):
        await page.open(width=width, media=media)

        assert await page.found("document.documentElement.scrollWidth") <= width

    shown(file, look)


def test_on_paper_no_table_is_cut_off_and_what_is_folded_is_open(file):
    async def look(page):
        await page.open(width=PAPER, media="print")

        rights = await page.found(
            "[...document.querySelectorAll('table')].map(table => table.getBoundingClientRect().right)"
        )
        heights = await page.found(
            "[...document.querySelectorAll('details table')].map(table => table.getBoundingClientRect().height)"
        )
        assert rights
        assert max(rights) <= PAPER
        assert heights
        assert min(heights) > 0

    shown(file, look)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(file, scheme):
    async def look(page):
        await page.open(width=DESK, scheme=scheme)

        found = await page.found(CONTRASTS)
        assert len(found) > 100
        assert [told for contrast, told in found if contrast < 4.5] == []

    shown(file, look)


def test_dark_is_dark_and_light_is_light(file):
    grounds = []

    async def look(page):
        for scheme in ("light", "dark"):
            await page.open(width=DESK, scheme=scheme)
            grounds.append(await page.found("getComputedStyle(document.body).backgroundColor"))

    shown(file, look)

    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 24, 28)"]


def test_a_figure_s_link_opens_the_fold_that_its_hashes_are_in(file, reported):
    plan, *_ = reported
    place = f"#{anchor(str(plan.stages[-1].ref))}"
    row = f"document.querySelector('{place}')"

    async def look(page):
        await page.open(width=DESK)
        assert not await page.found(f"{row}.checkVisibility()")

        await page.found(f"document.querySelector('a[href=\"{place}\"]').click()")

        assert await page.found(f"{row}.checkVisibility()")
        assert 0 <= await page.found(f"{row}.getBoundingClientRect().top") < 800

    shown(file, look)


def test_headings_do_not_lie_over_what_comes_before_them(file):
    async def look(page):
        await page.open(width=PHONE)
        ends = await page.found(
            "[...document.body.children].filter(e => e.offsetHeight).map(e => [e.offsetTop, e.offsetTop + e.offsetHeight])"
        )
        assert all(after[0] >= before[1] - 1 for before, after in pairwise(ends))

    shown(file, look)
