"""Who gets the digest: double opt-in, one-click unsubscribe, and as little stored as possible.

Each line holds a keyed hash of the address, or of its mailbox, to count requests. Only a
``confirmed`` line holds the address itself. An address that has not been confirmed is stored
only in its mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from panel.errors import UsageError
from panel.readers.community.addresses import mailbox_of, parse_address
from panel.readers.community.ledger import FOLDER, Ledger
from panel.readers.community.secret import Secret

FILE = "subscribers.jsonl"
CONFIRM_WITHIN = timedelta(days=7)
ASK_AGAIN_AFTER = 86400.0  # seconds
REQUESTS_KEPT = 7 * 86400.0  # seconds, at most: the hashes of who asked
CONFIRM, LEAVE, ADDRESS = "confirm a subscription", "unsubscribe", "address"
MAILBOX = "mailbox"

Asked = Literal["ask", "known", "recently asked"]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who confirmed: address, its keyed hash, and when (seconds since 1970)."""

    address: str
    address_hash: str
    since: float


class Subscribers:
    """The subscribers of a workspace, below ``root/community``; times are aware datetimes."""

    def __init__(self, root: Path, secret: Secret) -> None:
        self._secret = secret
        self._ledger = Ledger(root / FOLDER / FILE, self._replay, self._restart)
        self._restart()

    def _restart(self) -> None:
        self._confirmed: dict[str, Subscriber] = {}
        self._asked: dict[str, tuple[float, str | None]] = {}  # when, and by which mail
        self._left: dict[str, float] = {}
        self._unerased = False

    def ask(self, address: str, now: datetime, mail: str | None = None) -> Asked:
        """Record a request for a confirmation mail; send one only when this returns 'ask'.

        A mailbox gets at most one such mail a day, whoever asks, under whatever spelling of
        its address (``mailbox_of``). ``mail``: an id of the mail,
        for which the answer stays 'ask', so that it goes on after a restart. Raises UsageError
        for what is not an address.
        """
        parsed = parse_address(address)
        mailbox = self._mailbox(parsed)
        with self._ledger.writing():
            if self.hash(parsed) in self._confirmed:
                return "known"
            before = self._asked.get(mailbox)
            if before is not None and mail is not None and mail == before[1]:
                return "ask"
            if before is not None and _age(before[0], now) < ASK_AGAIN_AFTER:
                return "recently asked"
            self._ledger.append({**_line("asked", mailbox, now), "mail": mail})
        return "ask"

    def undelivered(self, address: str, now: datetime, mail: str) -> None:
        """Record that a mail was refused for good, so that the address may ask again at once."""
        mailbox = self._mailbox(parse_address(address))
        with self._ledger.writing():
            if self._asked.get(mailbox, (0, None))[1] == mail:
                self._ledger.append(_line("undelivered", mailbox, now))

    def confirm_token(self, address: str, now: datetime) -> str:
        """Return the token of a confirmation link; it is valid for seven days."""
        return self._secret.sign(CONFIRM, parse_address(address), now.timestamp())

    def pending(self, token: str, now: datetime) -> str | None:
        """Return the address of a confirmation token; None when the token is not valid now."""
        found = self._secret.read(CONFIRM, token)
        if found is None:
            return None
        address, signed_at = found
        if not 0 <= now.timestamp() - signed_at + 1 <= CONFIRM_WITHIN.total_seconds():
            return None
        self._ledger.refresh()
        left_at = self._left.get(self.hash(address))
        # A link from before they unsubscribed must not bring them back.
        return None if left_at is not None and signed_at <= left_at else address

    def confirm(self, token: str, now: datetime) -> bool:
        """Subscribe the address of a token; False when the token is invalid. May be repeated."""
        with self._ledger.writing():
            address = self.pending(token, now)
            if address is None:
                return False
            if self.hash(address) not in self._confirmed:
                line = _line("confirmed", self.hash(address), now)
                self._ledger.append({**line, "address": address})
        return True

    def leave_token(self, subscriber: Subscriber) -> str:
        """Return the token of an unsubscribe link. It holds no address and never expires."""
        return self._secret.sign(LEAVE, subscriber.address_hash, 0)

    def leaver(self, token: str) -> str | None:
        """Return the address hash of an unsubscribe token; None unless the token is genuine."""
        found = self._secret.read(LEAVE, token)
        return found[0] if found else None

    def unsubscribe(self, address_hash: str, now: datetime) -> None:
        """Remove an address from the list and erase it from the file. May be repeated.

        Raises JournalError, also where it is off the list but could not be erased yet.
        """
        with self._ledger.writing():
            subscriber = self._confirmed.get(address_hash)
            if subscriber is not None:
                line = _line("left", address_hash, now)
                self._ledger.append({**line, "mailbox": self._mailbox(subscriber.address)})
            if self._unerased:
                self._erase(now)

    def all(self) -> list[Subscriber]:
        """Return the current subscribers in the order of their confirmation."""
        self._ledger.refresh()
        return list(self._confirmed.values())

    def still(self, address_hash: str) -> bool:
        """Whether an address is still subscribed; sees an unsubscription in any process."""
        self._ledger.refresh()
        return address_hash in self._confirmed

    def tidy(self, now: datetime) -> None:
        """Finish an erasure that a kill interrupted; erase hashes of requests that are over."""
        with self._ledger.writing():
            old = any(_age(at, now) > REQUESTS_KEPT for at, _mail in self._asked.values())
            if self._unerased or old:
                self._erase(now)

    def hash(self, address: str) -> str:
        """Return the keyed hash of an address, ignoring upper and lower case."""
        return self._secret.hash(ADDRESS, address.lower())

    def _mailbox(self, address: str) -> str:
        return self._secret.hash(MAILBOX, mailbox_of(address))

    def _erase(self, now: datetime) -> None:
        known = set(self._confirmed)
        recent = {each for each, (at, _) in self._asked.items() if _age(at, now) < ASK_AGAIN_AFTER}
        kept = {"confirmed": known, "asked": recent, "undelivered": recent}

        def keep(line: dict[str, Any]) -> dict[str, Any] | None:
            hashes = kept.get(str(line.get("kind")))
            return line if hashes is None or str(line.get("hash")) in hashes else None

        self._ledger.rewrite(keep)

    def _replay(self, line: dict[str, Any]) -> None:
        kind, address_hash, at = line["kind"], str(line["hash"]), float(line["at"])
        if kind == "asked":
            self._asked[address_hash] = at, line.get("mail")
        elif kind == "undelivered":
            self._asked.pop(address_hash, None)
        elif kind == "confirmed":
            self._confirmed[address_hash] = Subscriber(
                parse_address(line["address"]), address_hash, at
            )
        elif kind == "left":
            if self._confirmed.pop(address_hash, None) is not None:
                self._unerased = True
            self._asked.pop(line.get("mailbox", ""), None)  # who left may subscribe again at once
            self._left[address_hash] = at
        else:
            raise ValueError(f"{kind!r} is not a kind of line")


def _age(at: float, now: datetime) -> float:
    """Return how many seconds ago a time is, or ahead: a clock may have been wrong for a while."""
    return abs(now.timestamp() - at)


def _line(kind: str, address_hash: str, now: datetime) -> dict[str, Any]:
    return {"kind": kind, "hash": address_hash, "at": now.timestamp()}


def validated(address: str) -> str | None:
    """Return the address in its written form; None for what is not an address."""
    try:
        return parse_address(address)
    except UsageError:
        return None
