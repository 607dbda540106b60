"""Readers' votes: ship or skip, one per visitor and tool; the last one counts."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from panel.cells.journal import encode
from panel.cells.vote_ids import is_vote_id
from panel.errors import UsageError
from panel.readers.community.ballots import Ballots, read_ballots
from panel.readers.community.ledger import FOLDER, Ledger
from panel.readers.community.secret import Secret
from panel.stats import Tally
from panel.workspace.verdict import SHIP, SKIP

FILE = "votes.jsonl"
MOST_SHARES = 20_000  # kept as they are sent
_HASH = re.compile(r"[0-9a-f]{32}")


class Votes:
    """The votes of a workspace, below ``root/community``, kept up to date in memory.

    A tool is named by its vote id, which stays the same when the tool is renamed.
    Of a visitor only the keyed hash of a random number is stored. Raises JournalError
    where the file cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self._ledger = Ledger(root / FOLDER / FILE, self._replay, self._restart)
        self._restart()

    def _restart(self) -> None:
        self._placed: dict[str, dict[bytes, str]] = {}  # tool → visitor → vote
        self._counts: dict[str, list[int]] = {}
        self._imported: set[str] = set()

    @property
    def damaged(self) -> int:
        """How many lines of the file cannot be read, and so do not count."""
        return self._ledger.damaged

    def state(self) -> tuple[int | None, int]:
        """Return what is different once anybody has voted."""
        self._ledger.refresh()
        return self._ledger.read

    def voted(self, visitor_hash: str, tool: str) -> bool:
        """Whether a visitor has a vote on a tool."""
        self._ledger.refresh()
        return _short(visitor_hash) in self._placed.get(tool, ())

    def record(
        self,
        visitor_hash: str,
        tool: str,
        vote: str,
        at: str,
        counting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> bool:
        """Keep one vote; return whether it changed anything.

        visitor_hash: 32 hex digits; tool: a vote id; vote: ship or skip; at: ISO time, UTC.
        A visitor's first vote on a tool is written inside of ``counting()``, which may refuse
        it by raising an error. A vote like the visitor's last one is not written again. Raises
        UsageError.
        """
        if vote not in (SHIP, SKIP):
            raise UsageError(f"{vote!r} is not a vote. Send 'ship' or 'skip'.")
        if not is_vote_id(tool):
            raise UsageError(f"{tool!r} is not the vote id of a tool.")
        if not _HASH.fullmatch(visitor_hash):
            raise UsageError("a visitor's hash is 32 hex digits.")
        with self._ledger.writing():
            before = self._placed.get(tool, {}).get(_short(visitor_hash))
            if before == vote:
                return False
            line = {"kind": "vote", "visitor": visitor_hash, "tool": tool, "vote": vote, "at": at}
            with counting() if before is None else nullcontext():
                self._ledger.append(line)
        return True

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return (ships, skips) of every tool that has votes, sorted by vote id."""
        self._ledger.refresh()
        return {
            tool: (ships, skips)
            for tool, (ships, skips) in sorted(self._counts.items())
            if ships or skips
        }

    def tallies(self) -> dict[str, Tally]:
        """Return the votes of every tool that has any, with percentage and interval."""
        return {tool: Tally(*pair) for tool, pair in self.counts().items()}

    def tally(self, tool: str) -> Tally:
        """Return one tool's votes: counts, percentage and interval."""
        self._ledger.refresh()
        return Tally(*self._counts.get(tool, (0, 0)))

    def import_csv(
        self, file: Path, tools: Mapping[str, str], secret: Secret, at: str
    ) -> Ballots | None:
        """Add the votes of a CSV file, all or none; None when the same content was added before.

        Columns: ``tool, ships, skips`` (counts, added to what is there) or ``tool, vote,
        voter`` (voters are hashed; a voter's last vote on a tool counts). ``tools``: the
        slugs that it may name, each with its vote id. Raises WorkspaceError with every mistake of
        the file.
        """
        ballots = read_ballots(file, set(tools))
        placed = [
            [secret.hash("imported voter", voter), tools[tool], vote]
            for (voter, tool), vote in ballots.placed.items()
        ]
        counted = {tools[tool]: list(pair) for tool, pair in ballots.counted.items()}
        with self._ledger.writing():
            if ballots.digest in self._imported:
                return None
            self._ledger.append(
                {
                    "kind": "import",
                    "digest": ballots.digest,
                    "counted": counted,
                    "placed": placed,
                    "at": at,
                }
            )
        return ballots

    def _replay(self, line: dict[str, Any]) -> None:
        kind = line.get("kind")
        if kind == "vote":
            self._place(line.get("visitor"), line.get("tool"), line.get("vote"))
        elif kind == "import" and line.get("digest") not in self._imported:
            counted = [(tool, *pair) for tool, pair in line.get("counted", {}).items()]
            if any(type(each) is not int or each < 0 for _tool, *pair in counted for each in pair):
                raise ValueError("a count is a whole number")
            self._imported.add(str(line.get("digest")))
            for tool, ships, skips in counted:
                self._add(tool, ships, skips)
            for visitor, tool, vote in line.get("placed", ()):
                self._place(visitor, tool, vote)

    def _place(self, visitor: Any, tool: Any, vote: Any) -> None:
        if vote not in (SHIP, SKIP) or not isinstance(tool, str) or not isinstance(visitor, str):
            return
        votes, key = self._placed.setdefault(tool, {}), _short(visitor)
        if (before := votes.get(key)) == vote:
            return
        if before is not None:
            self._add(tool, -(before == SHIP), -(before == SKIP))
        votes[key] = SHIP if vote == SHIP else SKIP  # not each line's own copy of the word
        self._add(tool, int(vote == SHIP), int(vote == SKIP))

    def _add(self, tool: str, ships: int, skips: int) -> None:
        counts = self._counts.setdefault(tool, [0, 0])
        counts[0] += ships
        counts[1] += skips


def _short(visitor: str) -> bytes:
    """Return a visitor's hash as it is kept, of half a million others."""
    return (
        bytes.fromhex(visitor)
        if _HASH.fullmatch(visitor)
        else visitor.encode("utf-8", "surrogatepass")
    )


def share_record(tool: str, tally: Tally) -> dict[str, Any]:
    """Return a tool's community share as plain JSON types; null for what nobody voted on."""
    interval = tally.interval
    return {
        "tool": tool,
        "ships": tally.ships,
        "skips": tally.skips,
        "n": tally.n,
        "ship_percent": tally.ship_percent,
        "interval": [interval.low, interval.high] if interval else None,
    }


@functools.lru_cache(maxsize=MOST_SHARES)
def share_json(tool: str, ships: int, skips: int) -> bytes:
    """Return a share as it is sent: compact JSON, kept for the next who asks.

    With thousands of tools, whoever asks for all shares would else stop everybody for a while.
    """
    return encode(share_record(tool, Tally(ships, skips))).strip()
