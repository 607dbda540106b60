"""Passes on what a client writes, a line at a time, so that each call is answered.

The SDK drops a line that it cannot read, and its client would wait forever. Such a line is passed
on as a call that only says what was wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from mcp.types import jsonrpc_message_adapter
from pydantic import ValidationError

LONGEST_LINE = 4 * 1024 * 1024  # bytes; the longest answer to a call needs far fewer
END = 1_000  # bytes kept of the end of a longer line: its id may stand there
UNREADABLE = "unreadable"  # the name of the call that stands for such a line
# A string that does not end takes all of the rest: else it would be looked for again at each mark.
_STEP = re.compile(r'"(?P<word>[^"\\]*+(?:\\.[^"\\]*+)*)(?:"(?P<key>\s*:)?|\\?\Z)|[{}\[\]]', re.S)
_ID = r'\s*(-?[0-9]{1,15}|"[^"\\\x00-\x1f]{1,200}")\s*'
_HERE = re.compile(rf"{_ID}[,}}]")
_AT_THE_END = re.compile(rf'"id"\s*:{_ID}(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}}\s*$')


class Lines:
    """Takes bytes as they come and gives whole lines."""

    def __init__(self) -> None:
        self._line, self._end = bytearray(), b""

    def taken(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that end in these bytes."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._add(piece)
            yield self.rest() + b"\n"
        self._add(rest)

    def rest(self) -> bytes:
        """Return the line as far as it has come, and begin another."""
        line, end = bytes(self._line), self._end
        self._line, self._end = bytearray(), b""
        return _passed_on(line, end)

    def _add(self, piece: bytes) -> None:
        room = LONGEST_LINE - len(self._line)
        self._line += piece[:room]
        self._end = (self._end + piece[room:])[-END:]


def _passed_on(line: bytes, end: bytes) -> bytes:
    """Return a line, or the call in its place. end: the end of one that is too long."""
    text = line.decode("utf-8", "replace")
    try:
        if not end:
            jsonrpc_message_adapter.validate_json(text, by_name=False)
            return line
        why = f"has more than {LONGEST_LINE:,} bytes"
    except ValidationError as error:
        why = f"cannot be read: {error.errors(include_url=False, include_input=False)[0]['msg']}"
    last = _AT_THE_END.search(end.decode("utf-8", "replace"))
    number = _id_in(text) or (last and last[1])
    if not number:  # to a message without an id there is no answer
        return b"" if end else line
    call = {"name": UNREADABLE, "arguments": {"why": f"the message {why}."}}
    asked = {"jsonrpc": "2.0", "id": json.loads(number), "method": "tools/call", "params": call}
    return json.dumps(asked).encode()


def _id_in(text: str) -> str | None:
    """Return the id of a message as it is written, even where the rest is no JSON."""
    depth = 0
    for step in _STEP.finditer(text):
        if step[0] in ("{", "["):
            depth += 1
        elif step[0] in ("}", "]"):
            depth -= 1
        elif depth == 1 and step["word"] == "id" and step["key"]:
            found = _HERE.match(text, step.end())
            return found[1] if found else None
    return None
