"""Texts prepared for display: marked passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]


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


def word_count(text: str) -> int:
    """Count the words of a text, which blanks separate; the page's script counts the same."""
    return len(text.split())
