"""What readers of a page can read of a description: the text that its Markdown becomes there.

The page shows tags, comments and what pictures are called as text. It shows no address of a link
that has words, no titles, no definitions of links, and neither cells beyond a table's columns nor
what is nested too deeply. Struck words are taken for taken back.
"""

from __future__ import annotations

import functools
import itertools
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from panel.text import clean, seen

BARRIER = "\0"  # stands where a text is not shown as it is written
LATER = 100  # numbers of a list from which on they count as the page counts them

_BULLET = re.compile(r"^([ \t]*)[•‣▪◦](?=[ \t])", re.MULTILINE)  # as word processors write it
_FENCE = re.compile(r"^ {0,3}(?:```|~~~).*?(?:^ {0,3}(?:```|~~~)[`~ \t]*$|\Z)", re.M | re.S)
_PARAGRAPHS = re.compile(r"(\n[ \t]*\n)")
# Signs without which a paragraph is shown as it is written, but for emphasis and the like: of
# links, fences and struck words, entities and addresses.
_SIGNS = ("](", "][", "]:", "```", "~~")
_NAMED = re.compile(r"&(?:\#\w{1,8}|[a-z]\w{1,31});|<[a-z][a-z0-9+.-]{1,31}:", re.I)
# Long numbers of a list, and a quotation whose sign might be read as "more than".
_LINE = re.compile(r"^[ \t>]*\d{3,9}[.)][ \t]|^[ \t]*>(?![ \t]*[^\W\d_])", re.M)
# Lists and quotations that may be nested too deeply, behind which no more may be shown at all.
_INDENTED = (" " * 10, "\t\t", "\t ")
_NESTED = re.compile(r"^[ \t]*(?:(?:>[ \t]*|(?:[-*+•‣▪◦]|\d{1,9}[.)])[ \t]+)){3}", re.M)


@dataclass(slots=True)
class PageText:
    """The text of a page, and where in its source each piece of it stands.

    parsed: no signs of Markdown are left in it.
    """

    text: str = ""
    parsed: bool = False
    _pieces: list[str] = field(default_factory=list)
    _size: int = 0
    _shown: array[int] = field(default_factory=lambda: array("I"))
    _begins: array[int] = field(default_factory=lambda: array("I"))
    _ends: array[int] = field(default_factory=lambda: array("I"))

    def add(self, piece: str, begin: int, end: int) -> None:
        """Add a piece that stands between two places of the source."""
        if piece:
            self._shown.append(self._size)
            self._begins.append(begin)
            self._ends.append(max(begin, end))
            self._pieces.append(piece)
            self._size += len(piece)

    def add_plain(self, text: str, begin: int, end: int) -> None:
        """Add what stands between two places of a text that is no Markdown."""
        for first, last in seen(text, begin, end):
            self.add(text[first:last], first, last)

    def done(self) -> PageText:
        """Return the same with its text."""
        self.text, self._pieces = "".join(self._pieces), []
        return self

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the source of a piece of the text that is not empty."""
        if not self._shown:
            return start, end
        first, last = self._source(start), self._source(end - 1)
        return first[0], max(first[0] + 1, last[1])

    def _source(self, place: int) -> tuple[int, int]:
        """Return where the sign at a place begins and ends; of an entity, all of it."""
        at = bisect_right(self._shown, place) - 1
        begin, end, inside = self._begins[at], self._ends[at], place - self._shown[at]
        following = self._shown[at + 1] if at + 1 < len(self._shown) else self._size
        if end - begin == following - self._shown[at]:
            return begin + inside, begin + inside + 1
        return begin, end


@functools.lru_cache(maxsize=1024)
def as_written(text: str) -> str:
    """Return what of a Markdown text is surely shown as it is written, the rest as a BARRIER."""
    if any(map(text.__contains__, _INDENTED)) or _NESTED.search(text) or text != clean(text):
        return BARRIER
    if not _is_odd(text):
        return text
    parts = _PARAGRAPHS.split(text)
    return "".join(f" {BARRIER} " if _is_odd(part) else part for part in parts)


def _is_odd(text: str) -> bool:
    """Whether a text might not be shown as it is written."""
    named = ("&" in text or "<" in text) and _NAMED.search(text)
    if named or any(map(text.__contains__, _SIGNS)) or _LINE.search(text):
        return True
    return "|" in text and not all(map(_is_even_table, _PARAGRAPHS.split(text)))


def _is_even_table(text: str) -> bool:
    """Whether a paragraph is a table, if at all, that surely shows all its cells."""
    rows = [line.strip() for line in text.strip().split("\n")]
    return "|" not in text or (
        "\\|" not in text
        and len({row.count("|") for row in rows}) == 1
        and all(row.startswith("|") and row.endswith("|") for row in rows)
    )


def page_text(text: str, begin: int, end: int) -> PageText:
    """Return a text as a page shows it, of which what stands between two places is Markdown."""
    markdown = text[begin:end]
    if BARRIER not in as_written(markdown) and text == clean(text):
        return PageText(text)
    made = PageText(parsed=True)
    made.add_plain(text, 0, begin)
    cleaned = clean(markdown)
    kept: Sequence[int] = range(begin, end + 1)
    if len(cleaned) < len(markdown):
        kept = [at for span in seen(text, begin, end) for at in range(*span)] + [end]
    for piece, first, last in _pieces(cleaned):
        begins, ends = (kept[min(place, len(cleaned))] for place in (first, last))
        made.add(clean(piece), begins, ends)  # an entity may stand for a control
    made.add("\n\n", end, end)
    made.add_plain(text, end, len(text))
    return made.done()


def markdown_parser() -> MarkdownIt:
    """Return the parser by which all pages show Markdown."""
    return MarkdownIt("commonmark", {"html": False, "breaks": False}).enable(
        ["table", "strikethrough"]
    )


def with_bullets(text: str) -> str:
    """Write the bullets of word processors as Markdown's, but not in code; lengths stay."""
    made, at = [], 0
    for fence in _FENCE.finditer(text):
        made += [_BULLET.sub(r"\1-", text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*made, _BULLET.sub(r"\1-", text[at:])])


def show_empty_links(inline: Token) -> None:
    """Let a link without words show its address."""
    shown: list[Token] = []
    address, words = "", False
    for child in inline.children or ():
        if child.type == "link_open":  # no link is inside another
            address, words = str(child.attrs.get("href", "")), False
        elif child.type == "link_close" and not words:
            shown.append(Token("text", "", 0, content=address))
        else:
            words = words or bool(child.content.strip())
        shown.append(child)
    inline.children = shown


Rule = Callable[[StateInline, bool], bool]


@functools.cache
def _locating_parser() -> MarkdownIt:
    """Return the parser of pages, which notes here where the signs end that it has read."""
    parser = markdown_parser().disable(["text_join", "fragments_join"])
    rules = parser.inline.ruler
    for name, rule in zip(rules.get_active_rules(), rules.getRules(""), strict=True):
        if name != "text":
            rules.at(name, _noting(rule))
    return parser


def _noting(rule: Rule) -> Rule:
    def noting(state: StateInline, silent: bool) -> bool:
        before = len(state.tokens)
        found = rule(state, silent)
        if len(state.tokens) > before:
            state.tokens[-1].meta["end"] = state.pos
        return found

    return noting


Piece = tuple[str, int, int]  # of the page's text, and from where to where it stands in the source


@dataclass(slots=True)
class _Source:
    """The lines of a text, and where each begins; the end of the text comes last."""

    lines: list[str]
    starts: list[int]

    @classmethod
    def of(cls, text: str) -> _Source:
        lines = text.split("\n")
        starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
        return cls(lines, [*starts[:-1], len(text)])

    def place(self, number: int, shown: str) -> int:
        """Return where in a line its end is that is shown."""
        line = self.lines[number].rstrip()
        shown = shown.rstrip()
        inside = len(line) - len(shown) if line.endswith(shown) else line.rfind(shown.lstrip())
        return self.starts[number] + max(0, inside)


def _pieces(text: str) -> Iterator[Piece]:
    """Yield the text of a page piece by piece."""
    source = _Source.of(text)
    counts: list[tuple[int, int]] = []  # of each numbered list that is open: its first, the next
    row = -1  # where in a row of a table the next cell stands, if in one
    for token in _locating_parser().parse(with_bullets(text)):
        first, last = token.map or (0, 0)
        begin, end = source.starts[first], source.starts[last]
        if token.type == "ordered_list_open":
            counts.append((int(token.attrs.get("start", 1)),) * 2)
        elif token.type == "ordered_list_close":
            counts.pop()
        elif token.type == "list_item_open":
            sign = "-"
            if token.info:
                start, number = counts.pop()
                counts.append((start, number + 1))
                written = int(token.info)
                sign = f"{written if written < LATER or written == start else number}."
            yield f"{sign} ", begin, begin
        elif token.type in ("fence", "code_block"):
            yield from _code(token, source)
            yield "\n", end, end
        elif token.type == "tr_open":
            row = begin
        elif token.type == "tr_close":
            row = -1
            yield "\n", end, end
        elif token.type == "inline" and row >= 0:
            places, row = _cell(token.content, row, text)
            yield from _inline(token, places)
            yield "\t", row, row
        elif token.type == "inline":
            yield from _inline(token, _Places.of(token.content, first, source))
            yield "\n\n", end, end


def _code(token: Token, source: _Source) -> Iterator[Piece]:
    first = (token.map or [0])[0] + (token.type == "fence")
    for number, line in enumerate(token.content.split("\n")[:-1], first):
        place = source.place(number, line)
        yield f"{line}\n", place, place + len(line) + 1


@dataclass(slots=True)
class _Places:
    """Where the pieces of a paragraph begin in it, and where these stand in the source."""

    begins: list[int]
    stand: list[int]

    @classmethod
    def of(cls, content: str, first: int, source: _Source) -> _Places:
        lines = content.split("\n")
        begins = [0, *itertools.accumulate(len(line) + 1 for line in lines)][: len(lines)]
        return cls(begins, [source.place(first + at, line) for at, line in enumerate(lines)])

    def of_source(self, shown: str, begin: int, end: int) -> Iterator[Piece]:
        """Yield what is shown of a piece of the paragraph, cut where that is in the source."""
        at = bisect_right(self.begins, begin) - 1
        while shown:
            first = self.stand[at] + begin - self.begins[at]
            cut = self.begins[at + 1] if at + 1 < len(self.begins) else end
            size = cut - begin if cut < end and len(shown) == end - begin else len(shown)
            yield shown[:size], first, first + min(cut, end) - begin
            shown, begin, at = shown[size:], cut, at + 1


def _cell(content: str, begin: int, text: str) -> tuple[_Places, int]:
    """Return the places of a table's cell, where bars are written with a backslash; its end."""
    parts = content.split("|")
    written = "\\|".join(parts)
    stands = max(begin, text.find(written, begin, begin + len(text)))
    begins, stand, inside = list[int](), list[int](), 0
    for number, part in enumerate(parts):
        begins.append(inside)
        stand.append(stands + inside + number)
        inside += len(part) + 1
    return _Places(begins, stand), stands + len(written)


def _inline(inline: Token, places: _Places) -> Iterator[Piece]:
    """Yield what is shown of a paragraph, a heading or a cell."""
    show_empty_links(inline)
    at, struck = 0, 0  # where the next sign stands that is read; how many lines go through it
    for token in inline.children or ():
        end = int(token.meta.get("end", at + len(token.content)))
        inside = 0  # before what is shown
        if token.type == "code_inline":
            inside = (end - at - len(token.content)) // 2
        elif token.type == "image":
            inside = 2
        struck += {"s_open": 1, "s_close": -1}.get(token.type, 0)
        shown = token.content
        if token.type in ("softbreak", "hardbreak"):
            shown = "\n"
        elif token.type == "s_close":
            shown = " "
        if shown and not struck:
            whole = len(shown) if token.type in ("code_inline", "image") else end - at
            yield from places.of_source(shown, at + inside, at + inside + whole)
        at = end
