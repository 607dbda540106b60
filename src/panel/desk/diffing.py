"""Texts prepared for display: marked passages, and the difference between two wordings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Span = tuple[int, int]
CONTEXT = 24  # words that are shown on each side of a change
MOST_EXACT = 1500  # words up to which the difference is computed exactly


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text and the names of its marks, in the order in which they begin."""

    text: str
    marks: tuple[str, ...] = ()


def pieces(text: str, marked: Sequence[tuple[Span, str]]) -> list[Piece]:
    """Cut a text at the edges of marks (span, name). The joined pieces are the text.

    Spans are cut to the text; empty ones are ignored. Marks that overlap or touch make one piece,
    so that no sign of a mark stands within a word.
    """
    found: list[Piece] = []
    at = 0
    for (start, end), names in _joined(text, marked):
        found += [Piece(text[at:start])] if at < start else []
        found.append(Piece(text[start:end], tuple(names)))
        at = end
    return [*found, Piece(text[at:])] if at < len(text) or not found else found


def inside(text: str, span: Span | None) -> Span | None:
    """Return a span cut to a text; None where nothing of it is left."""
    start, end = span or (0, 0)
    cut = (max(0, start), min(len(text), end))
    return cut if cut[0] < cut[1] else None


def _joined(text: str, marked: Sequence[tuple[Span, str]]) -> list[tuple[Span, list[str]]]:
    """Return the spans that marks cover, in order, each with the names of its marks."""
    joined: list[tuple[Span, list[str]]] = []
    cut = [(span, name) for whole, name in marked if (span := inside(text, whole))]
    for (start, end), name in sorted(cut, key=lambda each: each[0]):
        if joined and start <= joined[-1][0][1]:
            (begin, last), names = joined.pop()
            joined.append(((begin, max(last, end)), [*names, name]))
        else:
            joined.append(((start, end), [name]))
    return joined


@dataclass(frozen=True, slots=True)
class WordChange:
    """A run of words that is in both wordings, only in the old, or only in the new."""

    kind: Literal["same", "gone", "new"]
    text: str


def word_changes(old: str, new: str) -> list[WordChange]:
    """Return the changes from one wording to another, word by word."""
    before, after = re.findall(r"\S+\s*|\s+", old), re.findall(r"\S+\s*|\s+", new)
    matcher = difflib.SequenceMatcher(
        None,
        [word.strip() for word in before],
        [word.strip() for word in after],
        autojunk=max(len(before), len(after)) > MOST_EXACT,
    )
    changes: list[WordChange] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            changes.append(WordChange("same", "".join(after[k:m])))
            continue
        if i < j:
            # The new wording may end where the old one had a blank before its next word.
            apart = changes and changes[-1].kind == "same" and not changes[-1].text[-1:].isspace()
            changes.append(WordChange("gone", " " * bool(apart) + "".join(before[i:j])))
        if k < m:
            changes.append(WordChange("new", "".join(after[k:m])))
    return changes


def folded(changes: Sequence[WordChange], kept: int = CONTEXT) -> list[WordChange]:
    """Leave out the middle of long runs that are in both wordings; " […] " stands for it."""
    shown: list[WordChange] = []
    for number, change in enumerate(changes):
        words = re.findall(r"\S+\s*|^\s+", change.text)
        if change.kind != "same" or len(words) <= 3 * kept:
            shown.append(change)
            continue
        before = "".join(words[:kept]) if number else ""
        after = "".join(words[-kept:]) if number + 1 < len(changes) else ""
        shown.append(WordChange("same", f"{before}[…] {after}" if after else f"{before}[…]"))
    return shown


def word_count(text: str) -> int:
    """Count the words of a text, which blanks separate; the page's script counts the same."""
    return len(text.split())
