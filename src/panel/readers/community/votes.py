"""Readers' votes: ship or skip, one per visitor and tool; the last one counts.

They go on under the new slug of a tool that is renamed (``names``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from panel.cells.journal import encode
from panel.cells.renames import SlugChange
from panel.errors import UsageError
from panel.readers.community.ballots import Ballots, read_ballots
from panel.readers.community.ledger import FOLDER, Ledger
from panel.readers.community.names import Names
from panel.readers.community.secret import Secret
from panel.stats import Tally
from panel.workspace.tools import slugify
from panel.workspace.verdict import SHIP, SKIP

FILE = "votes.jsonl"
MOST_SHARES = 20_000  # kept as they are sent
_HASH = re.compile(r"[0-9a-f]{32}")
MOST_JOINED = 8  # tools that have become one, whose bounds still hold
Line = dict[str, Any]


class Votes:
    """The votes of a workspace, below ``root/community``, kept up to date in memory.

    Of a visitor only the keyed hash of a random number is stored. Raises JournalError
    where the file cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self._ledger = Ledger(root / FOLDER / FILE, self._replay, self._restart)
        self._restart()

    def _restart(self) -> None:
        self._names = Names()
        # By tool and visitor: the number of the vote, twice, and 1 more for a ship.
        self._placed: dict[str, dict[str, int]] = {}
        self._number = 0
        self._counts: dict[str, list[int]] = {}
        self._joined: dict[str, tuple[str, ...]] = {}
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
        return visitor_hash in self._placed.get(self._names.tool(tool), ())

    def present(self, slug: str) -> str:
        """Return the present slug of the tool that has this one, or had it."""
        self._ledger.refresh()
        return self._names.slug(self._names.tool(slug))

    def bounded_as(self, slug: str) -> tuple[str, ...]:
        """Return by what the new votes on a tool are bounded, whatever it is called meanwhile."""
        self._ledger.refresh()
        tool = self._names.tool(slug)
        return (tool, *self._joined.get(tool, ()))

    def follow(self, changes: Iterable[SlugChange], at: str) -> None:
        """Let the votes on renamed tools go on under their new slugs; each change counts once."""
        changes = tuple(changes)
        if any(self._fresh(changes, at)):
            with self._ledger.writing():
                for lines in self._fresh(changes, at):
                    self._ledger.append(*lines)

    def foresee(self, changes: Iterable[SlugChange], at: str) -> None:
        """Count as if these changes were followed already; nothing is written."""
        for lines in self._fresh(tuple(changes), at):
            for line in lines:
                self._replay(line)

    def begin(self, slugs: Iterable[str], at: str) -> None:
        """Say which slugs tools have now: one that another tool had begins with no votes."""
        self._ledger.refresh()
        if former := sorted(filter(self._names.is_former, slugs)):
            self._ledger.append(*({"kind": "begin", "tool": each, "at": at} for each in former))

    def _fresh(self, changes: tuple[SlugChange, ...], at: str) -> Iterator[list[Line]]:
        """Yield the lines that are missing, each list once what was yielded before is replayed."""
        self._ledger.refresh()
        for dated in (True, False):
            found = self._names.news(changes, dated)
            if lines := [{"kind": "rename", "change": asdict(each), "at": at} for each in found]:
                yield lines

    def record(
        self,
        visitor_hash: str,
        tool: str,
        vote: str,
        at: str,
        counting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> bool:
        """Keep one vote; return whether it changed anything.

        visitor_hash: 32 hex digits; tool: a slug; vote: ship or skip; at: ISO time, UTC.
        A visitor's first vote on a tool is written inside of ``counting()``, which may refuse
        it by raising an error. A vote like the visitor's last one is not written again. Raises
        UsageError.
        """
        if vote not in (SHIP, SKIP):
            raise UsageError(f"{vote!r} is not a vote. Send 'ship' or 'skip'.")
        if not tool or slugify(tool) != tool:
            raise UsageError(f"{tool!r} is not the slug of a tool.")
        if not _HASH.fullmatch(visitor_hash):
            raise UsageError("a visitor's hash is 32 hex digits.")
        with self._ledger.writing():
            before = self._placed.get(self._names.tool(tool), {}).get(visitor_hash)
            if before is not None and _word(before) == vote:
                return False
            line = {"kind": "vote", "visitor": visitor_hash, "tool": tool, "vote": vote, "at": at}
            with counting() if before is None else nullcontext():
                self._ledger.append(line)
        return True

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return (ships, skips) of every tool that has votes, sorted by slug."""
        self._ledger.refresh()
        named = {self._names.slug(tool): pair for tool, pair in self._counts.items()}
        return {
            slug: (ships, skips) for slug, (ships, skips) in sorted(named.items()) if ships or skips
        }

    def tallies(self) -> dict[str, Tally]:
        """Return the votes of every tool that has any, with percentage and interval."""
        return {tool: Tally(*pair) for tool, pair in self.counts().items()}

    def tally(self, tool: str) -> Tally:
        """Return one tool's votes: counts, percentage and interval."""
        self._ledger.refresh()
        return Tally(*self._counts.get(self._names.tool(tool), (0, 0)))

    def import_csv(self, file: Path, tools: set[str], secret: Secret, at: str) -> Ballots | None:
        """Add the votes of a CSV file, all or none; None when the same content was added before.

        Columns: ``tool, ships, skips`` (counts, added to what is there) or ``tool, vote,
        voter`` (voters are hashed; a voter's last vote on a tool counts). ``tools`` are the
        slugs that it may name. Raises WorkspaceError with every mistake of the file, and
        UsageError for a slug that led to another tool when the site was published last.
        """
        ballots = read_ballots(file, tools)
        for slug in {*ballots.counted, *(tool for _voter, tool in ballots.placed)}:
            if (now := self.present(slug)) != slug:
                raise UsageError(
                    f"{slug!r} has been the name of {now!r}, and its votes count there. Publish "
                    "the tool that has this name now, then import."
                )
        placed = [
            [secret.hash("imported voter", voter), tool, vote]
            for (voter, tool), vote in ballots.placed.items()
        ]
        counted = {tool: list(pair) for tool, pair in ballots.counted.items()}
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

    def _replay(self, line: Line) -> None:
        kind = line.get("kind")
        if kind == "vote":
            self._place(line.get("visitor"), line.get("tool"), line.get("vote"))
        elif kind == "rename":
            one = self._names.rename(SlugChange(**_texts(line["change"])), str(line["at"]))
            if one is not None:
                self._join(*one)
        elif kind == "begin":
            self._names.begin(str(line["tool"]), str(line["at"]))
        elif kind == "import" and line.get("digest") not in self._imported:
            counted = [(tool, *pair) for tool, pair in line.get("counted", {}).items()]
            if any(type(each) is not int or each < 0 for _tool, *pair in counted for each in pair):
                raise ValueError("a count is a whole number")
            self._imported.add(str(line.get("digest")))
            for tool, ships, skips in counted:
                self._add(self._names.tool(tool), ships, skips)
            for visitor, tool, vote in line.get("placed", ()):
                self._place(visitor, tool, vote)

    def _place(self, visitor: Any, slug: Any, vote: Any) -> None:
        if vote not in (SHIP, SKIP) or not isinstance(slug, str) or not isinstance(visitor, str):
            return
        tool = self._names.tool(slug)
        placed = self._placed.setdefault(tool, {})
        before = placed.get(visitor)
        if before is not None:
            self._add(tool, -(_word(before) == SHIP), -(_word(before) == SKIP))
        self._number += 1
        placed[visitor] = 2 * self._number + (vote == SHIP)
        self._add(tool, int(vote == SHIP), int(vote == SKIP))

    def _join(self, tool: str, other: str) -> None:
        """Count what was voted on two tools for the first: of a visitor's votes, the newest."""
        ships, skips = self._counts.pop(other, (0, 0))
        placed = self._placed.setdefault(tool, {})
        self._add(tool, ships, skips)
        for visitor, vote in self._placed.pop(other, {}).items():
            both = {vote, placed.get(visitor, vote)}
            placed[visitor] = max(both)
            if len(both) == 2:
                self._add(tool, -(_word(min(both)) == SHIP), -(_word(min(both)) == SKIP))
        if ships or skips:
            was = (*self._joined.get(tool, ()), other, *self._joined.pop(other, ()))
            self._joined[tool] = was[-MOST_JOINED:]

    def _add(self, tool: str, ships: int, skips: int) -> None:
        counts = self._counts.setdefault(tool, [0, 0])
        counts[0] += ships
        counts[1] += skips


def _texts(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(text) for name, text in fields.items()}


def _word(placed: int) -> str:
    return SHIP if placed % 2 else SKIP


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
