"""Batches: files of requests are written, looked after at their services, and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from panel.cells.batches import batch_line
from panel.cells.cells import Cell
from panel.cells.journal import JournalWriter, new_run_id
from panel.cells.lines import end_line, run_line
from panel.endpoint.batch_api import BatchApi, ServiceBatch, can_submit
from panel.endpoint.transfers import TransferClient
from panel.engines.base import Workers
from panel.engines.batch import BatchFiles, Earlier
from panel.errors import EndpointError, StoreBusyError, UsageError
from panel.runs.run import ProgressReporter, RunSummary, execute
from panel.runs.selection import Prepared
from panel.store.batches import StoredBatch, earlier_attempts, stored_batches
from panel.store.ingest import ingest, opened
from panel.workspace.endpoints import Endpoint, resolve_endpoint
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.presets import BatchService
from panel.workspace.scaffold import make_runs

T = TypeVar("T")
Notice = Callable[[str], None]


def files_for(workspace: WorkspaceFiles, folder: Path | None) -> BatchFiles:
    """Return what writes requests into files of a folder; None for the folder of each run."""

    def earlier(cells: Sequence[Cell]) -> Earlier:
        with opened(workspace.runs) as connection:
            return earlier_attempts(connection, (cell.fingerprint for cell in cells))

    return BatchFiles(workspace.root, folder, earlier)


def export(
    workspace: WorkspaceFiles, prepared: Prepared, reporter: ProgressReporter, files: BatchFiles
) -> RunSummary:
    """Write the requests of all pending cells into files; raises as ``execute`` does."""
    return execute(workspace, prepared, reporter, workers=Workers(files=files))[0]


@contextmanager
def batch_lock(runs: Path) -> Iterator[None]:
    """Let one process at a time send or read batches; raises StoreBusyError."""
    make_runs(runs)
    lock = FileLock(runs / ".batches", fallback_to_soft=False)
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        raise StoreBusyError(
            "another process is at the batches of this workspace. Wait for it to end."
        ) from None
    with held:
        yield


class BatchJournal:
    """The journal of one command about batches: begun with its first line."""

    def __init__(self, workspace: WorkspaceFiles) -> None:
        self._workspace = workspace
        self._writer: JournalWriter | None = None

    def add(self, batch: str, state: Any, **more: Any) -> None:
        """Have a batch's new state on disk; raises JournalError."""
        begun = b""
        if self._writer is None:
            self._writer = JournalWriter(self._workspace.runs, new_run_id())
            begun = run_line(self._workspace.personas, purpose="batch")
        self._writer.append(begun + batch_line(batch, state, **more))

    def close(self) -> None:
        """Write the last line, if there is a first one."""
        if self._writer is not None:
            try:
                self._writer.append(end_line())
            finally:
                self._writer.close()
                self._writer = None


@contextmanager
def batch_journal(workspace: WorkspaceFiles) -> Iterator[BatchJournal]:
    """Give the journal of a command about batches, and have the store read it afterwards."""
    with batch_lock(workspace.runs):
        journal = BatchJournal(workspace)
        try:
            yield journal
        finally:
            journal.close()
    ingest(workspace.runs)


def batches_now(workspace: WorkspaceFiles) -> list[StoredBatch]:
    """Return every batch, the newest first, the store brought up to date."""
    with opened(workspace.runs) as connection:
        return stored_batches(connection)


def endpoint_of(workspace: WorkspaceFiles, batch: StoredBatch) -> Endpoint:
    """Return the endpoint that a batch was written for; raises UsageError where it is gone."""
    return resolve_endpoint(workspace.settings, workspace.root, batch.endpoint, batch.model)


def refuse_without_service(endpoint: Endpoint) -> BatchService:
    """Return whose batch API an endpoint has; raises UsageError where there is none to ask."""
    service = endpoint.batch
    if service is None or not can_submit(service):
        raise UsageError(
            f"endpoint {endpoint.name!r} has no batch service that panel can ask. Write batch = "
            f'"openai" or "mistral" under [endpoints.{endpoint.name}], or send the file yourself '
            "and import its results: 'panel batch import FILE'."
        )
    return service


def with_api(endpoint: Endpoint, ask: Callable[[BatchApi], Coroutine[Any, Any, T]]) -> T:
    """Ask an endpoint's batch service; raises EndpointError, UsageError where there is none."""
    service = refuse_without_service(endpoint)

    async def asked() -> T:
        key = endpoint.api_key()
        async with TransferClient(endpoint.base_url or "", key, endpoint) as client:
            return await ask(BatchApi(client, service))

    return asyncio.run(asked())


@dataclass(frozen=True, slots=True)
class BatchNow:
    """A batch with what its service says of it; ``service`` is None where none was asked."""

    stored: StoredBatch
    service: ServiceBatch | None
    why: str | None = None  # it could not be asked


def status(workspace: WorkspaceFiles) -> list[BatchNow]:
    """Return every batch, and ask the services how far those are that have not ended."""
    stored = batches_now(workspace)
    told: dict[str, ServiceBatch] = {}
    failed: dict[str, str] = {}
    open_ones = [each for each in stored if each.state == "submitted"]
    for name in dict.fromkeys(each.endpoint for each in open_ones):
        mine = [each for each in open_ones if each.endpoint == name]

        async def ask(api: BatchApi, mine: list[StoredBatch] = mine) -> None:
            for each in mine:
                told[each.batch] = await api.get(each.batch_id or "")

        try:
            with_api(endpoint_of(workspace, mine[0]), ask)
        except (EndpointError, UsageError) as error:
            failed |= {each.batch: str(error) for each in mine if each.batch not in told}
    return [BatchNow(each, told.get(each.batch), failed.get(each.batch)) for each in stored]


def forget(workspace: WorkspaceFiles, name: str) -> StoredBatch:
    """Let nothing wait for a batch any more, whatever its service has; raises UsageError."""
    with batch_journal(workspace) as journal:
        for each in batches_now(workspace):
            if each.batch == name:
                if each.state == "ended":
                    raise UsageError(f"batch {name!r} has ended already.")
                journal.add(name, "ended", status="forgotten")
                return each
    raise UsageError(f"there is no batch {name!r}. 'panel batch status' lists them.")
