"""Takes in the results of batches: from their services, or from files."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from panel.cells.cells import CellKey, Question
from panel.cells.journal import keep_after
from panel.cells.lines import adopt_lines
from panel.cells.plan import make_plan
from panel.endpoint.batch_api import BatchApi, ServiceBatch
from panel.endpoint.batch_files import Result, read_result
from panel.endpoint.bodies import BODY_BYTES
from panel.engines.batch_results import ResultReader, ResultRun
from panel.errors import EndpointError, PanelError, UsageError
from panel.runs.batch import BatchJournal, Notice, batch_lock, batches_now, endpoint_of, with_api
from panel.runs.ending import end_run, stopped_by
from panel.runs.run import MEMORY
from panel.runs.selection import Selection, resolve
from panel.store.batches import KeptRequests, StoredBatch, StoredRequest
from panel.store.ingest import ingest, opened
from panel.store.known import known_cells, last_moment
from panel.workspace.loading import WorkspaceFiles

READ_AT_ONCE = 1000  # lines to one look into the store, and one forcing to disk
RESULT_BYTES = 2**20  # that a result may have on the average; a verdict has some 3 KiB


@dataclass(slots=True)
class Imported:
    """What ``panel batch import`` did. taken: results journaled, each once.

    before: results that a journal had. unknown: ids of no request of this workspace. unreadable:
    lines that are no results. unanswered: requests of ended batches without a result. ended: those
    batches, with their last status; open: those that are not over yet. failed: why one could not be
    asked about.
    """

    taken: int = 0
    before: int = 0
    unknown: list[str] = field(default_factory=list)
    unreadable: int = 0
    unanswered: int = 0
    ended: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    runs: list[ResultRun] = field(default_factory=list)


def import_files(workspace: WorkspaceFiles, files: Sequence[Path]) -> Imported:
    """Take in files of results; raises UsageError for one that cannot be read, JournalError."""
    with _Taking(workspace) as taking:
        for file in files:
            try:
                with file.open("rb") as results:
                    taking.take(_lines(results))
            except OSError as error:
                raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    return taking.done


def import_batches(workspace: WorkspaceFiles, notice: Notice) -> Imported:
    """Take in the results of every batch that has ended at its service.

    What cannot be asked about is told in ``failed``. Raises JournalError, StoreBusyError.
    """
    with _Taking(workspace) as taking:
        waiting = [each for each in batches_now(workspace) if each.state == "submitted"]
        journal = BatchJournal(workspace)
        try:
            for batch in reversed(waiting):  # the oldest first
                _fetch(workspace, batch, taking, journal, notice)
        finally:
            journal.close()
    return taking.done


def _fetch(
    workspace: WorkspaceFiles,
    batch: StoredBatch,
    taking: _Taking,
    journal: BatchJournal,
    notice: Notice,
) -> None:
    """Take in one batch's results, if it has ended, and then journal that it has.

    It has not while results are missing that the service counts: a download may be cut short, or
    be a page of whoever stands before the service, with status 200.
    """
    name, done = batch.batch, taking.done
    unreadable, most = done.unreadable, BODY_BYTES + RESULT_BYTES * batch.requests

    async def fetch(api: BatchApi) -> ServiceBatch:
        found = await api.get(batch.batch_id or "")
        for file_id in found.files if found.ended else ():
            notice(f"Fetching results of batch {name} ...")
            with tempfile.TemporaryFile(dir=workspace.runs) as results:
                await api.download(file_id, results, most)
                results.seek(0)
                taking.take(api.without_key(line) for line in _lines(results))
        return found

    try:
        found = with_api(endpoint_of(workspace, batch), fetch)
    except (EndpointError, UsageError) as error:
        done.failed[name] = str(error)
        return
    if not found.ended:
        done.open[name] = found.status
        return
    after = next(each for each in batches_now(workspace) if each.batch == name)
    told = len(found.files[:1]) if found.done is None else found.done
    missing = min(after.requests, told) - after.answered
    if missing > 0 or done.unreadable > unreadable:
        done.failed[name] = (
            f"its results came back incomplete: {after.answered:,} of {after.requests:,}. "
            "'panel batch import' fetches them again; "
            f"'panel batch forget {name}' waits for no more of them."
        )
        return
    journal.add(name, "ended", status=found.status, detail=found.detail or None)
    done.ended[name] = found.status
    done.unanswered += after.requests - after.answered


def _lines(results: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; one of more than BODY_BYTES in pieces, which are no results."""
    return iter(partial(results.readline, BODY_BYTES), b"")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class _Taking:
    """An import under way: the journals that it writes, by what their results are for."""

    def __init__(self, workspace: WorkspaceFiles) -> None:
        self.done = Imported()
        self._workspace = workspace
        self._lock = batch_lock(workspace.runs)
        self._runs: dict[tuple[str, str | None, bool], ResultRun] = {}
        self._readers: dict[str, ResultReader] = {}
        self._settled: set[Question] = set()
        self._keys: dict[str, set[CellKey]] = {}  # of cells of the house panel, by model
        self._sent: dict[str, datetime] = {}

    def __enter__(self) -> _Taking:
        self._lock.__enter__()
        self._sent = {
            each.batch: each.submitted_at or each.written_at
            for each in batches_now(self._workspace)
        }
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self._close(None if error is None else stopped_by(error))
        finally:
            self._lock.__exit__(None, None, None)
        ingest(self._workspace.runs)

    def take(self, lines: Iterable[bytes]) -> None:
        """Journal the results in lines, each once; raises JournalError."""
        chunk, size = list[bytes](), 0
        for line in filter(bytes.strip, lines):
            chunk.append(line)
            size += len(line)
            if len(chunk) == READ_AT_ONCE or size > BODY_BYTES:
                self._take(chunk)
                chunk, size = [], 0
        self._take(chunk)

    def _take(self, chunk: list[bytes]) -> None:
        done, results = self.done, dict[str, Result]()
        for raw in chunk:
            result = read_result(raw)
            if result is None:
                done.unreadable += 1
            elif result.custom_id in results:
                done.before += 1
            else:
                results[result.custom_id] = result
        with opened(self._workspace.runs) as connection:
            keep_after(last_moment(connection))
            kept = KeptRequests(connection)
            answered = kept.answered(results)
            done.before += len(answered)
            fresh = {name: each for name, each in results.items() if name not in answered}
            found = kept.find(fresh)
        done.unknown += [name for name in fresh if name not in found]
        touched = [self._journal(stored, fresh[name]) for name, stored in found.items()]
        for run in dict.fromkeys(map(id, touched)):
            next(each for each in touched if id(each) == run).keep()

    def _journal(self, stored: StoredRequest, result: Result) -> ResultRun:
        cell = stored.request.cell
        again = stored.known or cell.question in self._settled
        reader = self._reader(stored)
        read = reader.read(stored, result.answer, self._sent.get(stored.batch) or _now())
        run = self._run(stored, again)
        run.add(stored, read)
        self.done.taken += 1
        if read.attempt.final and read.attempt.outcome != "error":
            self._settled.add(cell.question)
        if stored.experiment is None and not again:
            self._keys.setdefault(str(cell.model), set()).add(cell.key)
        return run

    def _run(self, stored: StoredRequest, again: bool) -> ResultRun:
        key = (str(stored.request.cell.model), stored.experiment, again)
        if key not in self._runs:
            panel = [persona.id for persona in self._workspace.personas]
            panel = panel if stored.experiment is None else stored.panel
            made = ResultRun.begun(self._workspace.runs, stored, again, panel)
            self._runs[key] = made
            self.done.runs.append(made)
        return self._runs[key]

    def _reader(self, stored: StoredRequest) -> ResultReader:
        model = stored.request.cell.model
        if str(model) not in self._readers:
            chosen = Selection(endpoint=model.endpoint, model=model.model)
            try:
                with opened(self._workspace.runs) as connection:
                    endpoint = resolve(self._workspace, chosen, connection).endpoint
            except PanelError:  # panel.toml has it no more: its prices are not known
                endpoint = None
            self._readers[str(model)] = ResultReader(endpoint)
        return self._readers[str(model)]

    def _close(self, stopped: str | None) -> None:
        for reader in self._readers.values():
            reader.remember(self._workspace.runs / MEMORY)
        for (model, experiment, again), run in self._runs.items():
            run.stats.stopped = stopped
            try:
                if stopped is None:
                    house = experiment is None and not again
                    run.keep(self._adopted(run, self._keys.get(model, set())) if house else b"")
            finally:
                end_run(run.writer, run.stats)

    def _adopted(self, run: ResultRun, keys: Collection[CellKey]) -> bytes:
        """Return lines by which answers to the present wording count again.

        A result may be to an older wording, of a text that was changed, and asked about anew, while
        the batch was under way. Then the result is history.
        """
        model = run.model
        chosen = Selection(endpoint=model.endpoint, model=model.model)
        tools, personas = {key[0] for key in keys}, {key[1] for key in keys}
        try:
            with opened(self._workspace.runs) as connection:
                target = resolve(self._workspace, chosen, connection)
                known = known_cells(connection, model)
        except PanelError:
            return b""
        narrowed = replace(
            target,
            tools=[tool for tool in target.tools if tool.slug in tools],
            personas=[each for each in target.personas if each.id in personas],
        )
        cells = narrowed.lay_out(max((key[2] for key in keys), default=1))
        return adopt_lines(make_plan((each for each in cells if each.key in keys), known).adopted)
