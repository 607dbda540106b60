"""Messages with text and HTML, and with headers that no text can break out of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from panel.readers.mail.settings import Sender

# Seven bits only: every server accepts them, and a signature survives any relay.
POLICY = SMTP.clone(cte_type="7bit")
# Headers are not folded within 900 characters. Mail programs do not recognise a link that is
# broken over lines, or that is written in encoded words because it has no blank to fold at.
WIRE = POLICY.clone(max_line_length=900)
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says: subject, text, HTML (None: text only), and additional headers."""

    subject: str
    text: str
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def one_line(text: str) -> str:
    """Return text that is safe in a header: no line ends, controls or direction marks."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def build_message(
    letter: Letter, sender: Sender | None, to: str | None, now: datetime | None = None
) -> EmailMessage:
    """Return a message from ``sender`` to the address ``to``; None leaves the header out.

    ``to`` must have come from ``parse_address``. Raises ValueError for a header with a
    line end in it.
    """
    message = EmailMessage(policy=POLICY)
    message["Subject"] = one_line(letter.subject)
    if sender is not None:
        message["From"] = address_header(sender.address, one_line(sender.name))
    if to is not None:
        message["To"] = address_header(to, "")
    message["Date"] = format_datetime(now or datetime.now(UTC))
    for name, value in letter.headers.items():
        if "\r" in value or "\n" in value:
            raise ValueError(f"the header {name} would hold a line end: {value!r}")
        message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def address_header(address: str, name: str) -> Address:
    """Return an address as a header's value; it must have come from ``parse_address``."""
    local, _at, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
