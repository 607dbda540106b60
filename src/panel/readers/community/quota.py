"""Counts of the last 24 hours by key, kept over restarts and shared by all processes.

Keys are networks and mail domains, so the file must tell nobody who came. It holds keyed
hashes, their key is drawn anew each day, and keys and hashes are erased together.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from panel.readers.community.ledger import FOLDER, Ledger

FILE = "counts.jsonl"
DAY_SECONDS = 86400.0
KEY_BYTES = 32
DAYS_KEPT = {
    "key": 2,
    "counted": 1,
    "taken back": 1,
}  # a key serves one day, and its counts one more


class Exceeded(Exception):  # noqa: N818 - named after what happened to a bound
    """A bound is reached; ``wait``: seconds until it no longer is."""

    def __init__(self, wait: float) -> None:
        self.wait = wait
        super().__init__(f"a bound is reached for {wait:.0f} s")


class Quota:
    """Bounds on what one network (or domain) may do in any 24 hours.

    ``clock`` gives seconds since 1970. Safe for several threads and processes. Raises
    JournalError where the file cannot be read or written.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ledger = Ledger(root / FOLDER / FILE, self._replay, self._restart)
        self._restart()

    def _restart(self) -> None:
        self._keys: list[tuple[float, bytes]] = []
        self._counted: dict[str, list[float]] = {}

    @contextmanager
    def taking(self, *bounds: tuple[str, int]) -> Iterator[None]:
        """Count one for each key while the block runs; raises Exceeded where one is used up.

        bounds: a key, and how often it may be taken in 24 hours. Where the block raises an
        error, nothing is counted.
        """
        with self._ledger.writing():
            now = self._clock()
            self.tidy()
            waits = [self._wait(key, most, now) for key, most in bounds]
            if any(waits):
                raise Exceeded(max(waits))
            salt = self._salt(now)
            line = {"kind": "counted", "at": now, "keys": [_hash(key, salt) for key, _ in bounds]}
            # Forced to disk by nobody: a restart keeps it, a power cut may lose the last seconds.
            self._ledger.append(line, durable=False)
            try:
                yield
            except BaseException:
                self._ledger.append(line | {"kind": "taken back"}, durable=False)
                raise

    def used(self, key: str) -> int:
        """Return how often a key was taken in the last 24 hours."""
        self._ledger.refresh()
        return len(self._times(key, self._clock()))

    def tidy(self) -> None:
        """Erase what no longer counts, once a key is two days old."""
        self._ledger.refresh()
        now = self._clock()
        if any(not _recent(at, now, 2) for at, _salt in self._keys):

            def keep(line: dict[str, Any]) -> dict[str, Any] | None:
                days, at = DAYS_KEPT.get(line.get("kind", "")), line.get("at")
                kept = days is not None and isinstance(at, int | float) and _recent(at, now, days)
                return line if kept else None

            self._ledger.rewrite(keep)

    def _wait(self, key: str, most: int, now: float) -> float:
        """Return the seconds until a key may be taken again; 0 when it may be now."""
        times = sorted(self._times(key, now))
        return max(1.0, times[-most] + DAY_SECONDS - now) if len(times) >= most else 0.0

    def _times(self, key: str, now: float) -> list[float]:
        hashes = [_hash(key, salt) for _at, salt in self._keys]
        times = [at for hashed in hashes for at in self._counted.get(hashed, ())]
        return [at for at in times if _recent(at, now, 1)]

    def _salt(self, now: float) -> bytes:
        if not self._keys or not _recent(self._keys[-1][0], now, 1):
            fresh = {"kind": "key", "at": now, "key": secrets.token_hex(KEY_BYTES)}
            self._ledger.append(fresh, durable=False)
        return self._keys[-1][1]

    def _replay(self, line: dict[str, Any]) -> None:
        kind, at = line["kind"], float(line["at"])
        if kind == "key":
            key = bytes.fromhex(line["key"])
            if len(key) != KEY_BYTES:
                raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
            self._keys.append((at, key))
        elif kind == "counted":
            for hashed in line["keys"]:
                self._counted.setdefault(hashed, []).append(at)
        elif kind == "taken back":
            for hashed in line["keys"]:
                self._counted[hashed].remove(at)
        else:
            raise ValueError(f"{kind!r} is not a kind of line")


def _recent(at: float, now: float, days: int) -> bool:
    # A clock that was set back does not make what was just counted old.
    return abs(now - at) < days * DAY_SECONDS


def _hash(key: str, salt: bytes) -> str:
    return hashlib.blake2b(key.encode(), key=salt, digest_size=16).hexdigest()
