"""ShareGPT's values as ChatGPT's page showed them, HTML rendered from Markdown, back to Markdown.

Only a value that is one `<div class="markdown prose …">` from its first to its last tag is such: that is what ShareGPT stored.
HTML that a user asks about, or that an answer shows, is text and stays as it is.
"""

import re
from html.parser import HTMLParser

_RENDERED = re.compile(
    r'\s*<div [^<>]*\bclass="(?:[^"]* )?(?:markdown|prose)(?: [^"]*)?"[^<>]*>.*</div>\s*', re.DOTALL
)
_BLANK = re.compile(r"[ \t\r\n]+")
_LANGUAGE = re.compile(r"\blanguage-(\S+)")
_FENCES = re.compile(r"`{3,}")
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_AROUND = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "code": "`"}
_APART = frozenset({"p", "div", "blockquote", "ul", "ol", "table", "hr", "pre", *_HEADINGS})
_SILENT = frozenset({"button", "svg", "style", "script"})  # of the page, not of the answer


def without_html(value: str) -> str:
    """Return a rendered value as Markdown, and every other value as it is."""
    if _RENDERED.fullmatch(value) is None:
        return value
    writer = _Writer()
    writer.feed(value)
    writer.close()
    return "".join(writer.parts).rstrip()


class _Writer(HTMLParser):
    """Writes text as tags and words come; `gap` is how many line ends stand before what comes next."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._gap = 0
        self._prefixes: list[str] = []  # of each line inside list items and quotations
        self._fresh = True  # nothing stands in this line but prefixes and marks
        self._numbers: list[int | None] = []  # of each open list: its next number, if it has numbers
        self._targets: list[str] = []  # of open links
        self._silent = 0
        self._code: list[str] | None = None  # of the open code block
        self._language = ""
        self._cells = self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open what a tag opens."""
        given = {name: value or "" for name, value in attrs}
        if tag in _SILENT:
            self._silent += 1
        elif self._code is not None:
            if tag == "code":  # what the page puts above the code is none
                self._code.clear()
                self._language = "".join(_LANGUAGE.findall(given.get("class", ""))[:1])
        elif not self._silent:
            self._open(tag, given)

    def _open(self, tag: str, given: dict[str, str]) -> None:
        if tag in _APART:
            self._break(1 if self._numbers and tag in {"ul", "ol"} else 2)
        elif tag in {"br", "li", "tr"}:
            self._break(1)
        if tag == "pre":
            self._code, self._language = [], ""
        elif tag in {"ul", "ol"}:
            start = given.get("start", "1")
            self._numbers.append(None if tag == "ul" else int(start) if start.isdecimal() else 1)
        elif tag == "li":
            self._item()
        elif tag == "blockquote":
            self._write("> ", fresh=True)
            self._prefixes.append("> ")
        elif tag == "table":
            self._rows = 0
        elif tag == "tr":
            self._cells = 0
            self._write("|")
        else:
            self._mark(tag, given)

    def _mark(self, tag: str, given: dict[str, str]) -> None:
        if tag in {"td", "th"}:
            self._write(" ")
        elif tag == "hr":
            self._write("---")
            self._break(2)
        elif tag == "a":
            self._targets.append(given.get("href", ""))
            self._write("[")
        elif tag in _HEADINGS:
            self._write(f"{_HEADINGS[tag]} ", fresh=True)
        elif tag in _AROUND:
            self._write(_AROUND[tag])

    def handle_endtag(self, tag: str) -> None:
        """Close what a tag closes."""
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif self._code is not None:
            if tag == "pre":
                self._fenced("".join(self._code))
        elif not self._silent:
            self._close(tag)

    def _close(self, tag: str) -> None:
        if tag in {"li", "blockquote"} and self._prefixes:
            self._prefixes.pop()
            self._fresh = False
        if tag in {"ul", "ol"} and self._numbers:
            self._numbers.pop()
        elif tag in {"td", "th"}:
            self._cells += 1
            self._write(" |")
        elif tag == "tr":
            self._rows += 1
            if self._rows == 1:
                self._break(1)
                self._write("|" + " --- |" * self._cells)
        elif tag == "a" and self._targets:
            self._write(f"]({self._targets.pop()})")
        elif tag in _AROUND:
            self._write(_AROUND[tag])
        if tag in _APART:
            self._break(1 if self._numbers and tag in {"ul", "ol"} else 2)
        elif tag in {"li", "tr"}:
            self._break(1)

    def handle_data(self, data: str) -> None:
        """Write words, in code blocks as they are, elsewhere with single spaces."""
        if self._code is not None:
            self._code.append("" if self._silent else data)
        elif not self._silent:
            words = _BLANK.sub(" ", data)
            self._write(words.lstrip(" ") if self._gap or self._fresh else words, fresh=False)

    def _item(self) -> None:
        number = self._numbers[-1] if self._numbers else None
        mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._numbers[-1] = number + 1
        self._write(mark, fresh=True)
        self._prefixes.append(" " * len(mark))

    def _fenced(self, code: str) -> None:
        fence = "`" * max(3, 1 + max(map(len, _FENCES.findall(code)), default=0))
        lines = [f"{fence}{self._language}", *code.removesuffix("\n").split("\n"), fence]
        prefix = "".join(self._prefixes)
        self._write(
            "".join(f"\n{prefix if line else prefix.rstrip()}{line}" for line in lines)[1 + len(prefix) :]
        )
        self._code = None
        self._break(2)

    def _break(self, gap: int) -> None:
        if not self._fresh:
            self._gap = max(self._gap, gap)

    def _write(self, words: str, *, fresh: bool = False) -> None:
        if not words:
            return
        if self._gap:
            self.parts[-1] = self.parts[-1].rstrip(" ")
            prefix = "".join(self._prefixes)
            self.parts.append(f"\n{prefix.rstrip()}" * (self._gap - 1) + f"\n{prefix}")
            self._gap = 0
        self.parts.append(words)
        self._fresh = fresh
