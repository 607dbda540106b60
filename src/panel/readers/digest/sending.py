"""Sends an issue to every subscriber. It can be resumed, and nobody gets an issue twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

from panel.errors import PanelError
from panel.readers.community.deliveries import Deliveries
from panel.readers.community.links import leave_link
from panel.readers.community.subscribers import Subscriber, Subscribers
from panel.readers.digest.content import DigestContent
from panel.readers.digest.render import render_digest
from panel.readers.mail.message import Letter, build_message
from panel.readers.mail.settings import Sender
from panel.readers.mail.smtp import Handed, SmtpSender


@dataclass(slots=True)
class Sent:
    """What became of an issue. Each address is counted in exactly one field.

    sent: by this call; already: by an earlier call; skipped: bounced before, so not tried;
    left: unsubscribed meanwhile; bounced: refused for good; failed: refused for now, so the
    next call tries again; unknown: may or may not have arrived, in this call or in one that
    was killed.
    """

    sent: int = 0
    already: int = 0
    skipped: int = 0
    left: int = 0
    bounced: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.bounced or self.failed or self.unknown)


@dataclass(frozen=True, slots=True)
class Mailing:
    """One issue being sent: its content, its sender and its subscribers."""

    content: DigestContent
    sender: Sender
    subscribers: Subscribers
    deliveries: Deliveries

    def waiting(self, resend_unknown: bool = False) -> tuple[list[Subscriber], Sent]:
        """Return who gets the issue now, and counts of everyone else."""
        found, sent = [], Sent()
        for subscriber in self.subscribers.all():
            state = self.deliveries.state(self.content.id, subscriber.address_hash)
            if state == "sent":
                sent.already += 1
            elif state == "bounced" or self._dead(subscriber):
                sent.skipped += 1
            elif state == "sending" and not resend_unknown:
                sent.unknown.append(subscriber.address)
            else:
                found.append(subscriber)
        return found, sent

    def send(
        self,
        smtp: SmtpSender,
        resend_unknown: bool = False,
        progress: Callable[[Subscriber, Handed], None] = lambda _subscriber, _handed: None,
    ) -> Sent:
        """Send to everyone who has not got it; raises UsageError while another process sends.

        Raises MailError when the server accepts no mail at all. What was sent until then is
        recorded, and the next call continues from there.
        """
        with self.deliveries.only_sender():
            subscribers, sent = self.waiting(resend_unknown)
            for subscriber in subscribers:
                if not self.subscribers.still(subscriber.address_hash):
                    sent.left += 1
                    continue
                handed = self._deliver(smtp, subscriber)
                progress(subscriber, handed)
                if handed.state == "sent":
                    sent.sent += 1
                else:
                    getattr(sent, handed.state).append(subscriber.address)
        return sent

    def _deliver(self, smtp: SmtpSender, subscriber: Subscriber) -> Handed:
        issue, address_hash = self.content.id, subscriber.address_hash
        message = self.message(subscriber)
        begun = False

        def beginning() -> None:
            nonlocal begun
            self.deliveries.write(issue, address_hash, "sending")
            begun = True

        try:
            handed = smtp.hand_over(subscriber.address, message, beginning)
        except PanelError as error:
            if begun:  # an earlier attempt was refused for now, so it did not arrive
                self.deliveries.write(issue, address_hash, "failed", str(error))
            raise
        # A "sending" without an answer means "unknown", whether we or a kill left it so.
        if handed.state != "unknown":
            self.deliveries.write(issue, address_hash, handed.state, handed.detail)
        return handed

    def _dead(self, subscriber: Subscriber) -> bool:
        """Whether an address bounced for good after it was last confirmed."""
        bounced_at = self.deliveries.bounced_at(subscriber.address_hash)
        return bounced_at is not None and bounced_at > subscriber.since

    def message(self, subscriber: Subscriber) -> EmailMessage:
        """Return the mail to one subscriber; its Message-ID is the same each time."""
        assert self.content.base_url is not None
        link = leave_link(self.content.base_url, self.subscribers.leave_token(subscriber))
        rendered = render_digest(self.content, link)
        known_as = f"{self.content.id}.{self.subscribers.hash('message ' + subscriber.address)}"
        headers = {
            "Message-ID": f"<{known_as}@{self.sender.domain}>",
            "List-Unsubscribe": f"<{link}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": f"<digest.{self.sender.domain}>",
        }
        letter = Letter(self.content.subject, rendered.text, rendered.html, headers)
        return build_message(letter, self.sender, subscriber.address)
