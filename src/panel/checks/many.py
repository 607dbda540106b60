"""Checks many takes: one by one, or in several processes where that is quicker.

Each process has a part of the tools and all takes on them, so that no tool is read twice.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, TypeVar

from panel.checks.findings import Finding, Subject
from panel.checks.others import OtherTools, Traces, traces_of
from panel.checks.source import ById, source_of
from panel.checks.take import check_take
from panel.workspace.personas import Persona
from panel.workspace.processes import cores, pool, without_interrupts
from panel.workspace.tools import Tool

ALONE = 1000  # up to this many takes, no other process is started
CHUNK = 60  # takes

Thing = TypeVar("Thing")
_Take = tuple[Any, ...]  # a subject; its tool and persona are places in what the process has


@contextmanager
def checking(
    subjects: Sequence[Subject], catalog: Sequence[Tool], processes: int | None = None
) -> Iterator[Iterator[list[Finding]]]:
    """Check takes as ``check_take`` does; gives the findings of each, in the order of the takes.

    The work goes on while the block does something else. processes: how many to start; None for
    one a core, or none where the takes are few. Raises PanelError where one is lost.
    """
    if processes is None:
        processes = cores() if len(subjects) > ALONE else 1
    if processes < 2:
        with _no_collecting():
            others = OtherTools(catalog)
            yield (check_take(subject, others) for subject in subjects)
        return
    tools = _each_once([*catalog, *(subject.tool for subject in subjects)])
    personas = _each_once(subject.persona for subject in subjects)
    with _no_collecting(), ExitStack() as stack:
        parts = [
            _Part(stack, tools[start::processes], personas)
            for start in range(min(processes, len(tools)))
        ]
        known: dict[ById[Tool], Traces] = {}
        for part, traces in [(part, part.ask(_traces)) for part in parts]:
            known.update(zip(part.places, traces.result(), strict=True))
        others = OtherTools(catalog, known)
        whose = {tool: part for part in parts for tool in part.places}
        for subject in subjects:
            whose[ById(subject.tool)].takes.append(subject)
        found = {part: part.check(others) for part in parts}
        yield (next(found[whose[ById(subject.tool)]]) for subject in subjects)


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


def _each_once(things: Iterable[Thing]) -> list[Thing]:
    return list({id(thing): thing for thing in things}.values())


class _Part:
    """A process with a part of the tools. places: where it has each; takes: those on them."""

    def __init__(self, stack: ExitStack, tools: list[Tool], personas: list[Persona]) -> None:
        self.places = {ById(tool): place for place, tool in enumerate(tools)}
        self.takes: list[Subject] = []
        self._personas = {id(persona): place for place, persona in enumerate(personas)}
        self._pool: ProcessPoolExecutor = stack.enter_context(pool(1, _begin, tools, personas))

    def ask(self, work: Callable[..., Any], *words: Any) -> Future[Any]:
        """Have something done after all that was asked before."""
        with without_interrupts():  # the process starts with the first
            return self._pool.submit(work, *words)

    def check(self, others: OtherTools) -> Iterator[list[Finding]]:
        """Have all takes checked; gives their findings in order, each when it is there."""
        asked = [self.ask(_learn, others)]
        for start in range(0, len(self.takes), CHUNK):
            takes = [self._packed(take) for take in self.takes[start : start + CHUNK]]
            asked.append(self.ask(_check, takes))
        return chain.from_iterable(each.result() for each in asked)

    def _packed(self, take: Subject) -> _Take:
        tool, persona = self.places[ById(take.tool)], self._personas[id(take.persona)]
        words = (take.text, take.verdict, take.confidence, dict(take.beats), take.evidence)
        return (tool, persona, *words, take.picked)


class _Here:
    """What a process of a part knows, which it gets once and not with every take."""

    def __init__(self, tools: list[Tool], personas: list[Persona]) -> None:
        self.tools, self.personas = tools, personas
        self.others = OtherTools([])


_here = _Here([], [])


def _begin(tools: list[Tool], personas: list[Persona]) -> None:
    global _here  # noqa: PLW0603
    gc.disable()
    _here = _Here(tools, personas)


def _traces() -> list[Traces]:
    for tool in _here.tools:
        source_of(tool)  # which has its figures; so its words are found only once
    return list(map(traces_of, _here.tools))


def _learn(others: OtherTools) -> list[list[Finding]]:
    _here.others = others
    return []


def _check(takes: list[_Take]) -> list[list[Finding]]:
    return [
        check_take(Subject(_here.tools[tool], _here.personas[persona], *words), _here.others)
        for tool, persona, *words in takes
    ]
