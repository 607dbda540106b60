"""The sentences of a description: what a model that cannot be trusted with words picks from.

Each of them stands in the description word for word, as the check of quotes understands that:
without the marks of Markdown and HTML, and over the ends of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, TypeVar

from panel.text import UNREAD, legible, one_line, sentence_ends, shortened
from panel.workspace.personas import Beat, Persona
from panel.workspace.reading import Reading, page_reading, quoted
from panel.workspace.tools import Tool

MOST = 64  # sentences of one description; services bound the choices of a schema
LEAST_WORDS = 3  # of a sentence, or of as many characters in a script without blanks
LONGEST = 300  # characters; a longer sentence is cut, and shows that it is
LABEL = 60  # characters of a beat's label

T = TypeVar("T")
Kind = Literal["head", "columns", "text", "item"]  # of a block; a row of a table is an item

_FENCE = re.compile(r"\s*(```|~~~)")
_RULE = re.compile(r"[\s|:=*_-]+")  # under a heading or a table's head, or between parts
_ITEM = re.compile(r"\s*(?:[-*+•–]|\(?\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?")
_QUOTED = re.compile(r"\s{0,3}(?:>\s?)+")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_ADDRESS_OF = re.compile(r"\s{0,3}\[[^\]]+\]:\s*\S")  # of a link, at the end of a page
_BLOCK = re.compile(  # tags that end a line; others stand within one
    r"</?(?:p|br|hr|div|li|ul|ol|dl|dt|dd|td|th|tr|table|h[1-6]|pre|blockquote|section|article"
    r"|header|footer|details|summary)\b[^<>]{0,300}>",
    re.I,
)
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\](?:\([^()\s]{0,500}(?: \"[^\"]{0,100}\")?\))")
_BEFORE_MARK = re.compile(r"(?<=\S)\s(?=[.,)\]](?:\s|$))")  # where a tag stood
_WORD = re.compile(r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+")
_CLAUSE_MARKS = ";:—–,、，；："
_CUT = re.compile(r"[;:—–,、，；：]\s*|\s+|(?<=[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff])")
_DENIAL = re.compile(r"\b(?:not|no|never|nor|without|cannot|\w+n['’]t)\b(?!-)", re.I)
_DENIES = re.compile(r"\b(?:not|no|non|never|nor|without|cannot|hardly|\w+n['’]t)[^\w.!?]*$", re.I)


@lru_cache(maxsize=256)  # every persona picks from the same ones
def passages(description: str) -> tuple[str, ...]:
    """Return the sentences of a description in order, each once, MOST of them at most.

    Headings, code and the heads of tables are none; an item of a list and a row of a table are,
    but not where they stand under a "not", as after "It does not:", and would say the opposite.
    Of a sentence that is longer than LONGEST, each piece shows that it is one by an ellipsis.
    Where there are more than MOST, those returned are spread over the whole text. Empty where
    no line has LEAST_WORDS words.
    """
    found: dict[str, str] = {}
    denied = False  # whether what is listed stands under a "not"
    before = ""
    for kind, block in _blocks(description):
        start = 0
        inside = kind in ("item", "columns")  # a list or a table
        passed_over = kind in ("head", "columns") or (denied and inside)
        for end in () if passed_over else (*sentence_ends(block), len(block)):
            sentence = block[start:end].strip()
            for piece in () if _DENIES.search(before) else _pieces(sentence):
                words = _WORD.findall(piece.casefold())
                if len(words) >= LEAST_WORDS and not _DENIES.search(piece.rstrip(" …")):
                    found.setdefault(" ".join(words), piece)
            start, before = end, sentence or before
        leads = kind == "head" or block.endswith((":", "：")) or _DENIES.search(block)
        denied = bool(leads and _DENIAL.search(block)) or (denied and inside)
        before = block if passed_over else before
    source = page_reading(description)
    return tuple(_spread([each for each in found.values() if _stands(each, source)], MOST))


def lines_of(tool: Tool, least: int) -> tuple[str, ...]:
    """Return what may be picked of a tool: its sentences, at least so many lines where it has them.

    A description of fewer sentences is followed by its other fields, as reviewers are shown them.
    """
    found = passages(tool.description)
    if len(found) < least:
        plans = (f"{plan.name}, {plan.price}" for plan in tool.pricing.plans)
        fields = (tool.tagline, *plans, tool.pricing.entry, tool.category, tool.name)
        lines = (line for line in map(one_line, fields) if _WORD.search(line))
        found = tuple(dict.fromkeys((*found, *lines)))[:least]
    return found or (tool.name,)


def choices(persona: Persona, tool: Tool) -> dict[str, tuple[str, ...]]:
    """Return what each field of a verdict may say where a model only picks: field → sentences.

    A quote is any of them. Each beat has a part of the description to itself, so that no take says
    anything twice (but where the tool's whole record has fewer lines than the persona has beats).
    """
    beats = persona.beats
    lines = lines_of(tool, len(beats))
    found = {"evidence": lines}
    for place, beat in enumerate(beats):
        first = place * len(lines) // len(beats)
        last = max(first + 1, (place + 1) * len(lines) // len(beats))
        found[beat.id] = lines[first:last]
    return found


def under_label(beat: Beat, sentence: str) -> str:
    """Return a picked sentence as its beat says it: the vendor's words in quotation marks."""
    return f"{shortened(one_line(beat.label), LABEL)}: “{sentence}”"


def picked(text: str) -> str:
    """Return the sentence of what ``under_label`` made."""
    return text.partition(": “")[2].removesuffix("”")


def _stands(piece: str, source: Reading) -> bool:
    """Whether the page has a piece word for word, and no "not" before it.

    A stray mark may join two words, an empty heading stand behind a "not", and readers may not
    see what is written.
    """
    found = source.find(quoted(piece)[-1])
    return found is not None and not source.denied(found)


def _spread(items: Sequence[T], most: int) -> list[T]:
    many = min(len(items), most)
    return [items[place * len(items) // many] for place in range(many)]


def _blocks(text: str) -> Iterator[tuple[Kind, str]]:
    """Yield headings, paragraphs, items and rows as plain text, each on one line."""
    text = _BLOCK.sub("\n\n", UNREAD.sub("\n\n", text))
    block: list[str] = []  # lines of a paragraph or an item; a row alone
    kind: Kind = "text"
    rows = 0  # of a table, so far
    fenced = quoted = False
    for line in (*text.split("\n"), ""):
        if _FENCE.match(line):
            fenced = not fenced
            if block:
                yield kind, _plain(" ".join(block))
                block = []
        if fenced or _FENCE.match(line) or _ADDRESS_OF.match(line):
            continue
        if mark := _QUOTED.match(line):
            line = line[mark.end() :]  # noqa: PLW2901 - without the mark of a quotation
        begins, quoted = mark and not quoted, bool(mark)
        item, row = _ITEM.match(line), line.count("|") > 1
        rule = line.strip() and _RULE.fullmatch(line)
        if rule and len(block) == 1 and rows < 2:
            kind = "columns" if rows else "head"
        heading = _HEADING.match(line)
        ends = not line.strip() or rule or heading
        if block and (ends or item or row or rows or begins):
            yield kind, _plain(" ".join(block))
            block = []
        if heading:
            yield "head", _plain(line[heading.end() :])
        if not ends:
            kind = kind if block else "item" if item or row else "text"
            block.append(line[item.end() :] if item else ", ".join(_cells(line)) if row else line)
        if not rule:
            rows = rows + 1 if row else 0


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|") if cell.strip()]


def _plain(text: str) -> str:
    return _BEFORE_MARK.sub("", legible(_LINK.sub(r"\1", text)))


def _pieces(sentence: str) -> Iterator[str]:
    """Yield a sentence, or the pieces of one that is too long."""
    begun = denied = False
    while len(sentence) > LONGEST:
        cuts = [cut.end() for cut in _CUT.finditer(sentence, 0, LONGEST)]
        marks = [cut for cut in cuts if sentence[:cut].rstrip()[-1:] in _CLAUSE_MARKS]
        cut = max((each for each in marks if each > LONGEST // 3), default=max(cuts, default=0))
        if cut:
            piece, sentence = sentence[:cut].strip(), sentence[cut:].strip()
            if not denied:
                yield f"… {piece} …" if begun else f"{piece} …"
            denied = bool(_DENIES.search(piece))  # the next would say the opposite by itself
        else:  # one long word, such as an address
            sentence = sentence.partition(" ")[2]
        begun = True
    if sentence and not denied:
        yield f"… {sentence}" if begun else sentence
