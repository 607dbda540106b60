"""Journals: what happened, one JSON line each, on disk before anything else is done with it.

A run owns one file, ``runs/<run-id>/attempts.jsonl``, and is the only one to append to it.
Kinds of lines (field ``kind``):

    run      the invocation: id, start, version, endpoint, model, selection
    tool     a tool as it was when its first cell was asked
    persona  a persona likewise
    message  a rendered message, named by its content hash; attempts refer to it
    attempt  one request and its outcome, with the whole raw body of the answer
    adopt    a cell whose earlier answer counts again (its text was changed back)
    canary   a cell with an answer that this run asks again, to see whether the model has moved
    thaw     an answer brought in from verdicts/, where an earlier store froze it
    decision what an editor decided on a take: approve, reject, edit, ask_again or undo, with
             the whole wording decided on
    reparse  what a later parser made of the reply of an attempt, of any run
    end      how the run stopped, and what was learned of the server

Every line carries its ``format``. Lines of an older format are read as lines of the present
one; a line of a newer one is refused. A kill can tear at most the last line; readers leave a
line without its line feed alone.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from panel import __version__
from panel.cells.cells import Cell, ModelIdentity
from panel.errors import JournalError
from panel.hashing import content_hash
from panel.text import clean_text
from panel.workspace.personas import Persona
from panel.workspace.prompts import Messages
from panel.workspace.tools import Tool
from panel.workspace.verdict import Verdict

FILE = "attempts.jsonl"
FORMAT = 2
_OLD_KINDS = {"reading": "reparse"}  # of format 1, whose lines need not say their format
_OLD_FIELDS = {"rung": "output_mode"}


def utc_now() -> str:
    """Return the time in UTC, ISO 8601 with microseconds and no zone mark."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def new_run_id() -> str:
    """Return an id that sorts by time and does not repeat: 20261124T093000Z-5f2c1a."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def encode(line: Mapping[str, Any]) -> bytes:
    """Serialise one line; text that UTF-8 cannot hold is written with U+FFFD in its place."""
    try:
        return to_json(line) + b"\n"
    except (PydanticSerializationError, UnicodeEncodeError):
        return to_json(_encodable(line)) + b"\n"


def journal_line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Serialise one line of a journal."""
    return encode({"kind": kind, "format": FORMAT, **fields})


def run_line(
    panel: Iterable[Persona],
    asked: ModelIdentity | None = None,
    purpose: str = "",
    planned: int = 0,
    reused: int = 0,
) -> bytes:
    """Return the first line of a run. purpose: what a run that asks no model does."""
    return journal_line(
        "run",
        {
            "started_at": utc_now(),
            "version": __version__,
            "endpoint": asked.endpoint if asked else "",
            "model": asked.model if asked else "",
            "model_identity": str(asked) if asked else purpose,
            "panel": [persona.id for persona in panel],
            "planned": planned,
            "reused": reused,
        },
    )


def record_lines(
    tools: Iterable[Tool], personas: Iterable[Persona], known: Container[str]
) -> bytes:
    """Return the lines of tools and personas as they are now, but for those already ``known``.

    known: content hashes of records that a journal holds as the latest ones.
    """
    now = utc_now()
    lines = [
        journal_line(kind, {"digest": digest, "seen_at": now, "record": item.record()})
        for kind, items in (("tool", tools), ("persona", personas))
        for item in items
        if (digest := item.digest()) not in known
    ]
    return b"".join(lines)


def end_line(stopped: str | None = None, **server: Any) -> bytes:
    """Return the last line of a run. stopped: why early, None when it went to its end."""
    return journal_line("end", {"finished_at": utc_now(), "stopped": stopped, **server})


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value


class JournalWriter:
    """Appends lines to the journal of one run. The file is made with the first line.

    ``append`` returns once the lines are on disk (fsync). Not safe for two threads at once.
    """

    def __init__(self, runs: Path, run_id: str) -> None:
        self.run_id = run_id
        self.file = runs / run_id / FILE
        self._descriptor: int | None = None

    @property
    def started(self) -> bool:
        """Whether anything has been written."""
        return self._descriptor is not None

    def append(self, lines: bytes) -> None:
        """Write complete lines and force them to disk; raises JournalError.

        After a failed write the file is cut back to its last whole line, so that what
        follows does not run into the torn one.
        """
        try:
            if self._descriptor is None:
                self._descriptor = self._create()
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            try:
                view = memoryview(lines)
                while view:
                    view = view[os.write(self._descriptor, view) :]
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, end)
                raise
        except OSError as error:
            raise JournalError(
                f"cannot write {self.file}: {error.strerror}. Make room or mend the rights, then "
                "run again: everything written so far is kept."
            ) from None

    def _create(self) -> int:
        self.file.parent.mkdir(parents=True, exist_ok=False)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = os.open(self.file, flags, 0o644)
        for folder in (self.file.parent, self.file.parent.parent):
            handle = os.open(folder, os.O_RDONLY)  # a new name is on disk once its folder is
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return descriptor

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal on disk: its run id, its path, its size in bytes."""

    run_id: str
    file: Path
    size: int


def find_journals(runs: Path) -> list[JournalFile]:
    """Return the journals below ``runs``, oldest run first."""
    found = []
    if runs.is_dir():
        for entry in sorted(runs.iterdir()):
            file = entry / FILE
            if file.is_file():
                found.append(JournalFile(entry.name, file, file.stat().st_size))
    return found


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A line read back: ``fields`` (None when it is not a JSON object), and where it ends."""

    fields: dict[str, Any] | None
    end: int


def read_lines(file: Path, offset: int = 0) -> Iterator[JournalLine]:
    """Yield the whole lines from byte ``offset`` on; a torn last line is not among them.

    Lines of an older format come as lines of the present one. Raises JournalError for a line
    of a newer format.
    """
    with file.open("rb") as handle:
        handle.seek(offset)
        for raw in handle:
            if not raw.endswith(b"\n"):
                return
            offset += len(raw)
            try:
                fields = from_json(raw)
            except ValueError:
                fields = None
            yield JournalLine(_present(fields, file) if isinstance(fields, dict) else None, offset)


def _present(fields: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return a line as a line of the present format."""
    written = fields.get("format", 1)
    if written == FORMAT:
        return fields
    if not isinstance(written, int) or written > FORMAT:
        raise JournalError(
            f"{file} was written by a newer version of panel (format {written!r}; this version "
            f"reads up to {FORMAT}). Update panel."
        )
    if fields.get("kind") in _OLD_KINDS:
        fields["kind"] = _OLD_KINDS[fields["kind"]]
    return {_OLD_FIELDS.get(name, name): value for name, value in fields.items()}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what became of it: everything an ``attempt`` line holds.

    messages: what this very request showed the model, repairs included. final: the cell
    ends with it. body: the raw answer, kept whatever it is; None when none arrived.
    """

    cell: Cell
    ordinal: int
    messages: Messages
    output_mode: str
    repair: bool
    started_at: str
    finished_at: str
    seconds: float
    final: bool
    outcome: str
    reason: str | None = None
    detail: str | None = None
    verdict: Verdict | None = None
    reply: str | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    returned_model: str | None = None
    system_fingerprint: str | None = None
    body: bytes | None = None
    degraded: bool = False
    adapted: tuple[str, ...] = ()


_COPIED = [
    item.name
    for item in fields(Attempt)
    if item.name not in ("cell", "messages", "verdict", "body")
]


class Recorder:
    """Turns attempts into journal lines; writes each message of a run only once."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._count = 0
        self._messages: dict[tuple[str, str], str] = {}

    def attempt_lines(self, attempt: Attempt) -> bytes:
        """Return the lines of an attempt: messages not yet written, then the attempt."""
        lines: list[bytes] = []
        hashes = []
        for message in attempt.messages:
            known = self._messages.get(message)
            if known is None:
                role, content = message
                known = self._messages[message] = content_hash([role, content])
                shown = {"message": known, "role": role, "content": content}
                lines.append(journal_line("message", shown))
            hashes.append(known)
        self._count += 1
        line: dict[str, Any] = {
            "attempt_id": f"{self._run_id}-{self._count:07}",
            **cell_fields(attempt.cell),
            **{name: getattr(attempt, name) for name in _COPIED},
            "messages": hashes,
        }
        if attempt.verdict is not None:
            line |= verdict_fields(attempt.verdict)
        lines.append(journal_line("attempt", line | body_fields(attempt.body)))
        return b"".join(lines)


def cell_fields(cell: Cell) -> dict[str, Any]:
    """Return what names a cell in a journal line, with the hashes of what went into it."""
    return {
        "tool": cell.tool.slug,
        "persona": cell.persona.id,
        "endpoint": cell.model.endpoint,
        "model": cell.model.model,
        "model_identity": str(cell.model),
        "repeat": cell.repeat,
        "fingerprint": cell.fingerprint,
        **asdict(cell.inputs),
    }


def verdict_fields(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the fields of a journal line."""
    return {
        "verdict": verdict.verdict,
        "confidence": verdict.confidence,
        "take": verdict.take,
        "beats": verdict.beats,
        "evidence": verdict.evidence,
    }


def body_fields(body: bytes | None) -> dict[str, str]:
    """Keep a body without loss: as text where it is UTF-8, else also in base64."""
    if body is None:
        return {}
    try:
        return {"body": clean_text(body.decode())} if b"\0" not in body else _binary(body)
    except UnicodeDecodeError:
        return _binary(body)


def _binary(body: bytes) -> dict[str, str]:
    readable = clean_text(body.decode("utf-8", "replace"))
    return {"body": readable, "body_base64": base64.b64encode(body).decode()}


def bytes_of(line: Mapping[str, Any]) -> bytes:
    """Return the body that ``body_fields`` wrote into a line; raises ValueError for none."""
    if "body_base64" in line:
        return base64.b64decode(line["body_base64"], validate=True)
    return str(line.get("body", "")).encode()
