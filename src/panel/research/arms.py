"""Arms: sets of cells that share one setting of the factors, asked in one drawn order.

A cell does not know its arms. An arm is enrolled by the fingerprints of its cells; a fingerprint
that has an answer, from the house panel or from another arm, is not asked again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panel.cells.cells import Cell, Question, Target
from panel.hashing import content_hash
from panel.store.batches import waiting_cells
from panel.store.connection import Connection
from panel.store.known import settled_cells
from panel.store.registrations import registered_versions


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm: what its cells are made of, and how often each is asked."""

    name: str
    target: Target
    repeats: int = 1


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A cell as a member of an arm."""

    arm: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment would ask. enrolled: every cell of every arm, in the order drawn.

    pending: by arm, how many of its cells have no answer; a cell of two arms counts for both.
    asking: each cell without an answer once, in that order, but for the ``waiting`` ones, whose
    question waits in a batch. registered: whether this very design
    is the latest one registered; versions: how many have been.
    """

    name: str
    version: str
    arms: tuple[Arm, ...]
    enrolled: tuple[Enrolment, ...]
    asking: tuple[Enrolment, ...]
    pending: dict[str, int]
    registered: bool
    versions: int
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is registered of an experiment besides its arms.

    text: its file, letter by letter. comparisons: the hash of what is to be compared. seed: of
    the asking order.
    """

    name: str
    question: str
    text: str
    comparisons: str
    seed: int


def plan_arms(connection: Connection, protocol: Protocol, arms: Sequence[Arm]) -> Plan:
    """Lay out the cells of all arms and draw their order; opens no connection to any model."""
    enrolled = _drawn(arms, protocol.seed)
    settled, waiting = settled_cells(connection), waiting_cells(connection)
    open_ones = _first_of_each(enrolled, settled)
    cells = [(each.arm, each.cell.fingerprint) for each in enrolled]
    whole = content_hash([protocol.text, [factors_of(arm) for arm in arms], cells])
    known = registered_versions(connection, protocol.name)
    # What was registered, changed, and is changed back, is a version of its own.
    names = [whole, *(content_hash([whole, number]) for number in range(1, len(known)))]
    registered = known[-1:] != [] and known[-1] in names
    anew = whole if whole not in known else content_hash([whole, len(known)])
    return Plan(
        protocol.name,
        known[-1] if registered else anew,
        tuple(arms),
        enrolled,
        tuple(each for question, each in open_ones.items() if question not in waiting),
        dict(Counter(each.arm for each in enrolled if each.cell.question not in settled)),
        registered,
        len(known),
        sum(question in waiting for question in open_ones),
    )


def _first_of_each(
    enrolled: Sequence[Enrolment], settled: set[Question]
) -> dict[Question, Enrolment]:
    """Return the first enrolment of each question that has no answer."""
    first: dict[Question, Enrolment] = {}
    for each in enrolled:
        if each.cell.question not in settled:
            first.setdefault(each.cell.question, each)
    return first


def _drawn(arms: Sequence[Arm], seed: int) -> tuple[Enrolment, ...]:
    """Draw the order in which cells are asked: each arm's at random, and all arms interleaved.

    The place of a cell within its arm, as a share of the arm, is its place in the whole. So the
    arms are asked over the same time, whatever their sizes, and repeats are not asked in a row.
    """
    placed: list[tuple[float, int, Enrolment]] = []
    for place, arm in enumerate(arms):
        # Each arm's own draw: another arm more or less leaves the order of the others alone.
        draw = random.Random(f"{seed} {arm.name}")  # noqa: S311 - an order, no secret
        cells = arm.target.lay_out(arm.repeats)
        draw.shuffle(cells)
        many = len(cells)
        placed += [
            ((number + draw.random()) / many, place, Enrolment(arm.name, cell))
            for number, cell in enumerate(cells)
        ]
    placed.sort(key=lambda each: each[:2])
    return tuple(each for *_place, each in placed)


def factors_of(arm: Arm) -> dict[str, Any]:
    """Return an arm's factors in clear, and its texts by their hashes."""
    target = arm.target
    sampling, model = target.endpoint.sampling, target.model
    return {
        "arm": arm.name,
        "endpoint": model.endpoint,
        "model": model.model,
        "model_identity": str(model),
        "repeats": arm.repeats,
        "form": target.prompts.form.model_dump(),
        "sampling": sampling.model_dump(),
        "prompts_hash": content_hash([target.prompts.system_text(p) for p in target.personas]),
        "personas_hash": content_hash([p.digest() for p in target.personas]),
        "tools_hash": content_hash([target.prompts.review_text(t) for t in target.tools]),
    }
