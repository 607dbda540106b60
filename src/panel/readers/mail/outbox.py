"""Waiting mails, one private file each, deleted once they are sent or too old."""

from __future__ import annotations

import email
import math
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from filelock import FileLock, Timeout

from panel.errors import UsageError
from panel.readers.community.addresses import parse_address
from panel.readers.community.ledger import write_private, writing_to
from panel.readers.mail.message import POLICY, WIRE, address_header, one_line
from panel.readers.mail.smtp import MailError, SmtpSender
from panel.workspace.plain_files import open_plain, sync_folder

FOLDER = "outbox"
KEPT = timedelta(days=7)  # as long as the links in them are valid
HALVES_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Flushed:
    """How many mails were sent, refused for good, still wait, were too old or unreadable.

    more: whether the time was over before each mail had its turn.
    """

    sent: int = 0
    bounced: int = 0
    waiting: int = 0
    expired: int = 0
    damaged: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that waits: its id (which stays the same), its file, whom it goes to, and the mail."""

    id: str
    file: Path
    to: str
    message: EmailMessage


def _anything(_mail: Waiting) -> bool:
    return True


def _nothing(_mail: Waiting) -> None:
    return


class Outbox:
    """A folder of mails to single addresses, ``<time>-<random>.eml``, mode 0600.

    The mail that was tried least often is next, and of these the newest: whatever waits, a new
    mail only waits for the one that is being handed over. wanted: whether a mail is to be sent
    still; asked before each attempt. bounced: told of each mail that is refused for good.
    retry_seconds: how long a mail waits that could not be sent. pause: waits so many seconds: a
    mail that is not wanted takes as long as the one that was sent before it, or the next one would
    tell by when it comes whether it was. Raises JournalError where the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[Waiting], bool] = _anything,
        bounced: Callable[[Waiting], None] = _nothing,
        retry_seconds: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder = folder
        self._wanted, self._bounced = wanted, bounced
        self._retry_seconds, self._pause = retry_seconds, pause
        self._took = 0.0  # seconds to hand over the last mail
        self._tried: dict[str, tuple[int, float]] = {}  # id → how often, and when it is due again

    def put(self, message: EmailMessage) -> Path:
        """Store a message, completely or not at all; it is on disk when this returns its file."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.eml"
        fresh, file = self.folder / f".{name}", self.folder / name
        with writing_to(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                write_private(fresh, message.as_bytes(policy=WIRE))
                fresh.rename(file)
                sync_folder(self.folder)
            except OSError:
                for left in (fresh, file):  # it holds an address, and nobody was promised it
                    left.unlink(missing_ok=True)
                raise
        return file

    def waiting(self) -> list[Path]:
        """Return the files of the waiting mails, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(file for file in self.folder.glob("*.eml") if not file.name.startswith("."))

    def expire(self) -> int:
        """Delete the mails older than seven days, and halves that a kill left; return how many."""
        expired = 0
        for file in self.folder.glob("*.eml"):
            kept = HALVES_KEPT if file.name.startswith(".") else KEPT
            with suppress(FileNotFoundError):  # put() has renamed it
                if time.time() - file.stat().st_mtime > kept.total_seconds():
                    file.unlink()
                    expired += 1
        return expired

    def flush(self, smtp: SmtpSender | None, seconds: float = math.inf) -> Flushed:
        """Try each waiting mail that is due once, in ``seconds`` or a little more.

        Raises MailError and keeps everything that is unsent. Without ``smtp``, only what is not
        wanted or too old is deleted. A mail that may have arrived is not sent again, unless the
        process is killed between the server's answer and the deletion of the file; the Message-ID
        is then the same. While another process flushes this outbox, this does nothing.
        """
        if not self.folder.is_dir():
            return Flushed()
        with writing_to(self.folder), self._alone() as alone:
            if not alone:
                return Flushed(waiting=len(self.waiting()))
            counts = dict.fromkeys(("sent", "bounced", "failed", "unknown", "damaged", "left"), 0)
            expired, end, done = self.expire(), time.monotonic() + seconds, set[Path]()
            there = {file.stem for file in self.waiting()}
            self._tried = {each: self._tried[each] for each in self._tried.keys() & there}
            while (file := self._next(done)) is not None and time.monotonic() < end:
                done.add(file)
                counts[self._try(file, smtp)] += 1
            return Flushed(
                counts["sent"] + counts["unknown"],
                counts["bounced"],
                len(self.waiting()),
                expired,
                counts["damaged"],
                file is not None,
            )

    def _next(self, done: Collection[Path]) -> Path | None:
        """Return the file of the mail whose turn it is; None where no other than these is due."""
        now, due = time.monotonic(), dict[Path, int]()
        for file in self.waiting():
            tries, at = self._tried.get(file.stem, (0, now))
            if at <= now and file not in done:
                due[file] = tries
        return max(due, key=lambda file: (-due[file], file.name), default=None)

    def _try(self, file: Path, smtp: SmtpSender | None) -> str:
        """Send a mail, or delete one that is not wanted or unreadable; return what came of it."""
        mail = _read(file)
        if mail is None or not self._wanted(mail):
            file.unlink(missing_ok=True)
            if mail is not None and smtp is not None:
                self._pause(self._took)
            return "damaged" if mail is None else "left"
        tries, due = self._tried.get(file.stem, (0, 0.0))
        self._tried[file.stem] = tries + 1, time.monotonic() + self._retry_seconds
        try:
            return self._send(mail, smtp) if smtp is not None else "failed"
        except MailError:  # which is no fault of this mail
            self._tried[file.stem] = tries, due
            raise

    def _send(self, mail: Waiting, smtp: SmtpSender) -> str:
        """Hand one mail over; return what became of it."""
        sender = smtp.settings.sender
        if "From" not in mail.message:  # written before there were settings
            mail.message["From"] = address_header(sender.address, one_line(sender.name))
        if "Message-ID" not in mail.message:
            mail.message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
        begun = time.monotonic()
        handed = smtp.hand_over(mail.to, mail.message, attempts=1)  # the next round is another
        self._took = time.monotonic() - begun
        if handed.state == "bounced":
            self._bounced(mail)
        if handed.state != "failed":
            mail.file.unlink(missing_ok=True)
        return handed.state

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


def _read(file: Path) -> Waiting | None:
    """Return a waiting mail; None where the file holds none to a single address."""
    if file.is_symlink():  # this program made none
        return None
    with open_plain(file) as stream:
        message = email.message_from_binary_file(stream, policy=POLICY)
    try:
        to = parse_address(str(message["To"]))
    except (UsageError, ValueError, IndexError, AttributeError):  # the parser's own, for ruins
        return None
    return Waiting(file.stem, file, to, message)
