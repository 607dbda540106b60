"""Reads stored replies again: a better parser turns abstentions into verdicts, asking nobody.

What reads differently is journaled as ``reading`` lines in a run of its own. A stricter
parser takes verdicts back the same way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from panel.cells.journal import JournalWriter, journal_line, keep_after, new_run_id, utc_now
from panel.cells.lines import end_line, run_line, verdict_fields
from panel.endpoint.replies import Reply, read_reply
from panel.endpoint.responses import RawResponse
from panel.store.ingest import ingest, opened
from panel.store.known import last_moment
from panel.store.replies import CUT_SHORT, StoredReply, replies_by_cell
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.passages import choices
from panel.workspace.personas import Persona
from panel.workspace.tools import Tool
from panel.workspace.verdict import UnparsableReply, Verdict

WRITTEN_AT_ONCE = 1000  # readings to one forcing to disk

CellChange = Literal["abstain -> verdict", "verdict -> abstain", "verdict changed"]
CHANGES: tuple[CellChange, ...] = ("abstain -> verdict", "verdict -> abstain", "verdict changed")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the parser makes of one reply now: a verdict, or why there is none."""

    reply: Reply
    verdict: Verdict | None = None
    reason: str | None = None
    detail: str | None = None

    @property
    def outcome(self) -> str:
        """Verdict or abstain."""
        return "abstain" if self.verdict is None else "verdict"

    def says(self, stored: StoredReply) -> bool:
        """Whether it is what the store holds; for two abstentions the reason is no matter."""
        then = stored.answer
        if self.verdict is None or then.outcome != "verdict":
            return self.verdict is None and then.outcome != "verdict"
        now, beats = self.verdict, list(self.verdict.beats.items())
        return (now.verdict, now.confidence, beats, now.evidence) == (
            then.verdict,
            then.confidence,
            list(then.beats.items()),
            then.evidence,
        )


@dataclass(slots=True)
class Report:
    """What ``panel reparse --json`` prints. run_id: None when nothing was written.

    replies, cells: how many were read. unknown: replies left out since no journal has their
    persona, or the tool that they were picked from, in a form that this version reads. changes:
    cells by kind of change.
    """

    run_id: str | None = None
    replies: int = 0
    cells: int = 0
    unknown: int = 0
    changes: Counter[CellChange] = field(default_factory=Counter)

    def record(self) -> dict[str, Any]:
        """Return the report as plain JSON types, every kind of change among them."""
        changes = {kind: self.changes[kind] for kind in CHANGES}
        return {
            "run_id": self.run_id,
            "replies": self.replies,
            "cells": self.cells,
            "unknown": self.unknown,
            "changes": changes,
        }


Found = list[tuple[StoredReply, Reading]]


def reparse(workspace: WorkspaceFiles, tools: list[str] | None, dry_run: bool = False) -> Report:
    """Read the stored replies of these tools (None: all) and journal what reads differently.

    Raises JournalError, StoreError, StoreBusyError; what was journaled until then counts.
    """
    report, personas = Report(), _Personas()
    found: Found = []
    with opened(workspace.runs) as connection:
        keep_after(last_moment(connection))
        for stored in replies_by_cell(connection, tools):
            found += _read_cell(stored, personas, report)
    if found and not dry_run:
        report.run_id = _write(workspace, found)
        ingest(workspace.runs)
    return report


def _read_cell(stored: list[StoredReply], personas: _Personas, report: Report) -> Found:
    """Return the readings that change a cell; none when it stays as it is.

    A stored verdict has to be what the parser reads now. Only where no verdict is left,
    the first of the other replies that reads as one becomes the answer.
    """
    read = [(reply, now) for reply in stored if (now := _read(reply, personas, report))]
    if not read:
        return []
    report.cells += 1
    changed = [(r, now) for r, now in read if r.answer.outcome == "verdict" and not now.says(r)]
    taken_back = sum(now.verdict is None for _reply, now in changed)
    before = stored[0].cell_outcome == "verdict"
    # No verdict taken back, and it still stands, be it on a reply that cannot be read here.
    after = before and (
        not taken_back or taken_back < sum(r.answer.outcome == "verdict" for r in stored)
    )
    if not after:
        others = ((r, now) for r, now in read if r.answer.outcome != "verdict" and now.verdict)
        first = next(others, None)
        changed, after = changed + ([first] if first else []), first is not None
    if changed:
        report.changes[_change(before, after)] += 1
    return changed


def _change(before: bool, after: bool) -> CellChange:
    if before and after:
        return "verdict changed"
    return "verdict -> abstain" if before else "abstain -> verdict"


class _Personas:
    """Personas as they were when asked, each made of its record once."""

    def __init__(self) -> None:
        self._made: dict[str, Persona | None] = {}

    def of(self, stored: StoredReply) -> Persona | None:
        """Return the persona of a reply; None when its record cannot be read."""
        if stored.persona is None:
            return None
        digest = stored.answer.inputs.persona_digest
        if digest not in self._made:
            try:
                made = Persona.model_validate(stored.persona)
            except ValidationError:  # of a version whose personas had other fields
                made = None
            self._made[digest] = made
        return self._made[digest]


def _read(stored: StoredReply, personas: _Personas, report: Report) -> Reading | None:
    """Read one reply as a run would; None where there is no whole reply to read."""
    completion = RawResponse(0, 200, body=stored.body.encode()).completion()
    reply = read_reply(completion) if completion else None
    if reply is None:
        return None
    persona = personas.of(stored)
    try:
        tool = Tool.model_validate(stored.tool) if stored.answer.demo else None
    except ValidationError:
        persona = None  # nobody can say whether its sentences are the tool's
    if persona is None:
        report.unknown += 1
        return None
    report.replies += 1
    if stored.answer.reason in CUT_SHORT:
        reply = reply.at_its_cap()
    if reply.abstention is not None:
        return Reading(reply, None, *reply.abstention)
    try:
        picked = choices(persona, tool) if tool else None
        return Reading(reply, reply.verdict(persona, picked, stored.messages))
    except UnparsableReply as error:
        if reply.ending == "broken_off":
            return None
        return Reading(reply, reason="unparsable", detail=str(error))


def _write(workspace: WorkspaceFiles, found: Found) -> str:
    """Journal the readings as a run that asked nothing; returns its id."""
    with JournalWriter(workspace.runs, new_run_id()) as writer:
        writer.append(run_line(workspace.personas, purpose="reparse"))
        for start in range(0, len(found), WRITTEN_AT_ONCE):
            part = found[start : start + WRITTEN_AT_ONCE]
            writer.append(b"".join(_line(stored, reading) for stored, reading in part))
        writer.append(end_line())
    return writer.run_id


def _line(stored: StoredReply, reading: Reading) -> bytes:
    fields = {
        "attempt_id": stored.answer.attempt_id,
        "read_at": utc_now(),
        "outcome": reading.outcome,
        "reason": reading.reason,
        "detail": reading.detail,
        "reply": reading.reply.text,
        "degraded": reading.reply.degraded,
    }
    verdict = verdict_fields(reading.verdict) if reading.verdict else {}
    return journal_line("reparse", fields | verdict)
