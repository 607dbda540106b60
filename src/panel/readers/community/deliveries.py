"""A record of every delivery, written before a mail goes out and again after it went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from panel.errors import UsageError
from panel.readers.community.ledger import FOLDER, Ledger, private_folder

FILE = "deliveries.jsonl"
RUNNING = ".sending.lock"

# sending: handed over, no answer recorded, so it may have arrived. failed: it did not arrive.
State = Literal["sending", "sent", "bounced", "failed"]
STATES = ("sending", "sent", "bounced", "failed")


class Deliveries:
    """The deliveries of a workspace. Each person is stored only as the keyed hash of an address."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._ledger = Ledger(self._folder / FILE, self._fold, self._restart)
        self._restart()

    def _restart(self) -> None:
        self._states: dict[tuple[str, str], State] = {}
        self._bounced: dict[str, float] = {}

    def state(self, digest: str, address_hash: str) -> State | None:
        """Return the state of a digest's delivery to one address; None when it was never begun."""
        self._ledger.refresh()
        return self._states.get((digest, address_hash))

    def others(self, digest: str) -> bool:
        """Whether the delivery of another digest was ever begun."""
        self._ledger.refresh()
        return any(known != digest for known, _address in self._states)

    def bounced_at(self, address_hash: str) -> float | None:
        """Return when an address last bounced permanently (seconds since 1970); None if never."""
        self._ledger.refresh()
        return self._bounced.get(address_hash)

    def write(self, digest: str, address_hash: str, state: State, detail: str = "") -> None:
        """Record a state; it is on disk when this returns. Raises JournalError."""
        line: dict[str, Any] = {
            "digest": digest,
            "hash": address_hash,
            "state": state,
            "at": datetime.now(UTC).timestamp(),
        }
        self._ledger.append(line | ({"detail": detail} if detail else {}))

    @contextmanager
    def only_sender(self) -> Iterator[None]:
        """Be the only process that sends; raises UsageError while another one does."""
        private_folder(self._folder)
        # The system frees the lock when the process ends, even by a kill.
        lock = FileLock(self._folder / RUNNING, mode=0o600, fallback_to_soft=False)
        try:
            held = lock.acquire(blocking=False)
        except Timeout:
            raise UsageError(
                "another 'panel digest --send' is running here. Wait until it ends, then run this "
                "again: nobody gets a digest twice."
            ) from None
        with held:
            yield

    def _fold(self, line: dict[str, Any]) -> None:
        digest, address_hash, state = str(line["digest"]), str(line["hash"]), line["state"]
        at = float(line["at"])
        if state not in STATES:
            raise ValueError(f"{state!r} is not a state of a delivery")
        self._states[digest, address_hash] = state
        if state == "bounced":
            self._bounced[address_hash] = at
