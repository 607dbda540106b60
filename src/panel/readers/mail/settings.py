"""Mail settings, read from the variables PANEL_SMTP_* and PANEL_MAIL_FROM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from panel.errors import UsageError
from panel.readers.community.addresses import parse_address
from panel.workspace.addresses import is_loopback

Security = Literal["starttls", "tls", "none"]
PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
NAMED = re.compile(r"(?P<name>[^<>@\x00-\x1f\x7f]*)<(?P<address>[^<>]+)>")


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of mails: a name ("" for none) and an address."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part after the @."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class MailSettings:
    """A mail server: host, port, security, login (None: without login), and the sender."""

    host: str
    port: int
    security: Security
    sender: Sender
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def mail_settings(environment: Mapping[str, str]) -> MailSettings | None:
    """Read the settings; None without PANEL_SMTP_HOST. Raises UsageError for invalid ones."""

    def read(name: str) -> str:
        return environment.get(name, "").strip()

    host, user, password = read("PANEL_SMTP_HOST"), read("PANEL_SMTP_USER"), ""
    if not host:
        return None
    password = environment.get("PANEL_SMTP_PASSWORD", "")
    security = read("PANEL_SMTP_SECURITY") or "starttls"
    if security not in get_args(Security):
        raise UsageError(f"PANEL_SMTP_SECURITY is {security!r}. Write starttls, tls or none.")
    port = read("PANEL_SMTP_PORT") or str(PORTS[security])  # type: ignore[index]
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise UsageError(f"PANEL_SMTP_PORT is {port!r}. Write a number from 1 to 65535.")
    if bool(user) != bool(password):
        raise UsageError("Set both PANEL_SMTP_USER and PANEL_SMTP_PASSWORD, or neither.")
    if user and security == "none" and not is_loopback(host):
        raise UsageError(
            f"PANEL_SMTP_SECURITY is none: the password would go to {host} in clear. Use starttls "
            "or tls."
        )
    sender = mail_sender(environment)
    if sender is None:
        raise UsageError("PANEL_MAIL_FROM is not set. Set it to the address mails come from.")
    return MailSettings(host, int(port), security, sender, user or None, password or None)  # type: ignore[arg-type]


def mail_sender(environment: Mapping[str, str]) -> Sender | None:
    """Read PANEL_MAIL_FROM: an address, or a name and <address>; None when it is not set."""
    text = environment.get("PANEL_MAIL_FROM", "").strip()
    if not text:
        return None
    named = NAMED.fullmatch(text)
    try:
        if named:
            name = named["name"].strip().strip('"')
            return Sender(name, parse_address(named["address"]))
        return Sender("", parse_address(text))
    except UsageError as error:
        raise UsageError(f"PANEL_MAIL_FROM: {error}") from None
