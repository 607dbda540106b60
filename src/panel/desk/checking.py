"""What the checks find in the takes on the desk: kept until a take or its tool is another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from panel.checks import Finding, OtherTools, Subject, check_take
from panel.decisions import Pair
from panel.results.entries import Entry
from panel.stats import ShipOrSkip
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for a take as they stand in an editor's fields."""

    text: str
    evidence: tuple[str, ...]
    verdict: ShipOrSkip | None

    @classmethod
    def of(cls, entry: Entry) -> Wording:
        """Return the words that an editor sees of a take."""
        return cls(entry.text, entry.evidence, entry.verdict)


@dataclass(frozen=True, slots=True)
class _Known:
    """Findings, and the tool, the answer and the words that they are about."""

    tool: Tool
    fingerprint: str
    words: Wording
    findings: list[Finding]


class Checker:
    """Checks takes; what it found in one is kept while words, answer and tool are the same."""

    def __init__(self) -> None:
        self._known: dict[Pair, _Known] = {}

    def forget(self, but: Iterable[Tool]) -> None:
        """Forget what was found in takes on other tools than these."""
        tools = {id(tool) for tool in but}
        self._known = {pair: each for pair, each in self._known.items() if id(each.tool) in tools}

    def known(self, entry: Entry) -> list[Finding] | None:
        """Return the findings of a take if they are there already; None if not yet."""
        if entry.answer is None or not entry.has_words:
            return []
        found = self._known.get(entry.pair)
        same = (
            found is not None
            and found.tool is entry.tool
            and found.fingerprint == entry.answer.fingerprint
            and found.words == Wording.of(entry)
        )
        return found.findings if found is not None and same else None

    def findings(
        self, entry: Entry, others: OtherTools, words: Wording | None = None
    ) -> list[Finding]:
        """Return what the checks find in a take, or in other words for it."""
        subject = entry.subject()
        if subject is None or entry.answer is None:
            return []
        if words is not None and words != Wording.of(entry):
            return check_take(worded(subject, words), others)
        known = self.known(entry)
        if known is None:
            known = check_take(subject, others)
            self._known[entry.pair] = _Known(
                entry.tool, entry.answer.fingerprint, Wording.of(entry), known
            )
        return known


def worded(subject: Subject, words: Wording) -> Subject:
    """Return a take with other words, quotes and verdict."""
    return replace(
        subject,
        text=words.text,
        beats=subject.beats if words.text == subject.text else {},
        evidence=words.evidence,
        verdict=words.verdict or subject.verdict,
    )
