"""Values of ShareGPT that are a page's HTML become the Markdown that the page was rendered from; all others stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_pipelines.clean.intake.html import without_html
from assay_pipelines.clean.intake.parse import FORMATS

OPEN = '<div class="markdown prose w-full break-words dark:prose-invert dark">'


def read(inner):
    return without_html(f"{OPEN}{inner}</div>")


PAGE_CODE = """<pre><div class="bg-black mb-4 rounded-md"><div class="flex items-center"><span class="">python</span>\
<button class="flex ml-auto gap-2"><svg stroke="currentColor"><path d="M16 4h2"></path></svg>Copy code</button></div>\
<div class="p-4 overflow-y-auto"><code class="!whitespace-pre hljs language-python"><span class="hljs-keyword">if</span> \
a &lt; b:

    <span class="hljs-built_in">print</span>(<span class="hljs-string">"&amp;  &lt;p&gt;"</span>)
</code></div></div></pre>"""
CODE = '```python\nif a < b:\n\n    print("&  <p>")\n```'


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>One\n  line.</p>\n<p>Two &amp; <br>three.</p>", "One line.\n\nTwo &\nthree."),
        (f"<p>Look:</p>{PAGE_CODE}<p>Done.</p>", f"Look:\n\n{CODE}\n\nDone."),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<pre><code>a ``` b\n</code></pre>", "````\na ``` b\n````"),
        ("<p>Call <code>f(a &lt; b)</code> <em>now</em>, <strong>you</strong>.</p>", "Call `f(a < b)` *now*, **you**."),
        ("<h2>Head</h2><p>Text</p><hr><p>End</p>", "## Head\n\nText\n\n---\n\nEnd"),
        ("<p>List:</p><ul><li>a</li><li>b<ul><li>c</li></ul></li><li></li><li>d</li></ul>", "List:\n\n- a\n- b\n  - c\n-\n- d"),
        ('<ol start="9"><li><p>a</p></li><li><p>b</p><p>c</p></li></ol><p>d</p>', "9. a\n\n10. b\n\n    c\n\nd"),
        (f"<ol><li><p>a</p>{PAGE_CODE}</li></ol>", "1. a\n\n   " + CODE.replace("\n", "\n   ").replace("   \n", "\n")),
        ("<blockquote>\n<p>a</p>\n<p>b</p>\n</blockquote><p>c</p>", "> a\n>\n> b\n\nc"),
        ('<p>See <a href="https://x.org/?a=1&amp;b" target="_new">this</a>.</p>', "See [this](https://x.org/?a=1&b)."),
        ("<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_page_becomes_the_markdown_that_it_shows(html, markdown):
    assert read(html) == markdown


@pytest.mark.parametrize(
    "value",
    [
        "a < b and b > c",
        "<div>What does this do?</div>",
        "<p>Hello</p>",
        f"What is {OPEN}<p>this</p></div>?",
        f"{OPEN}<p>never closed",
        '<div class="markdown-body"><p>mine</p></div>',
        '```html\n<div class="markdown prose"></div>\n```',
        "&lt;b&gt; &amp;",
    ],
)  # fmt: skip
def test_a_value_that_is_no_page_stays_as_it_is(value):
    assert without_html(value) == value


@given(st.text('<>/abpre code="&;!-\n', max_size=60))
def test_any_text_stays_and_any_broken_page_is_read(text):
    assert without_html(text) == text
    assert isinstance(read(text), str)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1),
        min_size=1,
    )
)
def test_no_word_of_a_page_is_lost_or_altered(words):
    escaped = [word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for word in words]
    assert read("".join(f"<p>{word}</p>" for word in escaped)) == "\n\n".join(words)


def test_sharegpt_reads_pages_and_plain_values_alike():
    record = {
        "conversations": [
            {"from": "human", "value": "Is 1 < 2?"},
            {"from": "gpt", "value": f"{OPEN}<p>Yes: 1 &lt; 2.</p></div>"},
        ]
    }
    assert [message.content for message in FORMATS["sharegpt"](record).messages] == [
        "Is 1 < 2?",
        "Yes: 1 < 2.",
    ]
