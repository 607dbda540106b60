"""Record and replay: every answer of an endpoint is kept in a file, which can then answer instead.

With a recording, CI can try prompts without a model. An answer is found by the cell's
fingerprint and the exact request. A request that the file cannot answer is an error of that
cell and never a live call. Neither requests nor answers hold a key.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self, TextIO

from pydantic_core import from_json

from panel.cells.cells import Cell
from panel.cells.lines import body_fields, bytes_of
from panel.endpoint.client import Client
from panel.endpoint.faults import NOT_RECORDED
from panel.endpoint.output_modes import RequestProfile
from panel.endpoint.responses import RawResponse
from panel.endpoint.servers import Server
from panel.errors import UsageError
from panel.hashing import content_hash
from panel.workspace.plain_files import LARGEST, refuse_link_on_the_way

FORMAT = 1
HEADERS = ("content-type", "location")  # the ones that matter for what an answer means


class RecordingClient:
    """Asks through a client and records each answer in a file, which must not exist yet.

    An answer that cannot be recorded is paid for and goes its way, into the journal. Then the
    recording is over: the next request raises UsageError before it is sent, and so does the end.
    """

    def __init__(
        self, client: Client, file: Path, server: Server, request_profile: RequestProfile
    ) -> None:
        self._client = client
        self._name, self._file = file, _create(file)
        self._full: UsageError | None = None  # why nothing more can be recorded
        self._write(
            {
                "kind": "recording",
                "format": FORMAT,
                "server": server.name,
                "version": server.version,
                "shape": request_profile.record(),
            }
        )

    async def complete(self, body: dict[str, Any], cell: Cell) -> RawResponse:
        """Ask as Client.complete does, and record the answer before it is used."""
        if self._full is not None:
            raise self._full
        answer = await self._client.complete(body, cell)
        line: dict[str, Any] = {
            "kind": "answer",
            "tool": cell.tool.slug,
            "persona": cell.persona.id,
            "repeat": cell.repeat,
            "fingerprint": cell.fingerprint,
            "request": content_hash(body),
            "status": answer.status,
            "headers": {name: answer.headers[name] for name in HEADERS if name in answer.headers},
        }
        if answer.transport_fault is not None:
            line["transport_fault"] = list(answer.transport_fault)
        if self._full is None:
            try:
                self._write(line | body_fields(answer.body))
            except UsageError as error:
                self._full = error
        return answer

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(
                f"{self._name} cannot be written: {error.strerror}. Everything answered is kept; "
                "the next run goes on."
            ) from None

    def close(self) -> None:
        """Close the file; raises UsageError where it lacks an answer."""
        with suppress(OSError):  # of what was left to write
            self._file.close()
        if self._full is not None:
            raise self._full


def _create(file: Path) -> TextIO:
    refuse_link_on_the_way(file)
    try:
        return file.open("x", encoding="utf-8", errors="surrogatepass")
    except FileExistsError:
        raise UsageError(
            f"{file} is there already. A recording belongs to one run: remove it, or name another."
        ) from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from None


class ReplayClient:
    """Answers from a recording, in the order in which one cell's requests were answered."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = iter(_lines(file))
        head = next(lines, {})
        if head.get("kind") != "recording" or head.get("format") != FORMAT:
            raise UsageError(
                f"{file} is not a recording that this version reads. "
                "Make one: 'panel run --record'."
            )
        self.server = Server(f"{head.get('server')} (recorded)", head.get("version"))
        self.request_profile = _request_profile(file, head)
        self._answers: dict[tuple[str, str], deque[RawResponse]] = defaultdict(deque)
        for number, line in enumerate(lines, 2):
            try:
                key = (str(line["fingerprint"]), str(line["request"]))
                self._answers[key].append(_answer(line))
            except (KeyError, TypeError, ValueError):
                raise UsageError(f"{file}:{number} is not an answer. Record it again.") from None

    async def complete(self, body: dict[str, Any], cell: Cell) -> RawResponse:
        """Return the recorded answer; the fault NOT_RECORDED where there is none."""
        found = self._answers.get((cell.fingerprint, content_hash(body)))
        if found:
            return found.popleft()
        detail = (
            f"{self.file.name} holds no answer of {cell.persona.id} on {cell.tool.slug} to the "
            "present question"
        )
        return RawResponse(0.0, transport_fault=(NOT_RECORDED, detail))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open("rb") as stream:
            # A device may give one line without end.
            for number, raw in enumerate(iter(partial(stream.readline, LARGEST), b""), 1):
                if len(raw) == LARGEST:
                    most = f"{LARGEST // 1024**2} MiB"
                    raise UsageError(f"{file}:{number} has more than {most}. Remove that line.")
                if not raw.endswith(b"\n"):  # cut off by a kill: its answer was never used
                    return
                try:
                    line = from_json(raw)
                except ValueError:
                    line = None
                if not isinstance(line, dict):
                    raise UsageError(f"{file}:{number} is not JSON. Record it again.")
                yield line
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None


def _request_profile(file: Path, head: dict[str, Any]) -> RequestProfile:
    try:
        return RequestProfile.of(head["shape"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(f"{file}:1 has no shape that can be read. Record it again.") from None


def _answer(line: dict[str, Any]) -> RawResponse:
    fault = line.get("transport_fault")
    return RawResponse(
        seconds=0.0,
        status=line["status"],
        headers=dict(line["headers"]),
        body=bytes_of(line),
        transport_fault=(str(fault[0]), str(fault[1])) if fault else None,
    )
