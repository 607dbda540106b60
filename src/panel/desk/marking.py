"""Marks passages of a description in its rendered Markdown.

The ends of a passage are put into the source as private characters, which the rendering leaves
where they are, and become marks in its text afterwards. Where they would change what is rendered
(within the signs of Markdown, or in an address) they move inwards to the next letters.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from panel.desk.diffing import Span
from panel.site.markdown import render_markdown

PRIVATE = range(0xF0000, 0xFFFFD)  # characters that mean nothing to anybody
_TAG = re.compile(r"(<[^<>]*>)")
_LINE_BEGINS = re.compile(r"[ \t]*(?:>[ \t]?)*(?:(?:[-*+•‣▪◦]|\d{1,9}[.)]|#{1,6})[ \t]+)?")


@dataclass(frozen=True, slots=True)
class MarkedDescription:
    """A description as HTML, and the names of the marks that have no place in it."""

    html: Markup
    unplaced: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Mark:
    """A passage with the two characters that stand for its ends."""

    name: str
    span: Span
    opens: str
    closes: str


def mark_description(
    text: str, marked: Sequence[tuple[Span, str]], below: int = 2
) -> MarkedDescription:
    """Return a text rendered, with each passage (span, name) marked.

    below: the level of the heading that the text stands under. The first mark of a passage has
    its name as id.
    """
    plain = str(render_markdown(text, below))
    free = (chr(code) for code in PRIVATE if chr(code) not in text)
    exact = [
        _Mark(name, span, next(free), next(free))
        for span, name in marked
        if 0 <= span[0] < span[1] <= len(text)
    ]
    inward = [
        _Mark(each.name, _inwards(text, each.span), each.opens, each.closes) for each in exact
    ]
    placed = exact
    if not _holds(text, plain, exact, below):
        placed = []
        for choices in zip(exact, inward, strict=True):
            fit = (each for each in choices if _holds(text, plain, [*placed, each], below))
            placed += itertools.islice(fit, 1)
    html, shown = _with_marks(_with_ends(text, placed, below), placed)
    return MarkedDescription(html, frozenset(name for _span, name in marked) - shown)


def _inwards(text: str, span: Span) -> Span:
    """Return a span without the signs at its ends, and without the sign of a list or heading."""
    begin, end = span
    line = _LINE_BEGINS.match(text, text.rfind("\n", 0, begin) + 1)
    begin = max(begin, line.end() if line else begin)
    while begin < end and not text[begin].isalnum():
        begin += 1
    while begin < end and not text[end - 1].isalnum():
        end -= 1
    return begin, end


def _with_ends(text: str, marks: Iterable[_Mark], below: int) -> str:
    """Return a text rendered with the ends of passages in it."""
    ends = [(each.span[0], 1, each.opens) for each in marks]
    ends += [(each.span[1], 0, each.closes) for each in marks]
    parts, at = [], 0
    for place, _kind, sign in sorted(ends):
        parts += [text[at:place], sign]
        at = place
    return str(render_markdown("".join([*parts, text[at:]]), below))


def _holds(text: str, plain: str, marks: Sequence[_Mark], below: int) -> bool:
    """Whether all ends are in the text that is rendered, and nothing else has changed by them."""
    made = _with_ends(text, marks, below)
    for each in marks:
        if each.span[0] >= each.span[1] or not -1 < made.find(each.opens) < made.find(each.closes):
            return False
    gone = str.maketrans("", "", "".join(each.opens + each.closes for each in marks))
    return made.translate(gone) == plain


def _with_marks(made: str, marks: Sequence[_Mark]) -> tuple[Markup, frozenset[str]]:
    """Return HTML with marks in place of ends, and the names of those that can be seen."""
    opens = {each.opens: each.name for each in marks}
    closes = {each.closes: each.name for each in marks}
    signs = re.compile("([" + "".join([*opens, *closes]) + "])") if marks else None
    active: list[str] = []
    shown: set[str] = set()
    parts: list[str] = []
    for piece in _TAG.split(made):
        if piece.startswith("<"):
            parts.append(piece)
            continue
        for run in signs.split(piece) if signs else [piece]:
            if run in opens:
                active.append(opens[run])
            elif run in closes:
                active.remove(closes[run])
            elif active and run.strip():
                parts += _mark(run, [name for name in active if name not in shown])
                shown.update(active)
            else:
                parts.append(run)
    return Markup("".join(parts)), frozenset(shown)  # noqa: S704 - cleaned HTML, names of ours


def _mark(run: str, begun: Sequence[str]) -> Iterator[str]:
    yield (
        f'<mark class="evidence" id="{begun[0]}" tabindex="-1">'
        if begun
        else ('<mark class="evidence">')
    )
    yield from (f'<span id="{name}"></span>' for name in begun[1:])
    yield f"{run}</mark>"
