"""Renders the Markdown that vendors and editors write to HTML that can do nothing.

Raw HTML is shown as text, pictures are named and not loaded, links leave with ``nofollow``. What
markdown-it makes then passes an allow list of its own (nh3).
"""

from __future__ import annotations

import functools
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from panel.text import clean

LOWEST = 6  # the deepest heading that HTML has
_TAGS = {
    "p",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "pre",
    "code",
    "blockquote",
    "hr",
    "br",
}
_TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s", "a", "div"}
_ATTRIBUTES = {
    "a": {"href"},
    "ol": {"start"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "pre": {"tabindex"},
}


def render_markdown(text: str, below: int = 2) -> Markup:
    """Return a text as HTML. below: the level of the heading that it stands under."""
    tokens = _parser().parse(clean(text))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + below, LOWEST)}"
    made = _parser().renderer.render(tokens, _parser().options, {})
    return Markup(  # noqa: S704 - nh3 leaves nothing but the tags above
        nh3.clean(
            made,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            url_schemes={"http", "https"},
            link_rel="nofollow noopener ugc",
        )
    )


@functools.cache  # of the process; it keeps nothing of a text
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": False}).enable(
        ["table", "strikethrough"]
    )
    renderer: Any = parser.renderer
    rules = renderer.rules
    rules["image"] = _named_picture
    rules["table_open"] = lambda *_: (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>'
    )
    rules["table_close"] = lambda *_: "</table></div>"
    return parser


def _named_picture(tokens: Any, at: int, _options: Any, _env: Any) -> str:
    """Say what a picture shows: none is loaded from elsewhere."""
    said = str(tokens[at].content)
    return str(Markup.escape(said))
