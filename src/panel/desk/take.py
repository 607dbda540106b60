"""The content of a take's page: words with findings, evidence, and what can be undone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panel.checks import Finding, locate_evidence
from panel.decisions import Decision, redoable, undoable
from panel.desk.diffing import pieces, word_changes, word_count
from panel.results.entries import Entry


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote given as evidence; ``place``: name of its mark, None if not in the description."""

    text: str
    place: str | None


def take_page(
    entry: Entry, findings: Sequence[Finding], chain: Sequence[Decision]
) -> dict[str, Any]:
    """Return the template values for a take's page."""
    published = entry.review.published
    undo, redo = undoable(chain), redoable(chain)
    beside = published is not None and (
        published.text != entry.text or entry.state != "approved" or entry.published_stale
    )
    return {
        "entry": entry,
        **describe(entry, entry.text, findings),
        "undo": undo,
        "redo": redo,
        "published": published if beside else None,
        "against_published": word_changes(published.text, entry.text)
        if published is not None and beside and entry.has_words
        else [],
        "preview": None,
    }


def describe(entry: Entry, text: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return a wording with its findings marked, and the description with their sources marked."""
    named = [(f"f{number}", each) for number, each in enumerate(findings, 1)]
    quotes = entry.answer.evidence if entry.answer else ()
    places = [(quote, locate_evidence(quote, entry.tool.description)) for quote in quotes]
    evidence = [
        Quote(quote, f"e{number}" if span else None)
        for number, (quote, span) in enumerate(places, 1)
    ]
    in_source = [(span, f"e{number}") for number, (_quote, span) in enumerate(places, 1) if span]
    in_source += [(each.source_span, f"s{name}") for name, each in named if each.source_span]
    original = entry.answer.take if entry.answer and entry.answer.take else ""
    return {
        "findings": named,
        "severities": {name: each.severity for name, each in named},
        "pieces": pieces(text, [(each.span, name) for name, each in named if each.span]),
        "description": pieces(reflowed(entry.tool.description), in_source),
        "evidence": evidence,
        "changes": [] if original == text else word_changes(original, text),
        "words": word_count(text),
    }


def reflowed(text: str) -> str:
    """Join the lines of each paragraph without moving any character, so that spans stay valid.

    Lines that begin like those of a list, a heading, a quote or a table stay lines.
    """
    return re.sub(r"(?<=[^\n])\n(?=[^\s\-*+#>|\d])", " ", text)
