"""Reads the results of batches as the local engine reads answers, and journals them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from panel.cells.cells import ModelIdentity
from panel.cells.journal import JournalWriter, journal_line, new_run_id, utc_now
from panel.cells.lines import Attempt, Recorder, cell_fields, run_line
from panel.endpoint.attempts import AttemptContext, AttemptResult, read_attempt
from panel.endpoint.faults import REFUSALS, Fault
from panel.endpoint.memory import Memory
from panel.endpoint.prompt_counts import PromptCounts
from panel.endpoint.responses import RawResponse
from panel.endpoint.servers import Server
from panel.engines.base import RunStats
from panel.store.batches import StoredRequest
from panel.workspace.endpoints import Endpoint


@dataclass(slots=True)
class ResultReader:
    """Reads the results of one model. endpoint: None where panel.toml has it no more.

    worked: the output modes that brought a verdict. refusals: what the service said against
    requests, with their output modes.
    """

    endpoint: Endpoint | None
    counts: PromptCounts = field(default_factory=PromptCounts)
    worked: set[str] = field(default_factory=set)
    refusals: list[tuple[Fault, str]] = field(default_factory=list)

    def read(self, stored: StoredRequest, answer: RawResponse, asked_at: datetime) -> AttemptResult:
        """Make an attempt of a result. asked_at: when its batch was submitted, UTC."""
        request = stored.request
        asked = Attempt(
            cell=request.cell,
            ordinal=request.ordinal,
            messages=request.messages,
            output_mode=request.output_mode,
            repair=request.repair,
            started_at=asked_at.isoformat(timespec="microseconds"),
            finished_at=utc_now(),
            seconds=None,
            final=True,
            outcome="error",
            http_status=answer.status,
            body=answer.body if answer.status is not None else None,
            adapted=request.adapted,
        )
        prices = self.endpoint.batch_prices if self.endpoint else None
        context = AttemptContext(
            last=True,
            heard=True,
            longer=request.longer,
            sent=request.sent,
            prices=prices,
            counts=self.counts,
            judge=lambda fault: fault,
            cap=request.cap,
        )
        result = read_attempt(answer, asked, context)
        if result.attempt.outcome == "verdict":
            self.worked.add(request.output_mode)
        if result.fault is not None and result.fault.label in REFUSALS:
            self.refusals.append((result.fault, request.output_mode))
        return result

    def remember(self, memory: Path) -> None:
        """Keep for the next requests what the refusals say about how they must be made."""
        if self.endpoint is None or not self.refusals:
            return
        kept = Memory(memory)
        server = kept.server(self.endpoint) or Server("unknown")
        profile = kept.recall(self.endpoint, server)
        for fault, mode in self.refusals:
            if fault.field is not None:
                profile.drop(fault.field)
            elif fault.label == "system_refused":
                profile.merge_system = True
            # One that brought others a verdict is the trouble of few cells.
            elif mode == profile.output_mode and mode not in self.worked:
                profile.output_mode = profile.weaker_mode(fault.detail)
        kept.keep(self.endpoint, server, profile)


@dataclass(slots=True)
class ResultRun:
    """The journal of the results of one model, for the house panel or for one experiment.

    again: its cells had an answer before: like a canary's, these are no outcomes of theirs.
    demo: the model only picks sentences.
    follow_ups: cells whose reply was of no use yet, and that a next batch asks about.
    """

    model: ModelIdentity
    experiment: str | None
    writer: JournalWriter
    recorder: Recorder
    again: bool
    demo: bool
    stats: RunStats = field(default_factory=RunStats)
    follow_ups: int = 0
    _lines: list[bytes] = field(default_factory=list)

    @classmethod
    def begun(
        cls, runs: Path, first: StoredRequest, again: bool, panel: Collection[str]
    ) -> ResultRun:
        """Begin a run. first: one of its requests; panel: the ids of the panel that it is for."""
        writer = JournalWriter(runs, new_run_id())
        model = first.request.cell.model
        demo = first.request.cell.inputs.profile is not None
        made = cls(model, first.experiment, writer, Recorder(writer.run_id), again, demo)
        made._lines.append(run_line(panel, model, experiment=first.experiment))
        return made

    def add(self, stored: StoredRequest, result: AttemptResult) -> None:
        """Take in one result; it is on disk after ``keep``."""
        attempt, stats = result.attempt, self.stats
        if self.again:
            self._lines.append(journal_line("canary", cell_fields(attempt.cell)))
        self._lines.append(self.recorder.attempt_lines(attempt, stored.request.custom_id))
        stats.add(attempt)
        if not attempt.final:
            self.follow_ups += 1
            return
        stats.asked += 1
        if self.again:
            stats.canaries += 1
        else:
            word = attempt.verdict.verdict if attempt.verdict else None
            stats.count(attempt.outcome, word, attempt.reason)

    def keep(self, more: bytes = b"") -> None:
        """Have everything taken in on disk; raises JournalError."""
        lines, self._lines = b"".join([*self._lines, more]), []
        if lines:
            self.writer.append(lines)
