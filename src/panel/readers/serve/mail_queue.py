"""Writes and sends confirmation mails in a separate thread.

A request only puts an address into the queue. It gets the same answer in the same time
whether the address is known or not, so that nobody learns from it who is subscribed.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from panel.errors import PanelError
from panel.readers.community.links import confirm_link
from panel.readers.community.subscribers import Subscribers
from panel.readers.mail.message import Letter, build_message, one_line
from panel.readers.mail.outbox import Outbox
from panel.readers.mail.settings import MailSettings, Sender
from panel.readers.mail.smtp import SmtpSender

MOST_WAITING = 1000
RETRY_SECONDS = 300.0
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
        outbox: Outbox,
        home: Home,
        settings: MailSettings | None,
        log: Callable[[str], None],
    ) -> None:
        self.log = log
        self._subscribers, self._outbox = subscribers, outbox
        self._home, self._settings = home, settings
        self.chores: list[Callable[[], None]] = [subscribers.tidy]
        self._asked: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="mail-queue", daemon=True)

    def start(self) -> None:
        """Start the thread: finish what an earlier process left, then wait for addresses."""
        self._thread.start()

    def stop(self) -> None:
        """Stop once the queue is empty; give up after five seconds."""
        self._asked.put(None)
        self._thread.join(JOIN_SECONDS)

    def ask(self, address: str) -> bool:
        """Queue an address (already validated); False when the queue is full."""
        try:
            self._asked.put_nowait(address)
        except queue.Full:
            return False
        return True

    def _work(self) -> None:
        self._routine()
        while True:
            try:
                address = self._asked.get(timeout=RETRY_SECONDS)
            except queue.Empty:
                self._routine()
                continue
            if address is None:
                return
            self._safely(lambda address=address: self._answer(address))  # type: ignore[misc]

    def _routine(self) -> None:
        for chore in (*self.chores, self._flush):
            self._safely(chore)

    def _safely(self, work: Callable[[], None]) -> None:
        """Do something that may fail; log the error, so that the thread goes on."""
        try:
            work()
        except (PanelError, OSError) as error:
            self.log(str(error))

    def _answer(self, address: str) -> None:
        now = datetime.now(UTC)
        if self._subscribers.ask(address, now) == "ask":
            token = self._subscribers.confirm_token(address, now)
            link = confirm_link(self._home.base_url, token)
            title = one_line(self._home.title)
            letter = Letter(
                f"Confirm your subscription: {title}",
                TEXT.format(title=title, link=link),
                headers={"Auto-Submitted": "auto-generated"},
            )
            self._outbox.put(build_message(letter, self._sender, address, now))
        self._flush()

    @property
    def _sender(self) -> Sender | None:
        return self._settings.sender if self._settings else None

    def _flush(self) -> None:
        if self._settings is None:
            self._outbox.expire()
            return
        with SmtpSender(self._settings) as smtp:
            flushed = self._outbox.flush(smtp)
        if flushed.bounced or flushed.waiting:
            self.log(f"outbox: {flushed.bounced} mail(s) refused, {flushed.waiting} wait.")
