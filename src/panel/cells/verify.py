"""Whether a journal is as it was written: every line is looked at, and nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from panel.cells.journal import FILE, name_of, parsed
from panel.cells.packed import open_journal, size_of
from panel.cells.seals import Chain, Link, raw_lines
from panel.errors import UsageError
from panel.hashing import content_hash

MISSING = "is to be followed by {:,} bytes more: the compressed file is damaged, or was cut"
LINE_FEED = "has lost its line feed. It is left out"


@dataclass(slots=True)
class Verified:
    """What a journal is found to be.

    lines: whole ones, those at fault included; unsealed: those of older versions among them;
    seals: by number; torn: bytes of an incomplete last line, which a kill may leave; faults:
    number of the line in the file, from 1, and what is wrong with it.
    """

    file: Path
    lines: int = 0
    unsealed: int = 0
    torn: int = 0
    seals: dict[int, str] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)

    @property
    def end(self) -> Link | None:
        """The furthest line that is sealed, which stands for all before it."""
        return Link(max(self.seals), self.seals[max(self.seals)]) if self.seals else None

    def record(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {
            "file": str(self.file),
            "lines": self.lines,
            "unsealed": self.unsealed,
            "torn_bytes": self.torn,
            "line": self.end.number if self.end else None,
            "seal": self.end.seal if self.end else None,
            "faults": [{"line": line, "fault": fault} for line, fault in self.faults],
        }


def verify(file: Path, root: Path) -> Verified:
    """Check each line of a journal; its file is named as seen from ``root``.

    Raises JournalError for a line of a newer format.
    """
    found, end = Verified(file.relative_to(root)), 0
    with open_journal(file) as handle:
        chain = Chain.at(handle, name_of(file))
        for line in raw_lines(handle, chain):
            found.lines, end = found.lines + 1, line.end
            read = parsed(line, file)
            if read.fault:
                found.faults.append((found.lines, read.fault))
            if line.link:
                found.seals[line.link.number] = line.link.seal
            elif read.fields is not None:
                found.unsealed += 1
        handle.seek(end)
        rest = handle.read()
        missing = 0 if file.is_file() else (size_of(file) or 0) - handle.tell()
    if missing > 0:
        found.faults.append((found.lines + 1, MISSING.format(missing)))
    if rest and chain.check(rest[:-1] + b"\n", end + len(rest)).link:  # not torn: it is all there
        found.faults.append((found.lines + 1, LINE_FEED))
    elif rest:
        found.torn = len(rest)
    return found


def kept_receipts(file: Path, journals: list[Verified]) -> list[str]:
    """Say what is not in the journals any more of what ``panel verify --json`` printed earlier.

    Only of runs: the files of ``community/`` are written anew to erase an address. Raises
    UsageError where ``file`` holds no such thing.
    """
    try:
        kept = [
            (Path(each["file"]), each["line"], each["seal"])
            for each in from_json(file.read_bytes())["journals"]
        ]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{file} is not what 'panel verify --json' prints.") from None
    here = {each.file: each.seals for each in journals}
    gone = [path for path, _line, _seal in kept if path not in here and path.name == FILE]
    other = [
        (path, line)
        for path, line, seal in kept
        if path in here and seal is not None and here[path].get(line) != seal
    ]
    return [f"{path}: is not here any more." for path in gone] + [
        f"{path}: line {line} is not the one of the receipt: it was written anew or cut since."
        for path, line in other
    ]


def receipt(journals: list[Verified]) -> str:
    """Return one hash for the ends of all these journals."""
    return content_hash(
        {str(each.file): [each.end.number, each.end.seal] for each in journals if each.end}
    )
