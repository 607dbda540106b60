"""Delivers mail by SMTP step by step, to know how far a mail got when the connection is lost.

smtplib's own ``sendmail`` cannot tell a connection that was lost before the text from one
lost after it. After the text the mail may have arrived, and nobody may get it twice.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal, NoReturn, Self

from panel.errors import PanelError
from panel.readers.mail.message import WIRE
from panel.readers.mail.settings import MailSettings

ATTEMPTS = 4
FIRST_WAIT_SECONDS = 1.0  # doubled after each attempt
TIMEOUT_SECONDS = 30.0


class MailError(PanelError):
    """The server accepts no mail at all: unreachable, wrong login, refused sender."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of one mail.

    state: sent; bounced (refused for good); failed (refused for now, after every attempt);
    unknown (the connection was lost after the text, before the answer). detail: why.
    """

    state: Literal["sent", "bounced", "failed", "unknown"]
    detail: str = ""


class _Again(Exception):  # noqa: N818 - it asks for another attempt
    """A fault that may pass."""


class _Lost(_Again):
    """The connection is over."""


class SmtpSender:
    """A connection to the server, opened when first needed. Use it as a context manager."""

    def __init__(self, settings: MailSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self._sleep = sleep
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_about: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        server, self._server = self._server, None
        if server is not None:
            try:
                server.quit()
            except (OSError, smtplib.SMTPException):
                server.close()

    def hand_over(
        self,
        to: str,
        message: EmailMessage,
        beginning: Callable[[], None] = lambda: None,
        attempts: int = ATTEMPTS,
    ) -> Handed:
        """Deliver one message to one address; temporary faults are tried again a few times.

        ``beginning`` is called before each attempt to send the text: from then on the mail
        may have arrived. ``attempts``: after how many refusals for now it is given up. A server
        that cannot be reached is always tried ATTEMPTS times, since no other mail can go either.
        Raises MailError when the server accepts no mail at all.
        """
        content = _stuffed(message.as_bytes(policy=WIRE))
        reached, refused, why = False, 0, ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
            used, there = self._server is not None, False
            try:
                server = self._connected()
                there = reached = True
                return self._try(server, to, content, beginning)
            except _Lost as error:
                why = str(error)
                self.close()
                # A server ends a connection after some mails, which is no fault of the next one.
                refused += there and not used
            except _Again as error:
                why = str(error)
                self._reset(server)
                refused += 1
            if refused == attempts:
                break
        if not reached:
            self._refuse(why, "PANEL_SMTP_HOST and _PORT")
        return Handed("failed", why)

    def _try(
        self, server: smtplib.SMTP, to: str, content: bytes, beginning: Callable[[], None]
    ) -> Handed:
        try:
            code, reply = server.mail(self.settings.sender.address)
            if code >= 500:
                self._refuse(f"it refuses the sender ({_said(code, reply)})", "PANEL_MAIL_FROM")
            _pass(code, reply)
            for step in ("rcpt", "data"):
                code, reply = server.rcpt(to) if step == "rcpt" else server.docmd("DATA")
                if code >= 500:
                    self._reset(server)
                    return Handed("bounced", _said(code, reply))
                _pass(code, reply)
        except (smtplib.SMTPException, OSError) as error:
            raise _Lost(_words(error)) from None
        beginning()
        try:
            server.send(content)
            code, reply = server.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            return Handed("unknown", _words(error))
        if code >= 500:
            return Handed("bounced", _said(code, reply))
        _pass(code, reply)
        return Handed("sent", _said(code, reply))

    def _reset(self, server: smtplib.SMTP) -> None:
        """Make the connection ready for the next mail after a refusal, or close it."""
        try:
            server.rset()
        except (smtplib.SMTPException, OSError):
            self.close()

    def _connected(self) -> smtplib.SMTP:
        if self._server is None:
            try:
                self._server = self._connect()
            except smtplib.SMTPAuthenticationError as error:
                if error.smtp_code < 500:
                    raise _Lost(_words(error)) from None
                self._refuse("it refuses the login", "PANEL_SMTP_USER and _PASSWORD")
            except smtplib.SMTPNotSupportedError as error:
                self._refuse(str(error).rstrip("."), "PANEL_SMTP_SECURITY")
            except ssl.SSLCertVerificationError as error:
                self._refuse(f"its certificate is not valid ({error.verify_message})", "_HOST")
            except (smtplib.SMTPException, OSError) as error:
                raise _Lost(_words(error)) from None
        return self._server

    def _connect(self) -> smtplib.SMTP:
        settings = self.settings
        where = (settings.host, settings.port)
        # EHLO gives the sender's domain: finding out the machine's own name may need the network.
        name = settings.sender.domain
        server: smtplib.SMTP
        if settings.security == "tls":
            server = smtplib.SMTP_SSL(
                *where, name, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(*where, name, timeout=TIMEOUT_SECONDS)
        try:
            if settings.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password)
        except BaseException:
            server.close()
            raise
        return server

    def _refuse(self, why: str, where: str) -> NoReturn:
        raise MailError(f"{self._name} accepts no mail: {why}. Check {where}.")

    @property
    def _name(self) -> str:
        return f"{self.settings.host}:{self.settings.port}"


def _pass(code: int, reply: bytes) -> None:
    """Accept 2xx and 3xx; raise _Again for all others (4xx; -1: no answer)."""
    if not 200 <= code < 400:
        raise (_Lost if code in (-1, 421) else _Again)(_said(code, reply))


def _said(code: int, reply: bytes) -> str:
    return f"{code} {' '.join(reply.decode('ascii', 'replace').split())}"[:300]


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return _said(error.smtp_code, reply if isinstance(reply, bytes) else str(reply).encode())
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.rstrip(".")  # without the number that the system has for it
    return (str(error) or type(error).__name__).rstrip(".")


def _stuffed(content: bytes) -> bytes:
    """Return a message as it is sent after DATA, dots doubled (RFC 5321, 4.5.2)."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines) + b".\r\n"
