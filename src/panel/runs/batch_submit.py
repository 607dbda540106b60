"""Sends the files of batches to their services, and has batches made of them.

Whatever a killed process leaves behind, no request is paid for twice: what is about to be sent is
journaled first, and its cells wait from then on; who goes on looks for the batch by its name first.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

from panel.cells.cells import ModelIdentity
from panel.endpoint.batch_api import WAIT_CAP_SECONDS, BatchApi, LostAnswerError, ServiceBatch
from panel.errors import EndpointError, UsageError
from panel.runs.batch import (
    BatchJournal,
    Notice,
    batch_journal,
    batches_now,
    endpoint_of,
    refuse_without_service,
    with_api,
)
from panel.runs.lock import run_lock
from panel.store.batches import StoredBatch, needless_requests
from panel.store.ingest import opened
from panel.text import counted
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.plain_files import inside, open_plain

ONE_DAY = timedelta(days=1)  # by which the clocks of two machines surely do not differ


# A journal that came from elsewhere may name any file of this machine.
_ELSEWHERE = "{!r} is not in runs/. If it is yours, name it: 'panel batch submit FILE'"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What ``panel batch submit`` did: batches made, found to be there, and files left alone."""

    made: list[str]
    found: list[str]
    left: dict[str, str]  # name → why


def submit(
    workspace: WorkspaceFiles, wanted: Collection[Path], anyway: bool, notice: Notice
) -> Submitted:
    """Send files up and have batches made of them, those first whose sending was cut off.

    wanted: files; none for all in ``runs/`` that were not sent, the newest first. anyway: also
    files whose requests were answered since, or wait in another batch. Raises EndpointError,
    UsageError, JournalError, StoreBusyError.
    """
    done = Submitted([], [], {})
    with batch_journal(workspace) as journal:
        for batch in _to_submit(workspace, wanted):
            try:
                endpoint = endpoint_of(workspace, batch)
                refuse_without_service(endpoint)
            except UsageError as error:
                if wanted:
                    raise
                done.left[batch.batch] = str(error)
                continue
            if not wanted and not inside(workspace.runs, _place(workspace, batch)):
                done.left[batch.batch] = _ELSEWHERE.format(batch.file)
                continue
            with run_lock(workspace.runs, ModelIdentity(endpoint.name, endpoint.model)):
                unsent = batch.state == "written" and not anyway
                if unsent and (why := _needless(workspace, batch)) is not None:
                    if wanted:
                        raise UsageError(f"{batch.file}: {why}. --anyway sends it all the same.")
                    done.left[batch.batch] = why
                    continue
                found = _submit(workspace, batch, endpoint, journal, notice)
            (done.found if found else done.made).append(batch.batch)
    return done


def _to_submit(workspace: WorkspaceFiles, wanted: Collection[Path]) -> list[StoredBatch]:
    found = batches_now(workspace)
    cut_off = [each for each in found if each.state in ("submitting", "uploaded")]
    written = [each for each in found if each.state == "written"]
    if not wanted:
        return cut_off + written
    named: list[StoredBatch] = []
    for file in wanted:
        fitting = [each for each in found if _place(workspace, each).resolve() == file.resolve()]
        if not fitting:
            raise UsageError(f"{file} was not written by 'panel batch export' of this workspace.")
        if fitting[0].state in ("submitted", "ended"):
            raise UsageError(f"{file} was submitted before; 'panel batch status' tells more.")
        named.append(fitting[0])
    return named


def _place(workspace: WorkspaceFiles, batch: StoredBatch) -> Path:
    return workspace.root / batch.file


def _needless(workspace: WorkspaceFiles, batch: StoredBatch) -> str | None:
    with opened(workspace.runs) as connection:
        many = needless_requests(connection, batch.batch)
    if not many:
        return None
    return (
        f"{many:,} of its {counted(batch.requests, 'request was', 'requests were')} answered since "
        "it was written, or wait in another batch; 'panel batch export' writes what is left"
    )


def _submit(
    workspace: WorkspaceFiles,
    batch: StoredBatch,
    endpoint: Endpoint,
    journal: BatchJournal,
    notice: Notice,
) -> bool:
    """Have a batch made of a file, and journal each step; return whether it was there before."""
    name, called = batch.batch, f"panel-{batch.batch}.jsonl"
    begun = batch.state != "written"
    since = (batch.written_at.replace(tzinfo=UTC) - ONE_DAY).timestamp()

    async def send(api: BatchApi) -> bool:
        there = await api.find(name, since) if begun else None
        if there is not None:
            _made(journal, name, there)
            return True
        file = _unchanged(workspace, batch)
        journal.add(name, "submitting", service=endpoint.batch)
        try:
            file_id = batch.file_id or (await api.find_file(called) if begun else None)
            if file_id is None:
                notice(f"Sending {batch.file} ({counted(batch.requests, 'request')}) ...")
                file_id = await api.upload(file, called)
            journal.add(name, "uploaded", file_id=file_id)
            _made(journal, name, await _create(api, file_id, name, since))
        except UncertainError:
            raise
        except EndpointError as error:  # there is no batch, for sure: nothing waits any more
            journal.add(name, "written", detail=str(error))
            raise
        return False

    return with_api(endpoint, send)


async def _create(api: BatchApi, file_id: str, name: str, since: float) -> ServiceBatch:
    """Make a batch. Where no answer says so, look whether it is there before asking again."""
    for number in range(api.endpoint.attempts):
        try:
            return await api.create(file_id, name)
        except LostAnswerError as error:
            lost = error
        await asyncio.sleep(min(WAIT_CAP_SECONDS, 0.2 * 2**number))
        try:
            there = await api.find(name, since)
        except EndpointError:
            break
        if there is not None:
            return there
    raise UncertainError(
        f"endpoint {api.endpoint.name!r}: {lost} Whether the batch was made is not known. "
        "'panel batch submit' looks for it and goes on."
    )


class UncertainError(EndpointError):
    """It is not known whether there is a batch, so that its requests go on waiting."""


def _made(journal: BatchJournal, name: str, batch: ServiceBatch) -> None:
    journal.add(name, "submitted", batch_id=batch.id, status=batch.status)


def _unchanged(workspace: WorkspaceFiles, batch: StoredBatch) -> Path:
    """Return the file of a batch; raises UsageError where it is not as it was written."""
    file = _place(workspace, batch)
    try:
        with open_plain(file) as opened_file:
            same = hashlib.file_digest(opened_file, "sha256").hexdigest() == batch.file_hash
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}. 'panel batch export' writes it anew."
        ) from None
    if not same:
        raise UsageError(
            f"{file} is not as 'panel batch export' wrote it. Export again; to ask otherwise, "
            "change the workspace."
        )
    return file
