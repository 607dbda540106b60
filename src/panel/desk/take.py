"""The content of a take's page: words with findings, evidence, and what can be undone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panel.checks import DESCRIPTION, Finding, ShownField, find_quote, shown_source
from panel.decisions import Decision, redoable, undoable
from panel.desk.diffing import Span, inside, pieces, word_count
from panel.desk.marking import mark_description
from panel.hashing import text_hash
from panel.results.entries import Entry
from panel.site.beats import lay_out
from panel.site.differences import word_changes
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote given as evidence, and where it stands.

    field: the label of the first field that holds it, None where it is nowhere. place: name of
    its mark there. published: whether readers may see it as the vendor's words. stands: what the
    source says there, where that is something else.
    """

    text: str
    field: str | None
    place: str | None
    published: bool
    stands: str | None


def wording_hash(entry: Entry) -> str:
    """Return a hash of what an editor sees of a take: its words, its quotes and its verdict."""
    ruled = (entry.verdict or "", entry.verdict_reason or "")
    return text_hash("\0".join((entry.text, *entry.evidence, *ruled)))


def take_page(
    entry: Entry, findings: Sequence[Finding], chain: Sequence[Decision]
) -> dict[str, Any]:
    """Return the template values for a take's page."""
    published = entry.review.published
    undo, redo = undoable(chain), redoable(chain)
    beside = published is not None and (
        (published.text, published.evidence) != (entry.text, entry.evidence)
        or entry.state != "approved"
        or entry.published_stale
    )
    return {
        "entry": entry,
        **describe(entry, entry.text, entry.evidence, findings),
        "undo": undo,
        "redo": next((each for each in chain if redo and each.decision_id == redo.undoes), None),
        "redo_id": redo.decision_id if redo else "",
        "published": published if beside else None,
        "against_published": word_changes(published.text, entry.text)
        if published is not None and published.text != entry.text and entry.has_words
        else [],
    }


def describe(
    entry: Entry, text: str, evidence: Sequence[str], findings: Sequence[Finding]
) -> dict[str, Any]:
    """Return a wording with its findings marked, and all that was shown with its quotes marked.

    Findings are named in the order of the text: f1, f2 and so on; those that have no place in it
    stand after these, as g1, g2.
    """
    findings = named_by_facts(findings, entry.tool)
    placed = sorted(
        (each for each in findings if inside(text, each.span)), key=lambda each: each.span or (0, 0)
    )
    rest = [each for each in findings if not inside(text, each.span)]
    named = [
        (f"{letter}{number}", each)
        for letter, some in (("f", placed), ("g", rest))
        for number, each in enumerate(some, 1)
    ]
    original = entry.answer.take if entry.answer and entry.answer.take else ""
    quotes = entry.answer.evidence if entry.answer else ()
    return {
        "findings": named,
        "severities": {name: each.severity for name, each in named},
        "pieces": pieces(text, [(each.span, name) for name, each in named if each.span]),
        **_source(entry, evidence, named),
        "changes": [] if original == text else word_changes(original, text),
        "quotes_gone": [quote for quote in quotes if quote not in evidence],
        "words": word_count(text),
        "headings": _headings(entry, text),
    }


def named_by_facts(findings: Sequence[Finding], tool: Tool) -> list[Finding]:
    """Say of what the source does not hold where the tool's facts do: no reviewer saw these."""
    return [
        each._replace(
            remedy=f"{each.remedy} The tool’s facts name it ({'; '.join(facts)}), which the "
            "reviewer did not see."
        )
        if (facts := _facts_with(each, tool))
        else each
        for each in findings
    ]


def _facts_with(finding: Finding, tool: Tool) -> list[str]:
    """Return the facts that hold what a finding did not find in the source."""
    wanted = _words_of(finding.quote)
    if not (finding.check.endswith("-outside-source") and wanted):
        return []
    facts = [f"{label}: {fact.value}" for label, fact in tool.facts.items()]
    return [each for each in facts if wanted <= _words_of(each)]


def _words_of(text: str) -> set[str]:
    """Return the words and figures of a text, without that of the licence itself."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return {each for each in words if not re.fullmatch(r"licen[cs]ed?", each)}


def _headings(entry: Entry, text: str) -> list[str]:
    """Return the headings under which readers will see a wording."""
    labels = {beat.id: beat.label for beat in entry.persona.beats}
    said = entry.answer.beats if entry.answer else {}
    beats = [(labels.get(beat, beat), words) for beat, words in said.items()]
    return [label for label, _part in lay_out(text, beats)]


def _source(
    entry: Entry, evidence: Sequence[str], named: Sequence[tuple[str, Finding]]
) -> dict[str, Any]:
    """Return the description, the other fields that were shown, and where each quote stands."""
    source = shown_source(entry.tool)
    start = next(each.start for each in source.fields if each.label == DESCRIPTION)
    marks, quotes = [], []
    for number, quote in enumerate(evidence, 1):
        found = find_quote(quote, entry.tool)
        name = f"e{number}" if found else None
        if found and name:
            marks.append((found.span, name))
        held = (each.label for each in source.fields if found and each.cut(found.span))
        published = found is not None and not found.altered
        stands = None if found is None or found.exact else source_words(quote, entry.tool)
        quotes.append(Quote(quote, next(held, None), name, published, stands))
    for name, finding in named:
        if finding.source_span:
            begin, end = finding.source_span
            marks.append(((begin + start, end + start), f"s{name}"))

    def within(each: ShownField) -> list[tuple[Span, str]]:
        return [(span, name) for place, name in marks if (span := each.cut(place))]

    described = next(each for each in source.fields if each.label == DESCRIPTION)
    rendered = mark_description(described.text, within(described))
    left = [each for each in within(described) if each[1] in rendered.unplaced]
    return {
        "evidence": quotes,
        "description": rendered.html,
        "as_written": pieces(described.text, left) if left else [],
        "facts": [
            (each.label, pieces(reflowed(each.text), within(each)))
            for each in source.fields
            if each is not described
        ],
    }


def source_words(quote: str, tool: Tool) -> str:
    """Return what the source says where a quote stands; the quote where it stands nowhere."""
    found = find_quote(quote, tool)
    return " ".join(shown_source(tool).text[slice(*found.span)].split()) if found else quote


def reflowed(text: str) -> str:
    """Join the lines of each paragraph without moving any character, so that spans stay valid.

    Lines that begin like those of a list, a heading, a quote or a table stay lines.
    """
    return re.sub(r"(?<=[^\n])\n(?=[^\s\-*+#>|\d])", " ", text)
