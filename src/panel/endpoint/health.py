"""What requests about different cells say about the endpoint that they share.

One cell's trouble is not the endpoint's: its prompt may be too long, or hold a word that a
firewall fears. So other cells are asked before an endpoint is given up, and those of other tools
first. Until an endpoint has answered anything, and again when it seems to be gone, one request
is in flight at a time: a dead one costs few requests.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

from panel.cells.cells import PairKey
from panel.endpoint.fault_words import is_page
from panel.endpoint.faults import LOADING, NOT_RECORDED, Fault
from panel.text import counted, in_words

FEW = 3  # tools refused alike, with no answer between, that end a run where all may be refused
MANY = 16  # cells that ended alike in an error, with no answer between, that end a run
GONE = 5  # requests in a row without an answer, after which one is in flight at a time
MOST = 10  # requests in a row without an answer that end a run, if none was told to wait
FIRST_SECONDS = 9.0  # for which an endpoint that has never answered is asked again
GONE_SECONDS = 15.0  # and one that has answered
FIRST_WAIT_CAP = 3.0
WAIT_CAP_SECONDS = 60.0
OWN_WAIT_CAP = 8.0  # of one cell, while others are answered: only overload passes by waiting
LOADING_WAIT_CAP = 5.0
LOOKED_AT = 2000  # characters of a reply that are held against others

# Faults of the whole endpoint which, once it has answered, may be those of one cell.
_SOMETIMES = {"key_refused", "not_found", "not_an_api", "redirected"}


class Asked(Protocol):
    """What a request is about: a cell, or a take; fingerprint: what tells one from another."""

    @property
    def pair(self) -> PairKey:
        """Its tool and persona."""

    @property
    def fingerprint(self) -> str:
        """The hash of the question."""


@dataclass(slots=True)
class _Alike:
    """Cells that ended in one kind of fault since the endpoint last answered, by tool."""

    cells: set[str] = field(default_factory=set)
    tools: set[str] = field(default_factory=set)


@dataclass(slots=True)
class EndpointHealth:
    """Judges an endpoint by what its cells meet.

    attempts: requests in a row without an answer that end a run, once one is in flight at a
    time. loading_seconds: for how long a model may load. cells, tools: how many of them the run
    has. alone: whether only one request should be in flight. answered_once: whether there was
    ever a reply. proven: whether there was one that only the model can have given.
    """

    attempts: int
    loading_seconds: float
    cells: int = 1
    tools: int = 1
    alone: bool = True
    answered_once: bool = False
    proven: bool = False
    _failed: int = 0  # requests in a row without an answer
    _tried: int = 0  # those among them that were alone in flight
    _first_failed: float = 0.0
    _rounds: int = 0  # of failures in a row: those in flight together are one
    _round_ended: float = 0.0
    _alone_since: float = 0.0
    _failing: set[str] = field(default_factory=set)  # their tools
    _alike: dict[str, _Alike] = field(default_factory=dict)
    _own_trouble: set[tuple[str, str]] = field(default_factory=set)  # kinds and their tools
    _later: set[str] = field(default_factory=set)  # cells that were put off

    @property
    def suspects(self) -> set[str]:
        """The tools in trouble since the last answer; cells of others tell the most now."""
        return self._failing.union(*(alike.tools for alike in self._alike.values()))

    def alive(self) -> None:
        """Note that something has replied, whatever the reply was worth."""
        self._failing.clear()
        self._failed = self._tried = self._rounds = 0
        self.answered_once = True
        self.alone = self.alone and not self.proven

    def answered(self) -> None:
        """Note an answer of the model: what others met since the last one was their own."""
        self.proven = True
        self.alive()
        self._own_trouble |= {
            (label, tool) for label, alike in self._alike.items() for tool in alike.tools
        }
        self._alike.clear()

    def judge(self, fault: Fault, cell: Asked, began: float, last: bool) -> Fault:
        """Return the fault with what follows from it for the run.

        began: when the request was sent, in monotonic seconds. last: its cell has no try left.
        """
        page = fault.label == "redirected" or is_page(fault.detail)  # as firewalls answer, too
        if fault.action == "stop" and fault.label in _SOMETIMES and (self.answered_once or page):
            fault = replace(fault, action="suspect")
        if fault.label == "unreachable" and self.answered_once:
            fault = replace(fault, action="retry")  # a server that is started again, perhaps
        if fault.replied:
            self.alive()
        elif fault.action == "retry" and not (fault.of_this_machine and self.answered_once):
            fault = self._failure(fault, cell, began)
        if fault.action in ("stop", "abstain") or fault.label == NOT_RECORDED:
            return fault
        return self._ended(fault, cell, fault.label) if fault.ends_cell(last) else fault

    def abstained(
        self, doubt: Fault | None, cell: Asked, said: str, one_of_several: bool = False
    ) -> Fault | None:
        """Return what follows from an abstention for the run; None where it stands.

        doubt: what the endpoint's own trouble would be that looks like it; None where it is the
        model's for certain. said: what was replied. one_of_several: other servers can be asked.
        """
        if doubt is None or self.tools == 1:
            self.answered()
            return None
        self.alive()
        if self.proven and not one_of_several:
            # A filter may fear some tools in a row; the same words about each are no answers.
            fault = self._ended(doubt, cell, _wording(said)) if said else doubt
            if fault.action != "stop":
                fault = self._ended(replace(doubt, action="record"), cell, doubt.label)
            return fault if fault.action == "stop" else None
        fault = self._ended(doubt, cell, doubt.label)
        if fault.action == "stop":
            return fault
        return None if doubt.coded else self.later(fault, cell)

    def later(self, fault: Fault, cell: Asked) -> Fault | None:
        """Have a cell asked again after others, but once; None where it was."""
        if cell.fingerprint in self._later:
            return None
        self._later.add(cell.fingerprint)
        return replace(fault, action="later")

    def hold(self, fault: Fault) -> float | None:
        """Return the seconds for which nobody should ask; None where others may go on."""
        if fault.retry_after is not None:
            if not (fault.overload or self.alone):
                return None
            # "Again in 6 ms" may be said for seconds: the wish is the least that is waited.
            own = 2.0 ** (self._rounds - 2) if self._rounds > 1 else 0.0
            return max(fault.retry_after, min(WAIT_CAP_SECONDS, own))
        if not self.alone or fault.action != "retry" or fault.replied:
            return None
        if fault.label == LOADING:
            return min(LOADING_WAIT_CAP, WAIT_CAP_SECONDS, 1.5**self._tried)
        if self._patient(fault):
            return min(WAIT_CAP_SECONDS, 2.0 ** max(0, self._tried - 1))
        return min(FIRST_WAIT_CAP, WAIT_CAP_SECONDS, 2.0 ** (self._tried - 3))

    def longest_backoff(self, fault: Fault, tries: int) -> float:
        """Return the most seconds that a cell waits after so many tries, asked for no wait."""
        return min(WAIT_CAP_SECONDS if fault.overload else OWN_WAIT_CAP, 2.0**tries)

    def _patient(self, fault: Fault) -> bool:
        """Whether the server is known to be alive, so that waiting for it may pay."""
        return self.answered_once or fault.busy

    def _failure(self, fault: Fault, cell: Asked, began: float) -> Fault:
        now = time.monotonic()
        if not self._failed:
            self._first_failed = self._round_ended = began
        self._failed += 1
        if began >= self._round_ended:
            self._rounds, self._round_ended = self._rounds + 1, now
        self._failing.add(cell.pair[0])
        if self.alone and began >= self._alone_since:
            self._tried += 1
        if not self.alone and self._gone(fault):
            self.alone, self._alone_since, self._tried = True, now, 0
            return fault
        if not self.alone or not self._tried:
            return fault
        if fault.label == LOADING:
            over = now - self._first_failed >= self.loading_seconds
        else:
            # One cell alone may be what breaks a server: another tool's is asked as well.
            enough = len(self._failing) >= min(2, self.tools)
            next_ends = now + (self.hold(fault) or 0.0) + (now - began)  # if it takes as long
            over = enough and (self._tried >= self.attempts or self._too_many(fault, next_ends))
        if not over:
            return fault
        took = f" in {now - self._first_failed:.0f} s" if now - self._first_failed >= 1 else ""
        many = f"{counted(self._failed, 'request')} in a row" if self._failed > 1 else "the request"
        detail = f"{many} failed{took}, the last with {in_words(fault.label)}: {fault.said}"
        return Fault("stop", "no_answer", detail)

    def _gone(self, fault: Fault) -> bool:
        if fault.label == LOADING:
            return True
        return self._failed >= GONE and len(self._failing) >= min(2, self.tools)

    def _too_many(self, fault: Fault, next_ends: float) -> bool:
        """Whether a server that may be gone was asked enough, or would end the next one too late.

        One that says that it is busy is there.
        """
        if fault.busy or self._tried < min(2, self.attempts):
            return False
        longest = GONE_SECONDS if self.answered_once else FIRST_SECONDS
        return self._failed >= MOST or next_ends - self._first_failed > longest

    def _ended(self, fault: Fault, cell: Asked, kind: str) -> Fault:
        """Count a cell that ended so; stop where enough others ended alike.

        kind: what is alike. Until the model has answered anything, every end is suspect.
        """
        alike = self._alike.setdefault(kind, _Alike())
        alike.cells.add(cell.fingerprint)
        tool, _persona = cell.pair
        if (kind, tool) not in self._own_trouble:
            alike.tools.add(tool)
        many = len(alike.cells)
        everyone = len(alike.tools) >= min(FEW, self.tools) and many >= min(FEW, self.cells)
        suspect = fault.action == "suspect" or not (self.proven or self.tools == 1)
        if (suspect and everyone) or many >= MANY:
            first = f"{counted(many, 'cell')} in a row: " if many > 1 else ""
            return replace(fault, action="stop", detail=f"{first}{fault.detail}")
        return fault


def _wording(said: str) -> str:
    """Return what stays the same where a program says it again: no ids, times and counts."""
    words = said[:LOOKED_AT].split()
    return " ".join(word for word in words if not re.search(r"\d", word)) or "numbers"
