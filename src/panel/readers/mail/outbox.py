"""Waiting mails, one private file each, deleted once they are sent or too old."""

from __future__ import annotations

import email
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from filelock import FileLock, Timeout

from panel.readers.mail.message import POLICY, WIRE, address_header, one_line
from panel.readers.mail.smtp import SmtpSender

FOLDER = "outbox"
KEPT = timedelta(days=7)  # as long as the links in them are valid


@dataclass(frozen=True, slots=True)
class Flushed:
    """How many mails were sent, were refused for good, still wait, and were too old."""

    sent: int = 0
    bounced: int = 0
    waiting: int = 0
    expired: int = 0


class Outbox:
    """A folder of mails to single addresses, ``<time>-<random>.eml``, mode 0600."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, message: EmailMessage) -> Path:
        """Store a message, completely or not at all; return its file."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.eml"
        fresh = self.folder / f".{name}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(message.as_bytes(policy=WIRE))
            handle.flush()
            os.fsync(handle.fileno())
        return fresh.rename(self.folder / name)

    def waiting(self) -> list[Path]:
        """Return the files of the waiting mails, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(file for file in self.folder.glob("*.eml") if not file.name.startswith("."))

    def expire(self) -> int:
        """Delete the mails older than seven days; return how many."""
        expired = 0
        for file in self.waiting():
            if time.time() - file.stat().st_mtime > KEPT.total_seconds():
                file.unlink(missing_ok=True)
                expired += 1
        return expired

    def flush(self, smtp: SmtpSender) -> Flushed:
        """Send the waiting mails; raises MailError and keeps everything that is unsent.

        A mail that may have arrived is not sent again. While another process flushes this
        outbox, this does nothing.
        """
        if not self.folder.is_dir():
            return Flushed()
        with self._alone() as alone:
            if not alone:
                return Flushed(waiting=len(self.waiting()))
            expired = self.expire()
            counts = {"sent": 0, "bounced": 0, "failed": 0, "unknown": 0}
            for file in self.waiting():
                message = email.message_from_bytes(file.read_bytes(), policy=POLICY)
                if "From" not in message:  # written before there were settings
                    sender = smtp.settings.sender
                    message["From"] = address_header(sender.address, one_line(sender.name))
                handed = smtp.hand_over(message["To"].addresses[0].addr_spec, message)
                counts[handed.state] += 1
                if handed.state != "failed":
                    file.unlink(missing_ok=True)
            sent = counts["sent"] + counts["unknown"]
            return Flushed(sent, counts["bounced"], counts["failed"], expired)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        lock = FileLock(self.folder / ".lock", mode=0o600, fallback_to_soft=False)
        try:
            held = lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        with held:
            yield True
