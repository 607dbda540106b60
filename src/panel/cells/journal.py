"""Journals: what happened, one JSON line each, on disk before anything else is done with it.

A run owns one file, ``runs/<run-id>/attempts.jsonl``, and is the only one to append to it. A run
of several processes has one more for each, ``runs/<run-id>-w<hex>/attempts.jsonl``, with what
that process asked; its lines are the run's.
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
    draft    what an editor has typed on a take and not decided yet; empty: nothing is left
    assign   whose a take is to decide on
    rename   a tool or persona that goes by another name from now on, with all it has
    draw     a question that was drawn for people to answer themselves, with the panel's verdict
    label    what a person said to a drawn question: ship or skip, and a note
    request  one request of a batch's file, with all that its answer will need
    batch    what became of a batch: written, about to be submitted, submitted, ended
    probability  one request to /v1/decisions about an attempt's take: how probable "ship" is
    reparse  what a later parser made of the reply of an attempt, of any run
    end      how the run stopped, and what was learned of the server

Every line carries its ``format``. Lines of an older format are read as lines of the present
one; a line of a newer one is refused. Every line is sealed (cells/seals.py). A kill can tear at
most the last line; readers leave a line without its line feed alone.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic_core import PydanticSerializationError, from_json, to_json

from panel.cells.packed import open_journal, size_of
from panel.cells.seals import UNSEALED, Chain, RawLine, line_at, raw_lines
from panel.errors import JournalError
from panel.workspace.plain_files import refuse_odd, sync_folder
from panel.workspace.scaffold import make_runs

FILE = "attempts.jsonl"
PART_BYTES = 1 << 20
FORMAT = 4
NO_OBJECT = "is no JSON object. It is left out"
UNFIT = "has fields that fit no table. It is left out"
SEALED_FORMATS = (4,)  # whose lines have seals
_OLD_KINDS = {"reading": "reparse"}  # of format 1, whose lines need not say their format
_OLD_FIELDS = {"rung": "output_mode"}


_ahead = timedelta()


def keep_after(latest: datetime | None) -> None:
    """Have ``utc_now`` tell no time up to ``latest``, the last that a journal tells, if any.

    What is written next comes after it, though the clock went back: the last answer counts.
    """
    global _ahead  # noqa: PLW0603 - there is one clock
    behind = latest - _clock() if latest is not None else timedelta()
    _ahead = max(timedelta(), behind + timedelta(microseconds=1))


def _clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def utc_now() -> str:
    """Return the time in UTC, ISO 8601 with microseconds and no zone mark."""
    return (_clock() + _ahead).isoformat(timespec="microseconds")


def utc_after(latest: str) -> str:
    """Return the time now, or a microsecond after ``latest`` if the clock has gone back."""
    now = utc_now()
    if now > latest:
        return now
    try:
        moment = datetime.fromisoformat(latest) + timedelta(microseconds=1)
    except OverflowError:  # the last moment that there is
        return latest
    return moment.isoformat(timespec="microseconds")


def new_run_id() -> str:
    """Return an id that sorts by time and does not repeat: 20261124T093000Z-5f2c1a."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def part_id(run_id: str) -> str:
    """Return the name of one more journal of a run that writes several: <run-id>-w5f2c1a."""
    return f"{run_id}-w{secrets.token_hex(3)}"


def run_of(name: str) -> str:
    """Return the run that a journal belongs to, by the journal's name: most often the same."""
    return re.sub(r"-w[0-9a-f]{6}\Z", "", name)


def encode(line: Mapping[str, Any]) -> bytes:
    """Serialise one line; text that UTF-8 cannot hold is written with U+FFFD in its place."""
    try:
        return to_json(line) + b"\n"
    except (PydanticSerializationError, UnicodeEncodeError):
        return to_json(_encodable(line)) + b"\n"


def journal_line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Serialise one line of a journal."""
    return encode({"kind": kind, "format": FORMAT, **fields})


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
        self._chain = Chain(run_id)
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def started(self) -> bool:
        """Whether anything has been written."""
        return self._descriptor is not None

    def append_all(self, lines: Iterable[bytes]) -> None:
        """Append any number of lines, about a megabyte at a time; raises JournalError."""
        part = bytearray()
        for line in lines:
            part += line
            if len(part) >= PART_BYTES:
                self.append(bytes(part))
                part.clear()
        if part:
            self.append(bytes(part))

    def append(self, lines: bytes) -> None:
        """Seal complete lines, write them and force them to disk; raises JournalError.

        After a failed write the file is cut back to its last whole line, so that what
        follows does not run into the torn one.
        """
        sealed, furthest = self._chain.seal(lines)
        try:
            if self._descriptor is None:
                self._descriptor = self._create()
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            try:
                view = memoryview(sealed)
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
        self._chain.furthest = furthest

    def _create(self) -> int:
        make_runs(self.file.parent.parent)
        self.file.parent.mkdir()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = os.open(self.file, flags, 0o644)
        for folder in (self.file.parent, self.file.parent.parent):
            sync_folder(folder)  # a new name is on disk once its folder is
        return descriptor

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A journal on disk: its run id, its path, the size of its lines in bytes.

    It may be compressed (cells/packed.py): ``open_journal`` opens it either way.
    """

    run_id: str
    file: Path
    size: int


def find_journals(runs: Path) -> list[JournalFile]:
    """Return the journals below ``runs``, oldest run first.

    Raises WorkspaceError where ``runs`` or the folder of a run has an odd entry: what others have
    is neither read nor written to, and no pipe is waited for.
    """
    found = []
    refuse_odd(runs)
    if runs.is_dir():
        for entry in sorted(runs.iterdir()):
            file = entry / FILE
            if entry.is_dir():
                refuse_odd(entry)
            if (size := size_of(file)) is not None:
                found.append(JournalFile(entry.name, file, size))
    return found


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A line read back: its fields, the byte where it ends, and its seal, None without one.

    fields: None where it is no JSON object, or does not hold its seal. fault: what is wrong
    with it or with its place, None where nothing is.
    """

    fields: dict[str, Any] | None
    end: int
    seal: str | None = None
    fault: str | None = None

    def told(self, file: Path) -> str:
        """Say what is wrong with the line, and where in ``file``."""
        with open_journal(file) as handle:
            return f"{file}:{line_at(handle, self.end)}: {self.fault or UNFIT}."


def name_of(file: Path) -> str:
    """Return the name of a journal, under which its seals hold: its run's, or its own."""
    return file.parent.name if file.name == FILE else file.name


def read_lines(file: Path, offset: int = 0) -> Iterator[JournalLine]:
    """Yield the whole lines from byte ``offset`` on; a torn last line is not among them.

    Lines of an older format come as lines of the present one. Raises JournalError for a line
    of a newer format.
    """
    with open_journal(file) as handle:
        chain = Chain.at(handle, name_of(file), offset)
        for line in raw_lines(handle, chain, offset):
            yield parsed(line, file)


def parsed(line: RawLine, file: Path) -> JournalLine:
    """Return a line with its fields, without those of its seal; raises as ``read_lines``."""
    fields = fields_of(line)
    if fields is None:
        return JournalLine(None, line.end, None, line.fault or NO_OBJECT)
    if line.link is None and fields.get("format") in SEALED_FORMATS:
        return JournalLine(None, line.end, None, UNSEALED)
    seal = line.link.seal if line.link else None
    return JournalLine(_present(fields, file), line.end, seal, line.fault)


def fields_of(line: RawLine) -> dict[str, Any] | None:
    """Return the fields of a line that counts, without those of its seal; None for no object."""
    try:
        fields = from_json(line.raw) if line.counts else None
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    for name in ("line", "after", "seal") if line.link else ():
        del fields[name]
    return fields


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
