"""Limits how often one address may ask: a bucket that refills, and a maximum per day.

Addresses are kept as hashes, with a key that changes every day and is never stored.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

DAY_SECONDS = 86400.0
MOST_KNOWN = 50_000  # addresses remembered; the one unused for longest is forgotten first


@dataclass(frozen=True, slots=True)
class Bound:
    """``burst`` at once, one more every ``seconds`` (0: none that day), ``daily`` in total."""

    burst: int
    seconds: float
    daily: int


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    used: int = 0


class VisitLimiter:
    """Counts requests by key (an address, or an address and a tool) in memory. Thread-safe."""

    def __init__(self, bound: Bound, clock: Callable[[], float] = time.time) -> None:
        self.bound = bound
        self._clock = clock
        self._guard = threading.Lock()
        self._day = -1
        self._salt = b""
        self._buckets: dict[bytes, _Bucket] = {}

    def wait(self, key: str, share: int = 1) -> float | None:
        """Ask for one request: None when it is allowed, else the seconds until one will be.

        share: how many times the bound the key may use, for what many people have in common.
        """
        bound = Bound(
            self.bound.burst * share, self.bound.seconds / share, self.bound.daily * share
        )
        with self._guard:
            now = self._clock()
            self._start_day(now)
            hashed = self._hashed(key)
            bucket = self._buckets.pop(hashed, None) or _Bucket(bound.burst, now)
            self._buckets[hashed] = bucket  # last in the order: used just now
            if len(self._buckets) > MOST_KNOWN:
                del self._buckets[next(iter(self._buckets))]
            return _take(bucket, bound, now)

    def wait_for(self, networks: Iterable[tuple[str, int]]) -> float | None:
        """Ask for one request of networks, each with its share, narrowest first (``networks_of``).

        What a narrow one refuses uses up nothing of the wider ones, which others share.
        """
        waits = (self.wait(name, share) for name, share in networks)
        return next((wait for wait in waits if wait is not None), None)

    def forget(self, networks: Iterable[tuple[str, int]]) -> None:
        """Let networks start anew."""
        with self._guard:
            for name, _share in networks:
                self._buckets.pop(self._hashed(name), None)

    def _hashed(self, key: str) -> bytes:
        return hashlib.blake2b(key.encode(), key=self._salt, digest_size=16).digest()

    def _start_day(self, now: float) -> None:
        day = int(now // DAY_SECONDS)
        if day != self._day:
            self._day, self._salt = day, secrets.token_bytes(32)
            self._buckets.clear()


def _take(bucket: _Bucket, bound: Bound, now: float) -> float | None:
    tomorrow = DAY_SECONDS - now % DAY_SECONDS
    if bound.seconds:
        gained = max(0.0, now - bucket.at) / bound.seconds
        bucket.left = min(bound.burst, bucket.left + gained)
    bucket.at = now
    if bucket.used >= bound.daily:
        return tomorrow
    if bucket.left < 1:
        return (1 - bucket.left) * bound.seconds if bound.seconds else tomorrow
    bucket.left -= 1
    bucket.used += 1
    return None
