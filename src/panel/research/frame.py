"""The frame: the votes that an analysis stands on, counted, and where they come from.

Repeats of one question are counted and not listed: no statistic of this room needs their order,
and a million verdicts fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from panel.errors import UsageError
from panel.scorecard import no_judgement
from panel.stats import Tally
from panel.store.connection import Connection
from panel.store.frames import counts_of
from panel.store.registrations import arm_conditions
from panel.text import counted

Kind = Literal["house", "model", "run", "experiment"]
FORMS = "house, model:IDENTITY, run:RUN_ID, EXPERIMENT or EXPERIMENT/ARM"


@dataclass(frozen=True, slots=True)
class Source:
    """Which votes: ``kind``, and the name of the model, the run or the experiment.

    arm: one arm of an experiment; None for all of them.
    """

    kind: Kind
    name: str = ""
    arm: str | None = None

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read what stands on the command line; raises UsageError for none of the forms."""
        if text == "house":
            return cls("house")
        kind, colon, name = text.partition(":")
        if colon and kind == "model" and name:
            return cls("model", name)
        if colon and kind == "run" and name:
            return cls("run", name)
        experiment, slash, arm = text.partition("/")
        if colon or not experiment or (slash and not arm):
            raise UsageError(f"{text!r} names no votes. Write {FORMS}.")
        return cls("experiment", experiment, arm or None)

    @property
    def place(self) -> tuple[str, str, str | None]:
        """Where the store looks: kind, name, arm."""
        return self.kind, self.name, self.arm

    def __str__(self) -> str:
        if self.kind == "house":
            return "house"
        if self.kind == "experiment":
            return f"{self.name}/{self.arm}" if self.arm else self.name
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class VoteCount:
    """The outcomes of one question, over its repeats.

    model: a model identity. prompt: the hash of the templates. arm: "" outside an experiment.
    demos: how many of them are a demo model's, which judges nothing.
    """

    tool: str
    persona: str
    model: str
    prompt: str
    arm: str
    ships: int
    skips: int
    abstains: int = 0
    errors: int = 0
    demos: int = 0

    @property
    def n(self) -> int:
        """The votes: ships and skips."""
        return self.ships + self.skips

    @property
    def ship(self) -> float | None:
        """The share of votes that ship, 0 to 1; None where nobody voted."""
        return self.ships / self.n if self.n else None


@dataclass(frozen=True)
class Frame:
    """Counted votes, sorted by tool, persona, model, prompt and arm, and where they are from.

    experiment: its name, where they are of one; unasked: its cells that are still to be asked.
    """

    source: str
    rows: tuple[VoteCount, ...]
    experiment: str = ""
    unasked: int = 0

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """The tools with a row, sorted."""
        return tuple(sorted({row.tool for row in self.rows}))

    @cached_property
    def personas(self) -> tuple[str, ...]:
        """The personas with a row, sorted."""
        return tuple(sorted({row.persona for row in self.rows}))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The model identities with a row, sorted."""
        return tuple(sorted({row.model for row in self.rows}))

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """The templates' hashes with a row, sorted."""
        return tuple(sorted({row.prompt for row in self.rows}))

    @property
    def votes(self) -> int:
        """All votes: ships and skips."""
        return sum(row.n for row in self.rows)

    @cached_property
    def demo_models(self) -> tuple[str, ...]:
        """The demo models whose answers are among them, sorted."""
        return tuple(sorted({row.model for row in self.rows if row.demos}))

    def refuse_demo(self) -> None:
        """Raise UsageError where a demo model's answers are among the votes."""
        if self.demo_models:
            others = "" if len(self.models) == 1 else " Or name another's: model:IDENTITY."
            raise UsageError(f"{self.source!r}: {no_judgement(self.demo_models)}{others}")

    def tool_means(self) -> dict[str, float]:
        """Return each tool's ship share, 0 to 1: the mean of its personas', each of equal weight.

        A persona's share is that of all its votes on the tool. Tools without a vote are left out,
        and so are those with a demo model's.
        """
        shares = {
            tool: [votes.ships / votes.n for votes in by.values() if votes.n]
            for tool, by in self.tallies.items()
            if not any(votes.demo for votes in by.values())
        }
        return {tool: sum(each) / len(each) for tool, each in shares.items() if each}

    @cached_property
    def tallies(self) -> dict[str, dict[str, Tally]]:
        """What each persona said of each tool, over models, prompts, arms and repeats; sorted."""
        found: dict[str, dict[str, Tally]] = {}
        for row in self.rows:
            by = found.setdefault(row.tool, {})
            counts = Tally(row.ships, row.skips, row.abstains, row.errors, row.demos > 0)
            by[row.persona] = by.get(row.persona, Tally()) + counts
        return found


def not_asked(connection: Connection, source: Source) -> dict[str, int]:
    """Return of each arm of an experiment how many of its cells have no answer yet, if any."""
    if source.kind != "experiment":
        return {}
    return {
        each.arm: each.enrolled - each.answered
        for each in arm_conditions(connection, source.name)
        if source.arm in (None, each.arm) and each.answered < each.enrolled
    }


def no_votes(connection: Connection, source: Source) -> UsageError:
    """Return the error of a source of which the store holds nothing."""
    if many := sum(not_asked(connection, source).values()):
        return UsageError(
            f"{str(source)!r} is not asked yet: none of its {counted(many, 'cell')} has an answer. "
            f"Ask: 'panel experiment run {source.name}'."
        )
    return UsageError(f"the store holds no answers of {str(source)!r}. Write {FORMS}.")


def read_frame(connection: Connection, source: Source) -> Frame:
    """Count the votes of a source; without a row where the store holds none."""
    rows = counts_of(connection, source.place).fetchall()
    frame = frame_of(str(source), (VoteCount(*row) for row in rows))
    if source.kind != "experiment":
        return frame
    unasked = sum(not_asked(connection, source).values())
    return replace(frame, experiment=source.name, unasked=unasked)


def load_frame(connection: Connection, source: Source) -> Frame:
    """Count the votes of a source; raises UsageError where the store holds none."""
    frame = read_frame(connection, source)
    if not frame.rows:
        raise no_votes(connection, source)
    return frame


def frame_of(source: str, rows: Iterable[VoteCount]) -> Frame:
    """Make a frame of counted votes, sorted."""
    return Frame(
        source, tuple(sorted(rows, key=lambda r: (r.tool, r.persona, r.model, r.prompt, r.arm)))
    )
