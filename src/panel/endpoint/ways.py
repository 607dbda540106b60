"""How an endpoint's requests are made: what its refusals say, kept once an answer proves it.

What one cell meets changes its own requests only. The change is the endpoint's once an answer has
come that way, and never where an answer has come with what was refused: then it is that cell's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from panel.endpoint.faults import Fault
from panel.endpoint.output_modes import OUTPUT_MODES, OutputMode, RequestProfile

# Cells whose own output mode had to be weaker, after which the whole endpoint's is.
WEAKENED_REMEMBERED = 3
SYSTEM = "system"  # what a system message is called among the fields that worked
_CAPS = {"stream", "max_tokens", "max_completion_tokens"}


@dataclass(slots=True)
class Learned:
    """What is known of an endpoint.

    profile: how its requests are made; never changed in place. worked: the output modes and
    fields that a verdict came with. weakened: cells that needed a weaker mode than one that
    worked, since it changed. search: the ways still to be tried, strictest first, since only the
    barest is known to be taken. in_vain: a cell was refused in every way.
    """

    profile: RequestProfile = field(default_factory=RequestProfile)
    worked: set[str] = field(default_factory=set)
    weakened: dict[str, str] = field(default_factory=dict)  # with their tools
    search: list[RequestProfile] = field(default_factory=list)
    in_vain: bool = False


@dataclass(slots=True)
class Way:
    """How one cell is asked.

    own: how it is asked in another way than others; None where it is not. base: the endpoint's
    profile that this was made of. mine: it is no way for others. bare: nothing is left out but
    the question. asked, sent: the profile and the optional fields of the last request.
    """

    learned: Learned
    tools: int
    own: RequestProfile | None = None
    base: RequestProfile | None = None
    mine: bool = False
    bare: bool = False
    asked: RequestProfile = field(default_factory=RequestProfile)
    sent: set[str] = field(default_factory=set)
    sent_before: set[str] = field(default_factory=set)  # the same, before it was bare

    def next(self) -> RequestProfile:
        """Return how the next request is made."""
        self.asked = self.own or self.learned.profile
        return self.asked

    def answered(self, verdict: bool) -> None:
        """Note that the last request was taken: its way is the endpoint's, if none is yet."""
        learned = self.learned
        if self.own is not None and self.base is learned.profile and not self.mine:
            if self.bare:
                learned.search = _between(self.base, self.own, self.sent_before)
                learned.profile = learned.search.pop(0)
            else:
                learned.profile = self.own
            self.own, self.bare = None, False
        elif self.asked is learned.profile:
            learned.search.clear()
        if verdict:
            learned.worked |= {self.asked.output_mode, *self.sent}

    def refused(self, fault: Fault, cell: str, tool: str) -> None:
        """Ask otherwise after a refusal that says what is not taken."""
        mode = self.asked.output_mode
        if self.asked is not (self.own or self.learned.profile):
            return  # another cell has learned something meanwhile
        named = fault.field or (SYSTEM if fault.label == "system_refused" else mode)
        if self.learned.in_vain and not self.learned.worked and self.unexplained():
            return
        mine = named in self.learned.worked
        changed = self._change(mine)
        if fault.field is not None:
            changed.drop(fault.field)
        elif fault.label == "system_refused":
            changed.merge_system = True
        else:
            self.weaken(mine, cell, tool, fault.detail)

    def unexplained(self) -> bool:
        """Ask otherwise after a refusal that says nothing; False where no other way is left.

        The barest request tells whether the refusal is about how it was made. If that is taken,
        the next cells look for the strictest way that is.
        """
        learned = self.learned
        if self.asked.output_mode in learned.worked:
            return False
        if self.asked is not (self.own or learned.profile):
            return True
        if self.own is None and learned.search:
            learned.profile = learned.search.pop(0)
            return True
        if self.bare:
            learned.in_vain = True
            return False
        self.sent_before = set(self.sent)
        # What was changed for this cell's refusals did not help it.
        self.own = self.base = None
        self.own = _bare(self._change(mine=False), self.sent)
        self.bare = True
        return True

    def weaken(self, mine: bool, cell: str, tool: str, said: str = "") -> None:
        """Ask in a weaker output mode; after a few cells of which one worked, ask all so."""
        learned, mode = self.learned, self.asked.output_mode
        changed = self._change(mine)
        changed.output_mode = changed.weaker_mode(said, mode)
        if not mine:
            return
        learned.weakened[cell] = tool
        tools = set(learned.weakened.values())
        enough = len(learned.weakened) >= WEAKENED_REMEMBERED and len(tools) >= min(2, self.tools)
        if enough and learned.profile.output_mode == mode:
            learned.profile = replace(learned.profile, output_mode=changed.output_mode)
            learned.weakened.clear()

    def _change(self, mine: bool) -> RequestProfile:
        if self.own is None:
            self.base = self.learned.profile
            self.own = _copy(self.base)
            self.mine = False
        else:
            self.own = _copy(self.own)
        self.mine = self.mine or mine
        return self.own


def _copy(profile: RequestProfile) -> RequestProfile:
    return replace(profile, without=set(profile.without), renamed=dict(profile.renamed))


def _bare(profile: RequestProfile, sent: Collection[str]) -> RequestProfile:
    return replace(
        profile,
        output_mode="prompted",
        merge_system=True,
        without=profile.without | _originals(profile, sent),
    )


def _originals(profile: RequestProfile, sent: Collection[str]) -> set[str]:
    names = {new: old for old, new in profile.renamed.items()}
    return {names.get(name, name) for name in sent if name != SYSTEM}


def _between(
    full: RequestProfile, bare: RequestProfile, sent: Collection[str]
) -> list[RequestProfile]:
    """Return the ways between one that is refused and the barest, the strictest first."""
    names = _originals(full, sent)
    ways = [
        replace(full, merge_system=True),
        replace(full, without=full.without | (names - _CAPS)),
        replace(full, without=full.without | names),
        replace(full, without=full.without | names, merge_system=True),
    ]
    below: list[OutputMode] = [*OUTPUT_MODES[OUTPUT_MODES.index(full.output_mode) + 1 :]]
    ways += [
        replace(full, output_mode=mode)
        for mode in below
        if mode != "native" or full.native is not None
    ]
    return [*ways, bare]
