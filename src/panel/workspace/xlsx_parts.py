"""Reads the parts of a workbook that are asked for, and no more of them than was bargained for."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any
from xml.parsers import expat

from panel.workspace.plain_files import LARGEST

UNPACKED = 2 * LARGEST  # bytes of the parts that are read of a workbook
MOST_TAGS = 8_000_000  # of one part; a cell of text has six
_LONGEST_TAG = 1_000_000  # bytes; each of its attributes is kept until it ends
_CHUNK = 65_536
_MOST_PARTS = 10_000
_MOST_LISTED = 200_000  # Excel keeps 65,490 styles

Inside = Mapping[str, tuple[str, ...]]  # by an element's name, those in it that are looked for
Begin = Callable[[str, dict[str, str]], None]


class TooLargeError(Exception):
    """A workbook holds more than it may; told by the bound."""


class Walk:
    """Walks through the elements of XML that are looked for; others are left out with all in them.

    text: of the innermost of these, where it is a "t" or a "v".
    """

    def __init__(
        self,
        inside: Inside,
        begin: Begin,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self._inside, self._opened, self._closed = inside, begin, end
        self.text: list[str] = []
        self._open = [""]
        self._skipped = 0

    def parse(self, chunks: Iterable[bytes]) -> None:
        """Walk through a part; raises ExpatError, ValueError and what the callers do."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse
        if self._closed is not None:
            parser.CharacterDataHandler = self._data
        read = tags = 0
        for chunk in chunks:
            read += len(chunk)
            tags += chunk.count(b"<")
            if tags > MOST_TAGS:
                raise TooLargeError(f"{MOST_TAGS:,} tags in a part")
            parser.Parse(chunk)
            if read - parser.CurrentByteIndex > _LONGEST_TAG:
                raise ValueError("a tag in it is longer than any is")
        parser.Parse(b"", True)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
            return
        if ":" in name:
            name = name.rpartition(":")[2]
        if name in self._inside.get(self._open[-1], ()):
            self._open.append(name)
            self._opened(name, attributes)
        else:
            self._skipped = 1

    def _end(self, _name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            name = self._open.pop()
            if self._closed is not None:
                self._closed(name)

    def _data(self, text: str) -> None:
        if not self._skipped and self._open[-1] in ("t", "v"):
            self.text.append(text)

    def _refuse(self, *_declared: Any) -> None:
        raise ValueError("it declares a type of its own")


class Parts:
    """The parts of a workbook; what an archive says of their sizes is not believed."""

    def __init__(self, raw: bytes) -> None:
        if raw.count(b"PK\1\2") > _MOST_PARTS:
            raise ValueError("it has more parts than a workbook has")
        self._packed = zipfile.ZipFile(io.BytesIO(raw))
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._packed.infolist():
            name = entry.filename.lower()  # Excel does not tell them apart by that
            if name in self._entries:
                raise ValueError("it holds a part twice")
            self._entries[name] = entry
        if "xl/workbook.xml" not in self._entries:
            raise ValueError("it is no Excel workbook")
        self._left = UNPACKED

    def path(self, target: str) -> str:
        """Return the name of the part that a relation of the workbook leads to."""
        inside = target if target.startswith(("/", "xl/")) else f"xl/{target}"
        return posixpath.normpath(inside).lstrip("/").lower()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def parse(self, name: str, walk: Walk) -> None:
        """Read the XML of a part."""
        if name not in self._entries:
            raise ValueError(f"it has no part {name[:100]!r}")
        entry = self._entries[name]
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is packed in another way")
        with self._packed.open(entry) as part:
            walk.parse(self._chunks(part))

    def _chunks(self, part: IO[bytes]) -> Iterator[bytes]:
        while chunk := part.read(_CHUNK):
            self._left -= len(chunk)
            if self._left < 0:
                raise TooLargeError(f"{UNPACKED // 1024**2} MiB unpacked")
            yield chunk

    def elements(self, name: str, inside: Inside) -> list[tuple[str, dict[str, str]]]:
        """Return the names and attributes of the few elements of a part that are looked for."""
        found: list[tuple[str, dict[str, str]]] = []

        def begin(name: str, attributes: dict[str, str]) -> None:
            found.append((name, attributes))
            if len(found) > _MOST_LISTED:
                raise ValueError("it lists more than a workbook has")

        self.parse(name, Walk(inside, begin))
        return found
