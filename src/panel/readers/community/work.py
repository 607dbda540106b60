"""A proof of work: a puzzle that costs a browser seconds and a flood of requests hours.

After Hashcash (Back, 2002): find a number n so that SHA-256 of "puzzle.n" begins with BITS zero
bits. That takes 2^BITS tries on average, and one to check. No third party is asked.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from panel.readers.community.secret import Secret

PURPOSE = "proof of work"
BITS = 18
GOOD_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A puzzle: ``token`` comes back with the solution, ``puzzle`` is what is to be solved."""

    token: str
    puzzle: str
    bits: int


def new_challenge(secret: Secret, whose: str, now: datetime) -> Challenge:
    """Return a puzzle that only counts for ``whose`` and for ten minutes."""
    text = secret.hash(PURPOSE, whose) + secrets.token_hex(8)
    token = secret.sign(PURPOSE, text, now.timestamp())
    return Challenge(token, secret.hash(PURPOSE, token), BITS)


def is_solved(secret: Secret, token: str, solution: str, whose: str, now: datetime) -> bool:
    """Whether a solution is right, in time, and of a puzzle made here for ``whose``.

    The caller makes sure that each token is used once.
    """
    found = secret.read(PURPOSE, token)
    if found is None or not re.fullmatch(r"[0-9]{1,16}", solution):
        return False
    text, signed_at = found
    if text[:-16] != secret.hash(PURPOSE, whose):
        return False
    if not -1 <= now.timestamp() - signed_at <= GOOD_FOR.total_seconds():
        return False
    digest = hashlib.sha256(f"{secret.hash(PURPOSE, token)}.{solution}".encode()).digest()
    return int.from_bytes(digest) >> (256 - BITS) == 0
