"""What the tools of ``panel mcp`` return, besides the objects that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal, TypeVar, cast

from typing_extensions import TypedDict  # that of Python 3.11 has no schema

from panel.results.records import FindingRecord
from panel.text import harmless

Given = TypeVar("Given")


class WaitingTake(TypedDict):
    """A take in the editors' queue. errors, warnings, notes: what the checks found in it."""

    tool: str
    tool_name: str
    persona: str
    state: str
    verdict: str | None
    demo: bool
    stale: bool
    published: bool
    flips: bool
    errors: int
    warnings: int
    notes: int


class Waiting(TypedDict):
    """One page of the takes that wait. found: how many there are on all pages."""

    model: str
    found: int
    page: int
    pages: int
    takes: list[WaitingTake]


class QuotedPassage(TypedDict):
    """A quote given as evidence. field: where it stands, None for nowhere; stands: what is there.

    published: whether readers may see it as the vendor's words.
    """

    text: str
    field: str | None
    published: bool
    stands: str | None


class ShownText(TypedDict):
    """A field of the tool as the reviewers are shown it."""

    label: str
    text: str


class WordRun(TypedDict):
    """A run of words that both wordings have, only the old one, or only the new one."""

    kind: Literal["same", "gone", "new"]
    text: str


class ChangedField(TypedDict):
    """A field of the tool that reads differently now, word by word."""

    label: str
    changes: list[WordRun]


class Changed(TypedDict):
    """What has changed in the question. since: the words that are out of date; asked_at: theirs."""

    reason: str
    since: Literal["published", "answer"]
    asked_at: str
    fields: list[ChangedField]


class PublishedWords(TypedDict):
    """The approved wording that readers see."""

    words: str
    verdict: str
    quotes: list[str]
    editor: str
    decided_at: str
    stale: bool
    demo: bool


class TakeRead(TypedDict):
    """One take with all that an editor decides by.

    words, quotes: as an editor sees them now, their own where edited. seen: the hash of these
    words, of the answer and of the last decision; a draft must name it. votes: of the persona's
    answers to the present question. changed: None where the question is as it was asked.
    """

    tool: str
    tool_name: str
    persona: str
    persona_name: str
    model: str | None
    asked_at: str | None
    outcome: str | None
    reason: str | None
    verdict: str | None
    confidence: int | None
    editor_verdict: str | None
    editor_reason: str | None
    demo: bool
    picked: bool
    ships: int
    skips: int
    state: str
    waits: bool
    stale: bool
    flips: bool
    words: str
    seen: str
    quotes: list[QuotedPassage]
    findings: list[FindingRecord]
    shown: list[ShownText]
    published: PublishedWords | None
    changed: Changed | None
    note: str | None
    guidance: str | None


class StaleTake(TypedDict):
    """A take whose question has changed since. since: what is out of date."""

    tool: str
    persona: str
    since: Literal["published", "answer"]
    reason: str
    asked_at: str | None


class FrozenEntry(TypedDict):
    """A verdict in verdicts/ that does not hold; persona: None for a whole file."""

    tool: str
    persona: str | None
    status: str
    reason: str


class FrozenPart(TypedDict):
    """One page of what ``panel check --frozen`` finds. pairs: tool × persona pairs looked at."""

    model: str
    pairs: int
    holds: bool
    found: int
    entries: list[FrozenEntry]


class Stale(TypedDict):
    """One page of what is stale, with the editors and in verdicts/ (None where that is empty)."""

    model: str
    found: int
    page: int
    pages: int
    takes: list[StaleTake]
    frozen: FrozenPart | None


class Drafted(TypedDict):
    """The edit that was written down, and the take as it is now."""

    decision_id: str
    editor: str
    take: TakeRead


def presentable(value: Given) -> Given:
    """Return an answer in JSON's own types, its texts without what is hidden or acts.

    Texts by vendors and models may hold letters that people do not see and models read. Each
    becomes U+FFFD, so that places in a text stay the same.
    """
    return cast(Given, _presentable(value))


def _presentable(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _presentable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_presentable(inner) for inner in value]
    return value
