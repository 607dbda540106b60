"""The standard streams and the terminal's size, made usable whatever the process was given."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, TextIO

from panel.text import harmless

_FORGIVING = "replace"
# What raises for a character that the stream's encoding lacks. Python picks the second itself in
# the C locale; other handlers were asked for with PYTHONIOENCODING, and stay.
_RAISING = ("strict", "surrogateescape")


def open_streams() -> None:
    """Make stdin, stdout and stderr usable, and forget a terminal's size that is none.

    A closed stream becomes /dev/null, or the next file to be opened (the database, say) would get
    its number and with it all that is printed. A character that an encoding lacks is printed as
    "?". The encoding itself stays as PYTHONIOENCODING or the locale has it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number free
    unheard = sys.stdout is None
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")
    if unheard:
        with suppress(OSError):
            print("panel: stdout is closed, so what belongs there is lost.", file=sys.stderr)  # noqa: T201
    sys.stdout = _whole(sys.stdout)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _RAISING:
            stream.reconfigure(errors=_FORGIVING)
    for name in ("COLUMNS", "LINES"):  # rich ends in a traceback for "²", and in none for 10^8
        if not re.fullmatch(r"0*[1-9][0-9]{0,3}", os.environ.get(name, "1")):
            del os.environ[name]


def _whole(stream: TextIO) -> TextIO:
    """Return the stream with a buffer: without one (PYTHONUNBUFFERED), half a write is no error."""
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.FileIO):
        return stream
    again = io.FileIO(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(again), stream.encoding, stream.errors, line_buffering=True
    )


def _stream(number: int, mode: str) -> io.TextIOWrapper:
    stream = open(number, mode, encoding="utf-8", errors=_FORGIVING, closefd=False)  # noqa: SIM115
    assert isinstance(stream, io.TextIOWrapper)
    return stream


def give_up_streams() -> None:
    """Point a stream that takes no more to /dev/null, or Python complains at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def to_stdout(output: Path | None) -> bool:
    """Whether the value of an output option means stdout: none is given, or "-"."""
    return output is None or str(output) == "-"


def is_a_file(stream: TextIO) -> bool:
    """Whether the shell has put a file in the stream's place."""
    try:
        return S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # no stream of the system's
        return False


class Printed:
    """Stdout for a reader that may be a terminal: what could act on one is made harmless."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def buffer(self) -> BinaryIO:
        """For bytes, which only one who asked for them gets."""
        return self._stream.buffer

    @property
    def encoding(self) -> str:
        """As of stdout."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write harmless text."""
        return self._stream.write(harmless(text))
