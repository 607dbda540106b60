"""Renders the Markdown that vendors and editors write to HTML that can do nothing.

Raw HTML is shown as text, pictures are named and not loaded, links leave with ``nofollow`` and
lead to web addresses alone. What markdown-it makes then passes an allow list of its own (nh3).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from panel.text import clean, shortened
from panel.workspace.page_text import markdown_parser, show_empty_links, with_bullets

LOWEST = 6  # the deepest heading that HTML has
LEAD = 1_500  # bytes of HTML at the beginning of a description that are not folded
TAG = 30  # bytes of HTML, at most, that one character of Markdown makes, but for tables
PLAIN = 2_000  # characters of one block that is too long for its page, as plain text
_TAGS = {"p", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "blockquote", "hr"}
_TAGS |= {"br", "em", "strong", "s", "a", "div", "table", "thead", "tbody", "tr", "th", "td"}
_ATTRIBUTES = {
    "a": {"href"},
    "ol": {"start"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "pre": {"tabindex", "role", "aria-label"},
}
_ELSEWHERE = re.compile(r"https?://[^\s/\\]")  # what a link may lead to: no page of this site


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as HTML in two parts: what is open, and what is folded away.

    cut: more would have followed, and is on a page of its own.
    """

    start: Markup
    rest: Markup
    cut: bool


def render_markdown(text: str, below: int = 2) -> Markup:
    """Return a text as HTML. below: the level of the heading that it stands under."""
    return Markup().join(_blocks(text, below))


def folded(text: str, below: int = 2, most: int | None = None) -> Folded:
    """Return a text as HTML, long ones folded after their first blocks.

    most: bytes of HTML; the blocks that do not fit are left out.
    """
    blocks = _blocks(text, below)
    sizes = [len(block.encode("utf-8", "replace")) for block in blocks]
    if most is not None and blocks and sizes[0] > most:
        return Folded(Markup("<p>{}</p>\n").format(shortened(clean(text), PLAIN)), Markup(), True)
    start, used = 0, 0
    while start < len(blocks) and (not start or used + sizes[start] <= LEAD):
        used += sizes[start]
        start += 1
    if sum(sizes[start:]) < LEAD // 3:  # not worth a fold
        start = len(blocks)
    end = start
    while end < len(blocks) and (most is None or used + sizes[end] <= most):
        used += sizes[end]
        end += 1
    return Folded(
        Markup().join(blocks[:start]), Markup().join(blocks[start:end]), end < len(blocks)
    )


def fits_surely(text: str, most: int) -> bool:
    """Whether a text's HTML has at most so many bytes; False where only rendering would tell."""
    tags = TAG * sum(map(text.count, "\n&<>|*_`#-+[]~\"'\t"))
    return "|" not in text and len(text.encode("utf-8", "replace")) + tags <= most


@functools.lru_cache(maxsize=64)  # a tool's page and its comparisons have the same text
def _blocks(text: str, below: int) -> tuple[Markup, ...]:
    """Return a text's blocks (a paragraph, a list, a table, ...), each as HTML."""
    tokens = _parser().parse(with_bullets(clean(text)))
    _set_headings(tokens, below)
    for at, token in enumerate(tokens):
        if token.type == "inline":
            show_empty_links(token)
        if token.type == "th_open" and not _words(tokens[at + 1]):
            token.tag = tokens[at + 2].tag = "td"
    renderer, options = _parser().renderer, _parser().options
    made = (renderer.render(block, options, {}) for block in _grouped(tokens))
    # Cleaned once more: entities may stand for controls.
    return tuple(Markup(clean(_allowed(block))) for block in made)  # noqa: S704 - by nh3


def _allowed(made: str) -> str:
    return nh3.clean(
        made,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=lambda tag, name, value: (
            None if (tag, name) == ("a", "href") and not _ELSEWHERE.match(value) else value
        ),
        url_schemes={"http", "https"},
        link_rel="nofollow noopener ugc",
    )


def _grouped(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Cut a text's tokens into its blocks."""
    depth = begin = 0
    for at, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[begin : at + 1]
            begin = at + 1


def _set_headings(tokens: list[Token], below: int) -> None:
    """Put headings below that of the page, without a level left out; empty ones go."""
    levels: list[int] = []
    for at, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        level = int(token.tag[1:])
        levels = [each for each in levels if each < level] + [level]
        tag = f"h{min(below + len(levels), LOWEST)}" if _words(tokens[at + 1]) else "p"
        token.tag = tokens[at + 2].tag = tag
        if tag == "p":
            levels.pop()


def _words(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ()).strip()


@functools.cache  # of the process; it keeps nothing of a text
def _parser() -> MarkdownIt:
    parser = markdown_parser()
    renderer: Any = parser.renderer
    rules = renderer.rules
    rules["image"] = _named_picture
    rules["fence"] = rules["code_block"] = _code
    rules["table_open"] = lambda *_: (
        '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'
    )
    rules["table_close"] = lambda *_: "</table></div>"
    return parser


def _named_picture(tokens: Any, at: int, _options: Any, _env: Any) -> str:
    """Say what a picture shows: none is loaded from elsewhere."""
    said = str(tokens[at].content)
    return str(Markup.escape(said))


def _code(tokens: Any, at: int, _options: Any, _env: Any) -> str:
    """Let long lines be reached by keyboard, since they scroll."""
    said = str(Markup.escape(tokens[at].content))
    return f'<pre tabindex="0" role="group" aria-label="Code"><code>{said}</code></pre>\n'
