"""Markdown rendered as a forge would, and what would be active in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

HEADINGS = 4  # the title and its three parts

OURS = re.compile(  # the tags that the report itself writes
    r"<!-- reviewer-panel( [\w.-]+)? -->|</details>"
    r"|<details( open)?><summary>Takes on [^<>\n]*, before and after</summary>"
)

ACTIVE = {"link_open", "image", "html_inline", "code_inline", "code_block", "fence", "s_open"}

# What GitHub makes links, mentions and pictures of in the text, after Markdown. Written from its
# documentation, not from the code under test.
LIVE = re.compile(
    r"(?i)(?:https?|ftp)://|www\.|mailto:|xmpp:|[\w.+-]+@[\w-]|@[a-z\d]|#\d|\bGH-\d"
    r"|:[a-z\d_+-]+:|\b(?=[a-f]*\d)[0-9a-f]{7,40}\b"
)


def walk(markdown: str) -> list[Token]:
    """Return every token of a rendered document, those inside lines included."""
    found = []
    for token in RENDERER.parse(markdown):
        found += [token, *(token.children or [])]
    return found


class _Text(HTMLParser):
    """Collects what a browser shows."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def visible(html: str) -> str:
    """Return the text that a browser shows of some HTML."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)


def check(markdown: str) -> str:
    """Fail where a rendered report holds anything active; returns its text as a reader sees it."""
    tokens = walk(markdown)
    active = [token for token in tokens if token.type in ACTIVE and token.content != "panel diff"]
    assert not active, active
    assert sum(token.type == "heading_open" for token in tokens) == HEADINGS
    for token in tokens:
        if token.type == "html_block":
            assert OURS.fullmatch(token.content.strip()), token.content
    text = visible(RENDERER.render(markdown))
    assert not (live := LIVE.search(text)), live
    return text
