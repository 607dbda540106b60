"""The batch services of OpenAI and of Mistral: files go up, batches are made, results come down.

From their documentation, November 2026. OpenAI: /files, /batches. Mistral: /files, /batch/jobs. A
request that only looks, and an upload, which costs nothing, are tried again after a fault that may
pass. The one that makes a batch is not, since it may have been heard: who asked looks for it first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from panel.endpoint.batch_files import URL
from panel.endpoint.faults import Fault, classify_fault
from panel.endpoint.responses import RawResponse
from panel.endpoint.transfers import Load, TransferClient
from panel.errors import EndpointError
from panel.text import clean_text
from panel.workspace.plain_files import open_plain
from panel.workspace.presets import BatchService

MARK = "panel_batch"  # the name in a batch's metadata by which it is found again
PAGE = 100
FILE_SECONDS = 3600.0  # for a file of some hundred megabytes
WAIT_CAP_SECONDS = 30.0
SHOWN_ERRORS = 5


@dataclass(frozen=True, slots=True)
class ServiceBatch:
    """A batch as the service tells of it.

    name: what we called it, None for one of somebody else's. ended: it will have no more results.
    done, failed, total: requests, None where it does not say. files: of results and of errors.
    detail: why it failed, "" where it does not say. created: seconds since 1970.
    """

    id: str
    name: str | None
    status: str
    ended: bool
    done: int | None
    failed: int | None
    total: int | None
    files: tuple[str, ...]
    detail: str
    created: float


@dataclass(frozen=True, slots=True)
class _Form:
    """How a service spells what all of them have."""

    path: str
    page: str  # the parameter that turns pages: an id, or a number
    over: frozenset[str]
    counts: tuple[str, str, str]
    files: tuple[str, str]


_FORMS: dict[BatchService, _Form] = {
    "openai": _Form(
        "/batches",
        "after",
        frozenset({"completed", "failed", "expired", "cancelled"}),
        ("completed", "failed", "total"),
        ("output_file_id", "error_file_id"),
    ),
    "mistral": _Form(
        "/batch/jobs",
        "page",
        frozenset({"success", "failed", "timeout_exceeded", "cancelled"}),
        ("succeeded_requests", "failed_requests", "total_requests"),
        ("output_file", "error_file"),
    ),
}


def can_submit(service: BatchService | None) -> bool:
    """Whether files can be sent to a service from here."""
    return service in _FORMS


class BatchApi:
    """One endpoint's batch service. Every call raises EndpointError for what does not pass."""

    def __init__(self, client: TransferClient, service: BatchService) -> None:
        self._client, self._form, self._service = client, _FORMS[service], service
        self.endpoint = client.endpoint

    async def upload(self, file: Path, called: str) -> str:
        """Send a file of requests up; return its id there."""

        async def send() -> RawResponse:
            with open_plain(file) as opened:  # anew for each try
                form = {"purpose": "batch", "file": (called, opened)}
                load = Load(form=form, seconds=FILE_SECONDS)
                return await self._client.transfer("POST", "/files", load)

        return _text(_object(await self._tried(send)), "id")

    async def find_file(self, called: str) -> str | None:
        """Return the id of a file that was sent up under a name; None where there is none."""
        async for each in self._listed("/files", purpose="batch"):
            if each.get("filename") == called:
                return _text(each, "id")
        return None

    async def create(self, file_id: str, name: str) -> ServiceBatch:
        """Make a batch of an uploaded file. Raises LostAnswerError where it may exist by now."""
        metadata = {MARK: name}
        body: dict[str, Any]
        if self._service == "openai":
            body = {
                "input_file_id": file_id,
                "endpoint": URL,
                "completion_window": "24h",
                "metadata": metadata,
            }
        else:
            body = {
                "input_files": [file_id],
                "endpoint": URL,
                "model": self.endpoint.model,
                "metadata": metadata,
                "timeout_hours": 24,
            }
        for number in self._tries():
            answer = await self._client.transfer("POST", self._form.path, Load(body=body))
            fault = _fault(answer)
            if fault is None:
                return self._read(_object(answer))
            heard = answer.status is None and fault.label != "unreachable"
            if heard or (answer.status or 0) >= 500:
                raise LostAnswerError(fault)
            await self._wait(fault, number)
        raise AssertionError(name)  # the last try has raised

    async def find(self, name: str, since: float) -> ServiceBatch | None:
        """Return the batch that we called so; None where none was made ``since`` (Unix time)."""
        async for told in self._listed(self._form.path):
            batch = self._read(told)
            if batch.name == name:
                return batch
            if batch.created and batch.created < since:
                break
        return None

    async def get(self, batch_id: str) -> ServiceBatch:
        """Return a batch as it is now."""
        return self._read(await self._get(f"{self._form.path}/{quote(batch_id, safe='')}"))

    def without_key(self, raw: bytes) -> bytes:
        """Return a line of results without the endpoint's secrets, should they stand in it."""
        return self._client.without_own_key(raw)

    async def download(self, file_id: str, into: BinaryIO, most: int) -> None:
        """Write a file of results into ``into``, which is emptied first. most: bytes it may have.

        The program itself cannot see every cut; who asked compares the results with the counts.
        """
        path = f"/files/{quote(file_id, safe='')}/content"

        async def send() -> RawResponse:
            into.seek(0)
            into.truncate()
            load = Load(into=into, most=most, seconds=FILE_SECONDS)
            return await self._client.transfer("GET", path, load)

        await self._tried(send)

    async def _listed(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Yield what is listed below a path, the newest first."""
        numbered = self._form.page == "page"
        turn: Any = 0 if numbered else None
        while True:
            query["page_size" if numbered else "limit"] = PAGE
            turned = {} if turn is None else {self._form.page: turn}
            listed = _list(await self._get(path, query | turned))
            for each in listed:
                yield each
            if len(listed) < PAGE:
                return
            turn = turn + 1 if numbered else _text(listed[-1], "id")

    async def _get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        load = Load(urlencode(query or {}))
        return _object(await self._tried(lambda: self._client.transfer("GET", path, load)))

    async def _tried(self, send: Callable[[], Awaitable[RawResponse]]) -> RawResponse:
        """Send until there is an answer without a fault; raises EndpointError as ``_wait`` does."""
        for number in self._tries():
            answer = await send()
            if (fault := _fault(answer)) is None:
                return answer
            await self._wait(fault, number)
        raise AssertionError("the last try has raised")

    def _tries(self) -> range:
        """Return the numbers of the tries that there may be."""
        return range(1, self.endpoint.attempts + 1)

    async def _wait(self, fault: Fault, number: int) -> None:
        """Wait until a fault may have passed; raises EndpointError for one that does not."""
        endpoint, wait = self.endpoint, fault.retry_after
        last = number == endpoint.attempts
        if fault.action != "retry" or last or (wait or 0) > endpoint.longest_wait_seconds:
            missing = fault.label == "not_found"
            more = f" (is there a batch service below {endpoint.base_url}?)" if missing else ""
            raise EndpointError(f"endpoint {endpoint.name!r}: {fault.sentence(more)}")
        usual = min(WAIT_CAP_SECONDS, random.uniform(0.25, 0.5) * 2**number)  # noqa: S311
        await asyncio.sleep(usual if wait is None else wait)

    def _read(self, told: Mapping[str, Any]) -> ServiceBatch:
        status = str(told.get("status")).lower()
        counts = told.get("request_counts") if self._service == "openai" else told
        counts = counts if isinstance(counts, dict) else {}
        done, failed, total = (_count(counts.get(name)) for name in self._form.counts)
        metadata = told.get("metadata")
        name = metadata.get(MARK) if isinstance(metadata, dict) else None
        ids = (told.get(each) for each in self._form.files)
        created = told.get("created_at")
        return ServiceBatch(
            _text(told, "id"),
            name if isinstance(name, str) else None,
            clean_text(status)[:100],
            status in self._form.over,
            done,
            failed,
            total,
            tuple(each for each in ids if isinstance(each, str) and each),
            _errors(told.get("errors")),
            float(created) if isinstance(created, int | float) else 0.0,
        )


class LostAnswerError(Exception):
    """A request to make a batch got no answer that says whether there is one. fault: what came."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.sentence())


def _fault(answer: RawResponse) -> Fault | None:
    if answer.status is not None and 200 <= answer.status < 300:
        return None
    return classify_fault(answer, constrained=False) or Fault("retry", "no_answer", "no answer")


def _object(answer: RawResponse) -> dict[str, Any]:
    told = answer.json()
    if not isinstance(told, dict):
        raise EndpointError(
            "the batch service answered with something that is no JSON object: "
            f"{answer.text()[:200]!r}. Look whether base_url is the service's own."
        )
    return told


def _list(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = told.get("data")
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise EndpointError(
            f"the batch service sent an answer without {name!r}: {dict(told)!r:.200}."
        )
    return value


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _errors(told: Any) -> str:
    """Return what is wrong with a batch as a whole: OpenAI has a list in an object."""
    listed = told.get("data") if isinstance(told, dict) else told
    if not isinstance(listed, list):
        return ""
    said = [
        " ".join(str(each.get(name)) for name in ("code", "line", "message") if each.get(name))
        for each in listed
        if isinstance(each, dict)
    ]
    more = f" and {len(said) - SHOWN_ERRORS} more" if len(said) > SHOWN_ERRORS else ""
    return clean_text("; ".join(said[:SHOWN_ERRORS]) + more)[:2000]
