"""Markdown of vendors and editors becomes HTML that can do nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.site.markdown import render_markdown

PIECES = ["<script>", "</p>", "<img src=x onerror=y>", "[a](", "javascript:", "data:text/html,"]
PIECES += [")", "![", "](https://e.example/p.png)", "|a|b|\n|-|-|\n", "```\n", "# ", "- ", "\n\n"]
PIECES += ["'", '"', "onclick=", "\u202e", "\0", "<https://a.example>", "**", "> ", "1. ", "&lt;"]


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=20).map("".join))
def test_no_text_makes_a_page_run_or_load_anything(text: str) -> None:
    """Whatever is written, no tag that acts, no handler, no address but http(s) comes out."""
    seen = _Seen()
    seen.feed(render_markdown(text))
    assert not seen.tags & {"script", "img", "iframe", "style", "form", "input", "svg", "object"}
    for name, value in seen.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "style", "id")
        if name == "href":
            assert re.match("https?:", value or "")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("# A\n\nb", "<h3>A</h3>\n<p>b</p>\n"),
        ("![A chart](https://e.example/p.png)", "<p>A chart</p>\n"),
        ("a *b* `c`", "<p>a <em>b</em> <code>c</code></p>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("a\u202eb &#8238;c&#x2066;d", "<p>ab cd</p>\n"),
    ],
)
def test_plain_markdown_is_rendered(text: str, made: str) -> None:
    """Headings go below the page's own, pictures are named, HTML is shown as it was written.

    What would reorder the text is left out, also where an entity stands for it.
    """
    assert render_markdown(text) == made


def test_links_leave_without_a_recommendation() -> None:
    """A link says that the site does not vouch for it."""
    assert 'rel="nofollow noopener ugc"' in render_markdown("[a](https://a.example)")


@pytest.mark.slow
def test_a_text_of_nothing_but_links_costs_no_more_than_its_length() -> None:
    """Ten thousand links without words in one paragraph each show their address."""
    links = 10_000
    made = render_markdown("[](https://a.example)" * links)
    assert made.count(">https://a.example</a>") == links
