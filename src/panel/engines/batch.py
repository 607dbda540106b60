"""The batch engine: writes requests into files for a service, or ``vllm run-batch``, to answer.

It asks nobody. What is journaled of a request is all that its answer needs (batch_results.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from panel.cells.batches import BatchRequest, batch_line, custom_id
from panel.cells.cells import Cell, Question
from panel.endpoint.batch_files import LIMITS, request_line
from panel.endpoint.cell_runner import SLIPS, repair_shown
from panel.endpoint.faults import SLIPPED
from panel.endpoint.memory import Memory
from panel.endpoint.output_modes import (
    OUTPUT_MODES,
    OutputMode,
    RequestProfile,
    optional_fields,
    plain_fields,
)
from panel.endpoint.replies import read_reply
from panel.endpoint.responses import RawResponse
from panel.endpoint.servers import Server
from panel.engines.base import Job, RunStats
from panel.errors import JournalError, UsageError
from panel.store.batches import EarlierAttempt
from panel.workspace.endpoints import Endpoint
from panel.workspace.prompts import Messages
from panel.workspace.verdict import UnparsableReply

WRITTEN_AT_ONCE = 1000  # requests to one forcing of the journal to disk
Earlier = Mapping[Question, Sequence[EarlierAttempt]]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of requests. name: of its batch. bytes: its size."""

    name: str
    file: Path
    requests: int
    bytes: int


class BatchFiles:
    """Writes the requests of jobs into files, and takes the place of an engine that asks.

    folder: where to; None for the folder of each run. earlier: tells what was asked before about
    cells that have no answer yet, whose next request follows it. written: the files so far.
    """

    def __init__(
        self, root: Path, folder: Path | None, earlier: Callable[[Sequence[Cell]], Earlier]
    ) -> None:
        self._root, self._folder, self._earlier = root, folder, earlier
        self.written: list[WrittenFile] = []

    def ready(self, endpoint: Endpoint) -> None:
        """Raise UsageError for the model that this program serves itself."""
        if endpoint.embedded:
            raise UsageError(
                "the embedded model has no batch service. Name an endpoint: --endpoint NAME."
            )

    def ask_all(self, job: Job) -> RunStats:
        """Write the requests of every cell of the job; raises JournalError."""
        memory = Memory(job.memory)
        server = memory.server(job.endpoint) or Server("unknown")
        profile = memory.recall(job.endpoint, server)
        earlier, many = self._earlier(job.cells), 0
        pending = list(job.cells)
        while many < len(pending):
            name = f"{job.writer.run_id}-{len(self.written) + 1}"
            file = _File(job, name, self._folder or job.writer.file.parent)
            with file:
                while many < len(pending):
                    cell = pending[many]
                    request, line = _request(
                        job, profile, cell, earlier.get(cell.question, ()), many + 1
                    )
                    if not file.add(request, line):
                        break
                    many += 1
            self.written.append(file.finish(self._root))
        return RunStats(output_mode=profile.output_mode, adapted=profile.adapted())

    def ask_in_turns(self, jobs: Sequence[Job], rounds: int) -> list[RunStats]:
        """Write the requests of several jobs, each into files of its own."""
        del rounds  # a service asks in an order of its own
        return [self.ask_all(job) for job in jobs]


class _File:
    """A file while it is written: under another name, until all of it is on disk."""

    def __init__(self, job: Job, name: str, folder: Path) -> None:
        self._job, self._name = job, name
        self._limits = LIMITS[job.endpoint.batch]
        self._final = folder / f"batch-{name}.jsonl"
        self._draft = self._final.with_suffix(".writing")
        self._requests = self._bytes = 0
        self._lines: list[bytes] = []
        self._hash = hashlib.sha256()
        self._handle: BinaryIO | None = None

    def __enter__(self) -> _File:
        try:
            self._final.parent.mkdir(parents=True, exist_ok=True)
            self._handle = self._draft.open("wb")
        except OSError as error:
            raise _unwritable(self._final, error) from None
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        assert self._handle is not None
        self._handle.close()
        if kind is not None:
            self._draft.unlink(missing_ok=True)

    def add(self, request: BatchRequest, line: bytes) -> bool:
        """Write a request; False where the file is full."""
        full = self._requests >= self._limits.requests
        if self._requests and (full or self._bytes + len(line) > self._limits.bytes):
            return False
        lines, hashes = self._job.recorder.message_lines(request.messages)
        self._lines += [*lines, request.line(self._name, hashes)]
        self._requests, self._bytes = self._requests + 1, self._bytes + len(line)
        self._hash.update(line)
        try:
            assert self._handle is not None
            self._handle.write(line)
            if self._requests % WRITTEN_AT_ONCE == 0:
                self._keep()
        except OSError as error:
            raise _unwritable(self._final, error) from None
        return True

    def finish(self, root: Path) -> WrittenFile:
        """Put the file in its place once the journal has its requests, and journal that."""
        self._keep()
        try:
            with self._draft.open("rb+") as handle:
                os.fsync(handle.fileno())
            self._draft.replace(self._final)
        except OSError as error:
            raise _unwritable(self._final, error) from None
        whole = self._final.resolve()
        named = whole.relative_to(root.resolve()) if whole.is_relative_to(root.resolve()) else whole
        self._job.writer.append(
            batch_line(
                self._name,
                "written",
                file=str(named),
                file_hash=self._hash.hexdigest(),
                requests=self._requests,
                service=self._job.endpoint.batch,
            )
        )
        return WrittenFile(self._name, self._final, self._requests, self._bytes)

    def _keep(self) -> None:
        lines, self._lines = b"".join(self._lines), []
        if lines:
            self._job.writer.append(lines)


def _unwritable(file: Path, error: OSError) -> JournalError:
    return JournalError(
        f"cannot write {file}: {error.strerror}. Make room or name another folder with --out; "
        "nothing was sent."
    )


def _request(
    job: Job, profile: RequestProfile, cell: Cell, earlier: Sequence[EarlierAttempt], number: int
) -> tuple[BatchRequest, bytes]:
    """Return the next request about a cell, and its line in the file."""
    endpoint, step = job.endpoint, _next_step(cell, earlier, profile)
    shown = profile.shown(step.messages)
    fields = plain_fields(cell, endpoint, step.longer)
    body = profile.request(endpoint, shown, cell.schema, fields, step.output_mode)
    request = BatchRequest(
        custom_id(cell, job.writer.run_id, number),
        cell,
        step.ordinal,
        shown,
        step.output_mode,
        step.repair,
        step.longer,
        profile.cap(endpoint, body),
        tuple(sorted(optional_fields(body))),
        profile.adapted(),
    )
    return request, request_line(endpoint.batch, request.custom_id, body)


@dataclass(frozen=True, slots=True)
class _Step:
    """How a cell is asked next; a ``CellRunner`` comes to the same, within one run."""

    messages: Messages
    output_mode: OutputMode
    ordinal: int = 1
    repair: bool = False
    longer: bool = False


def _next_step(cell: Cell, earlier: Sequence[EarlierAttempt], profile: RequestProfile) -> _Step:
    """Follow up on what was asked of a cell since it last ended, if it ended at all."""
    step = _Step(cell.messages, profile.output_mode)
    since = max((place for place, each in enumerate(earlier, 1) if each.final), default=0)
    slips = 0
    for each in earlier[:since]:
        slips = slips + 1 if each.reason == SLIPPED else 0
    if slips >= SLIPS:
        step = _weaker(step, earlier[since - 1], profile)
    for each in earlier[since:]:
        step = replace(step, ordinal=each.ordinal + 1)
        if each.reason == "truncated":
            step = replace(step, longer=True)
        elif each.reason == "unparsable":
            step = replace(step, repair=True, messages=_repair(cell, each))
        elif each.reason in ("whitespace_runaway", "schema_refused"):
            step = _weaker(step, each, profile)
    return step


def _weaker(step: _Step, each: EarlierAttempt, profile: RequestProfile) -> _Step:
    """Ask in a mode below the one of an attempt, unless all cells are asked in a weaker one."""
    mode = next(name for name in OUTPUT_MODES if name == each.output_mode)
    said = each.detail or "" if each.reason == "schema_refused" else ""
    below = profile.weaker_mode(said, mode)
    return replace(step, output_mode=max(below, step.output_mode, key=OUTPUT_MODES.index))


def _repair(cell: Cell, each: EarlierAttempt) -> Messages:
    """Return the messages that ask for a repair of a reply, with the reply shown."""
    completion = RawResponse(0.0, 200, body=(each.body or "").encode()).completion()
    reply = read_reply(completion) if completion else None
    problems = [each.detail or "it cannot be read"]
    if reply is not None:
        try:
            reply.verdict(cell.persona, cell.choices, cell.messages)
        except UnparsableReply as error:
            problems = list(error.problems)
    return repair_shown(cell, reply.text if reply else None, problems)
