"""Renders an issue as HTML with inlined styles, for mail programs, and as plain text."""

from __future__ import annotations

import functools
import re
import textwrap
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from panel.errors import UsageError
from panel.readers.digest.content import DigestContent
from panel.site.assets import colours
from panel.site.formats import has_list, interval_text, ship_share
from panel.site.markdown import render_markdown
from panel.text import clean, in_quotes

WIDTH = 72


@dataclass(frozen=True, slots=True)
class Rendered:
    """An issue as HTML and as text."""

    html: str
    text: str


def render_digest(content: DigestContent, unsubscribe: str | None) -> Rendered:
    """Render an issue; ``unsubscribe`` is the reader's own link, None for a copy without one.

    Raises UsageError when css-inline is not installed.
    """
    shown = {"content": content, "unsubscribe": unsubscribe}
    html = _environment().get_template("digest.html.j2").render(shown)
    text = _environment().get_template("digest.txt.j2").render(shown)
    lines = [line.rstrip() for line in text.splitlines()]
    return Rendered(_inlined(html), re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n")


def _inlined(html: str) -> str:
    try:
        import css_inline  # noqa: PLC0415 - an optional extra, loaded where it is needed
    except ModuleNotFoundError:
        raise UsageError(
            "'panel digest' needs css-inline, which is not installed. Install it: "
            "pip install 'reviewer-panel[site]'"
        ) from None
    # What cannot be inlined (dark mode, narrow screens) stays in a separate style element.
    return css_inline.CSSInliner(load_remote_stylesheets=False).inline(html)


def one_line(text: str) -> str:
    """Return untrusted text on one line."""
    return " ".join(clean(text).split())


def wrap(text: str, indent: str = "", first: str | None = None) -> str:
    """Wrap untrusted text at 72 columns; web addresses are never broken."""
    return textwrap.fill(
        one_line(text),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrapped_paragraphs(text: str) -> str:
    """Wrap an editor's Markdown at 72 columns, with its paragraphs and the lines of its lists."""
    parts = re.split(r"\n[ \t]*\n", clean(text))
    return "\n\n".join(
        "\n".join(wrap(line, "  " if has_list(line) else "", "") for line in part.splitlines())
        if has_list(part)
        else wrap(part)
        for part in parts
        if part.strip()
    )


def _finalize(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("panel.readers.digest"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = ship_share, interval_text, wrap, wrapped_paragraphs, one_line, render_markdown
    for each in (*filters, in_quotes):
        environment.filters[each.__name__] = each
    environment.globals["light"], environment.globals["dark"] = colours()
    return environment
