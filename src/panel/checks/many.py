"""Checks many takes: one by one, or in several processes where that is quicker.

Each process has a part of the tools and all takes on them, so that no tool is read twice.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
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
def checking(
    catalog: Sequence[Tool], personas: Sequence[Persona], takes: int, processes: int | None = None
) -> Iterator[Check]:
    """Give a function that checks takes as ``check_take`` does: the findings of each, in order.

    Where other processes do the work, they read the catalog while the block looks for the takes,
    and check them while it does something else. takes: how many there will be, at most.
    processes: how many to start; None for one a core, or none where the takes are few. Raises
    PanelError where one is lost.
    """
    if processes is None:
        processes = cores() if takes > ALONE else 1
    with _no_collecting(), ExitStack() as stack:
        if processes < 2:
            yield lambda subjects: _one_by_one(subjects, OtherTools(catalog))
            return
        many = max(1, min(processes, len(catalog)))
        parts = [_Part(stack, catalog[start::many], personas) for start in range(many)]
        yield lambda subjects: _spread(subjects, parts)


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


class _Part:
    """A process with a part of the tools, which it begins to read at once."""

    def __init__(self, stack: ExitStack, tools: Sequence[Tool], personas: Sequence[Persona]):
        self.tools, self._personas = _places(tools), _places(personas)
        self._pool: ProcessPoolExecutor = stack.enter_context(pool(1, _begin, personas))
        # In pieces, since none that is begun can be called off.
        self._read = [self._ask(_read, piece) for piece in _pieces(tools)]

    def _ask(self, work: Callable[..., Any], *words: Any) -> Future[Any]:
        """Have something done after all that was asked before."""
        with without_interrupts():  # the process starts with the first
            return self._pool.submit(work, *words)

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

    def __init__(self, personas: Sequence[Persona]) -> None:
        self.personas = personas
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


_here = _Here([])


def _begin(personas: Sequence[Persona]) -> None:
    global _here  # noqa: PLW0603
    gc.disable()
    _here = _Here(personas)


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
