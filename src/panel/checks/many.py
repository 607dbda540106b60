"""Checks many takes: one by one, or in several processes where that is quicker.

Each process has a part of the tools and all takes on them, so that no tool is read twice.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain, zip_longest
from typing import Any, TypeVar

from panel.checks.findings import Finding, Subject
from panel.checks.others import OtherTools, Traces, traces_of
from panel.checks.source import ById, source_of
from panel.checks.take import check_take
from panel.workspace.personas import Persona
from panel.workspace.processes import cores, pool, without_interrupts
from panel.workspace.tools import Tool

ALONE = 1000  # up to this many takes, no other process is started
CHUNK = 60  # takes, or tools

_Thing = TypeVar("_Thing")
Check = Callable[[Sequence[Subject]], Iterator[list[Finding]]]
# A subject; its tool and persona are places in what the process has, or come whole if it has not.
_Take = tuple[Any, ...]


@contextmanager
def checkers(likely: int = 0, processes: int | None = None) -> Iterator[Checkers]:
    """Have processes for the block that check takes, or none where the takes are few.

    likely: how many takes there will be at least, so far as is known; where they are many, the
    processes start at once and load the program while this one reads the catalog. processes: how
    many there are; None for one a core. Raises PanelError where one is lost.
    """
    with _no_collecting(), ExitStack() as stack:
        yield Checkers(stack, likely, processes)


class Checkers:
    """What ``checkers`` gives: processes that check takes once they have a catalog."""

    def __init__(self, stack: ExitStack, likely: int, processes: int | None) -> None:
        self._stack, self._processes = stack, processes
        self._pools: list[ProcessPoolExecutor] = []
        for _each in range(self._of_use(likely)):
            _ask(self._pool(), gc.isenabled)  # a process starts with what it is asked first

    def read(self, catalog: Sequence[Tool], personas: Sequence[Persona], takes: int) -> Check:
        """Return a function that checks takes as ``check_take`` does: the findings of each.

        Where other processes do the work, they read the catalog while this one looks for the
        takes, and check them while it does something else. takes: how many there are at most.
        """
        if (many := min(self._of_use(takes), len(catalog))) < 2:
            return lambda subjects: _one_by_one(subjects, OtherTools(catalog))
        for _each in range(many - len(self._pools)):
            self._pool()
        parts = [
            _Part(pool, catalog[start::many], personas)
            for start, pool in enumerate(self._pools[:many])
        ]
        return lambda subjects: _spread(subjects, parts)

    def _of_use(self, takes: int) -> int:
        if self._processes is not None:
            return self._processes
        return cores() if takes > ALONE else 0

    def _pool(self) -> ProcessPoolExecutor:
        self._pools.append(self._stack.enter_context(pool(1, _begin)))
        return self._pools[-1]


def _one_by_one(subjects: Sequence[Subject], others: OtherTools) -> Iterator[list[Finding]]:
    return (check_take(subject, others) for subject in subjects)


def _spread(subjects: Sequence[Subject], parts: Sequence[_Part]) -> Iterator[list[Finding]]:
    """Have each take checked by the part that has its tool."""
    whose = {tool: part for part in parts for tool in part.tools}
    asked = [whose.get(ById(subject.tool), parts[0]) for subject in subjects]
    takes: dict[_Part, list[Subject]] = {part: [] for part in parts}
    for part, subject in zip(asked, subjects, strict=True):
        takes[part].append(subject)
    rows = zip_longest(*(part.traces() for part in parts))
    known = [traces for row in rows for traces in row if traces is not None]
    found = {part: part.check(takes[part], known) for part in parts}
    return (next(found[part]) for part in asked)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Look for no garbage in circles, which no check makes, among so many findings."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _places(things: Sequence[_Thing]) -> dict[ById[_Thing], int]:
    return {ById(thing): place for place, thing in enumerate(things)}


def _ask(process: ProcessPoolExecutor, work: Callable[..., Any], *words: Any) -> Future[Any]:
    """Have something done after all that was asked before."""
    with without_interrupts():  # the process starts with the first
        return process.submit(work, *words)


class _Part:
    """A process with a part of the tools, which it begins to read at once."""

    def __init__(
        self, process: ProcessPoolExecutor, tools: Sequence[Tool], personas: Sequence[Persona]
    ) -> None:
        self.tools, self._personas = _places(tools), _places(personas)
        self._ask = partial(_ask, process)
        self._ask(_meet, personas)
        # In pieces, since none that is begun can be called off.
        self._read = [self._ask(_read, piece) for piece in _pieces(tools)]

    def traces(self) -> Iterator[Traces]:
        """Return what an index of the catalog holds of each tool, once it is read."""
        return chain.from_iterable(each.result() for each in self._read)

    def check(self, takes: Sequence[Subject], known: Sequence[Traces]) -> Iterator[list[Finding]]:
        """Have takes checked; gives their findings in order, each when it is there.

        known: the whole catalog.
        """
        asked = [self._ask(_learn, known)]
        asked += [self._ask(_check, [*map(self._packed, piece)]) for piece in _pieces(takes)]
        return chain.from_iterable(each.result() for each in asked)

    def _packed(self, take: Subject) -> _Take:
        tool = self.tools.get(ById(take.tool), take.tool)
        persona = self._personas.get(ById(take.persona), take.persona)
        words = (take.text, take.verdict, take.confidence, dict(take.beats), take.evidence)
        return (tool, persona, *words, take.picked)


def _pieces(things: Sequence[_Thing]) -> Iterator[Sequence[_Thing]]:
    return (things[start : start + CHUNK] for start in range(0, len(things), CHUNK))


class _Here:
    """What a process of a part knows, which it gets once and not with every take."""

    def __init__(self) -> None:
        self.personas: Sequence[Persona] = []
        self.tools: list[Tool] = []
        self.others = OtherTools([])

    def subject(self, take: _Take) -> Subject:
        """Return what was packed."""
        tool, persona, *words = take
        return Subject(
            self.tools[tool] if isinstance(tool, int) else tool,
            self.personas[persona] if isinstance(persona, int) else persona,
            *words,
        )


_here = _Here()


def _begin() -> None:
    gc.disable()


def _meet(personas: Sequence[Persona]) -> None:
    _here.personas = personas


def _read(tools: Sequence[Tool]) -> list[Traces]:
    _here.tools += tools
    for tool in tools:
        source_of(tool)  # which has its figures; so its words are found only once
    return list(map(traces_of, tools))


def _learn(known: Sequence[Traces]) -> list[list[Finding]]:
    _here.others = OtherTools.of(known)
    return []


def _check(takes: Sequence[_Take]) -> list[list[Finding]]:
    return [check_take(_here.subject(take), _here.others) for take in takes]
