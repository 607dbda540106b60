"""Writes confirmation mails to the outbox at once, and sends them in a separate thread.

A request writes its mail to disk before it is answered, for every address alike, so that
nobody learns from the answer or its time who is subscribed, and no kill loses what was
promised. The thread then deletes the mails to addresses that are known or were just asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from panel.errors import JournalError, PanelError
from panel.readers.community.links import confirm_link
from panel.readers.community.subscribers import Subscribers
from panel.readers.mail.message import Letter, build_message, one_line
from panel.readers.mail.outbox import Outbox, Waiting
from panel.readers.mail.settings import MailSettings
from panel.readers.mail.smtp import SmtpSender

MOST_WAITING = 1000
RETRY_SECONDS = 300.0
FLUSH_SECONDS = 60.0  # then the chores have a turn
JOIN_SECONDS = 5.0

TEXT = """\
Somebody, hopefully you, asked for the weekly digest of
{title}
for this address. To get it, open this page within seven days and press
the button:

{link}

If it was not you, do nothing: without the button this address is put
on no list, and nothing more will be sent.
"""


@dataclass(frozen=True, slots=True)
class Home:
    """The site that mails speak of: its name, and the address that their links lead to."""

    title: str
    base_url: str


class MailQueue:
    """Sends confirmation mails. Without SMTP settings they stay in the outbox.

    ``log`` takes one line of text, which never holds an address. ``chores`` are done at the
    start and every few minutes.
    """

    def __init__(
        self,
        subscribers: Subscribers,
        folder: Path,
        home: Home,
        settings: MailSettings | None,
        log: Callable[[str], None],
    ) -> None:
        self.log = log
        self._subscribers, self._home, self._settings = subscribers, home, settings
        self._outbox = Outbox(folder, self._wanted, self._bounced, RETRY_SECONDS)
        self.chores: list[Callable[[], None]] = [lambda: subscribers.tidy(datetime.now(UTC))]
        self._news, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="mail-queue", daemon=True)

    def start(self) -> None:
        """Start the thread: finish what an earlier process left, then wait for mails."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after what is being sent, or after five seconds; the rest waits on disk."""
        self._ending.set()
        self._news.set()
        self._thread.join(JOIN_SECONDS)

    def check_room(self) -> None:
        """Raise JournalError where too many mails wait already."""
        if len(self._outbox.waiting()) >= MOST_WAITING:
            raise JournalError(
                f"{self._outbox.folder} holds {MOST_WAITING} mails, so no other is taken. Check "
                "PANEL_SMTP_HOST, or delete them."
            )

    def ask(self, address: str) -> None:
        """Put a mail to an address (already validated) on disk.

        Raises JournalError where it cannot be written, or too many mails wait already.
        """
        self.check_room()
        now = datetime.now(UTC)
        link = confirm_link(self._home.base_url, self._subscribers.confirm_token(address, now))
        title = one_line(self._home.title)
        letter = Letter(
            f"Confirm your subscription: {title}",
            TEXT.format(title=title, link=link),
            headers={"Auto-Submitted": "auto-generated"},
        )
        sender = self._settings.sender if self._settings else None
        self._outbox.put(build_message(letter, sender, address, now))
        self._news.set()

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + RETRY_SECONDS
                for chore in self.chores:
                    self._safely(chore)
            self._safely(self._flush)
            if self._ending.is_set():
                return
            self._news.wait(RETRY_SECONDS)
            self._news.clear()

    def _safely(self, work: Callable[[], None]) -> None:
        """Do something that may fail; log the error, so that the thread goes on."""
        try:
            work()
        except (PanelError, OSError) as error:
            self.log(str(error))
        except Exception as error:
            # A fault of ours. Its words might hold an address; without the thread, no mail goes.
            self.log(f"mails: {type(error).__name__} in {work.__qualname__}; trying again later.")

    def _wanted(self, mail: Waiting) -> bool:
        return self._subscribers.ask(mail.to, datetime.now(UTC), mail.id) == "ask"

    def _bounced(self, mail: Waiting) -> None:
        self._subscribers.undelivered(mail.to, datetime.now(UTC), mail.id)

    def _flush(self) -> None:
        if self._settings is None:
            flushed = self._outbox.flush(None, FLUSH_SECONDS)
        else:
            with SmtpSender(self._settings) as smtp:
                flushed = self._outbox.flush(smtp, FLUSH_SECONDS)
        if flushed.more:
            self._news.set()
        said = {"refused": flushed.bounced, "unreadable and deleted": flushed.damaged}
        said |= {"waiting": flushed.waiting} if self._settings is not None else {}
        if any(said.values()):
            told = ", ".join(f"{count} {what}" for what, count in said.items() if count)
            self.log(f"mails in the outbox: {told}.")
