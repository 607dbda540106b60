"""A real SMTP server on loopback that keeps what it is sent, with faults by address.

``with Mailbox() as box: box.faults["a@x.org"] = ["450", "drop at DATA"]``: each attempt to an
address takes the next of its faults; after the last one mails are taken.
"""

from __future__ import annotations

import asyncio
import email
import ssl
import threading
from collections import defaultdict
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DROP_AT_DATA, DROP_BEFORE_REPLY, HANG = "drop at DATA", "drop before the reply", "hang"


class _Server(SMTP):
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if getattr(self.envelope, "fault", None) == DROP_AT_DATA:
            assert self.transport is not None
            self.transport.close()
            return
        await super().smtp_DATA(arg)


class Mailbox:
    """The server; ``taken`` holds (address, message) of every mail it accepted.

    With a ``password`` it wants a login, which goes with ``tls`` only.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        password: str | None = None,
        refuse_senders: bool = False,
    ) -> None:
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.taken: list[tuple[str, EmailMessage]] = []
        self.raw: list[bytes] = []
        self.attempts: list[str] = []
        self.port = 0
        self._tls, self._implicit = tls, implicit_tls
        self._password, self.refuse_senders = password, refuse_senders
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self._transports: list[Any] = []

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make the program send here."""
        return {
            "PANEL_SMTP_HOST": "127.0.0.1",
            "PANEL_SMTP_PORT": str(self.port),
            "PANEL_SMTP_SECURITY": "none",
            "PANEL_MAIL_FROM": "The Panel <panel@verdicts.example>",
        }

    @property
    def addresses(self) -> list[str]:
        """Whom mails were accepted for, in order."""
        return [address for address, _message in self.taken]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_about: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        assert not self._thread.is_alive()

    # The hooks of aiosmtpd

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.refuse_senders:
            return "550 5.7.1 not from you"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        self.attempts.append(address)
        fault = self.faults[address].pop(0) if self.faults[address] else ""
        if fault[:1] in ("4", "5") and "after" not in fault:
            return f"{fault} no"
        cast("Any", envelope).fault = fault
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = cast("Any", envelope).fault
        if fault[:1] in ("4", "5"):
            return f"{fault[:3]} no"
        content = envelope.content
        assert isinstance(content, bytes)
        self.raw.append(content)
        message = cast("EmailMessage", email.message_from_bytes(content, policy=default))
        self.taken.append((envelope.rcpt_tos[0], message))
        if fault == HANG:
            await asyncio.Event().wait()
        if fault == DROP_BEFORE_REPLY:
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"

    # The machinery

    def _make(self) -> SMTP:
        return _Server(
            self,
            hostname="mailbox.example",
            loop=self._loop,
            tls_context=None if self._implicit else self._tls,
            require_starttls=self._tls is not None and not self._implicit,
            auth_required=self._password is not None,
            authenticator=self._check,
        )

    def _check(self, _server: Any, _session: Any, _envelope: Any, _kind: str, login: Any) -> Any:
        assert isinstance(login, LoginPassword)
        good = login.password == (self._password or "").encode()
        return AuthResult(success=good, handled=False)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = self._tls if self._implicit else None
        starting = self._loop.create_server(self._make, "127.0.0.1", 0, ssl=context)
        server = self._loop.run_until_complete(starting)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()
