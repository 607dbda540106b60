"""What one connection sends and reads: answers that arrive, and nothing read ahead of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.flow_control import FlowControl


class Wire:
    """A transport that counts what is written, and closes so that the client reads the answer.

    Closing a socket on which unread data waits resets the connection, and the client may lose
    the answer that says why. So while the client may be in the middle of a request (``conn``
    tells), only our side is ended; what still comes is thrown away.
    """

    def __init__(self, transport: asyncio.Transport, conn: h11.Connection) -> None:
        self._transport, self._conn = transport, conn
        self.written = 0
        self.ended_at: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes; none once our side is ended."""
        if self.ended_at is None:
            self.written += len(data)
            self._transport.write(data)

    def moved(self) -> int:
        """Return how many bytes have gone out."""
        return self.written - self._transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.ended_at is not None or self._transport.is_closing()

    def close(self) -> None:
        """Close, or end our side of it."""
        sending = self._conn.their_state in (h11.SEND_BODY, h11.ERROR)
        if sending and not self._transport.is_closing():
            self.end()
        else:
            self._transport.close()

    def end(self) -> None:
        """End our side."""
        if not self.is_closing():
            self.ended_at = asyncio.get_running_loop().time()
            with suppress(OSError):  # reset by the other side a moment ago
                self._transport.write_eof()
            self._transport.resume_reading()


class Flow(FlowControl):
    """Reads nothing ahead of an answer. uvicorn reads on as soon as an application asks for more.

    So each small request that came with others would take in as much again as is read at once.
    """

    def __init__(self, wire: Wire, conn: h11.Connection) -> None:
        super().__init__(wire)  # type: ignore[arg-type]
        self._conn = conn

    def resume_reading(self) -> None:
        """Read on, unless a request is whole."""
        if self._conn.their_state not in (h11.DONE, h11.MUST_CLOSE):
            super().resume_reading()
