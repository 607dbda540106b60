"""What an experiment's answers come from: its comparisons, its arms and their cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panel.cells.cells import Cell
from panel.research.arms import Arm, Plan, factors_of
from panel.store.registrations import FACTORS, RegisteredArm, Registration, questions_of
from panel.workspace.experiments import Comparison, ExperimentFile, plan_of

NAMED = 3  # tools or personas in one sentence
_WORDS = {"model_identity": "model", "labels": "order of the labels"}
_TEXTS = {
    "prompts_hash": "prompts",
    "personas_hash": "texts of personas",
    "tools_hash": "texts of tools",
}


@dataclass(frozen=True, slots=True)
class Design:
    """A version of an experiment. plan: what its file said; None where that cannot be read."""

    plan: ExperimentFile | None
    arms: Mapping[str, RegisteredArm]


def registered_design(registration: Registration) -> Design:
    """Return the design of a version."""
    return Design(plan_of(registration.text), registration.arms)


def present_design(plan: ExperimentFile, laid_out: Plan) -> Design:
    """Return the design that the present files come to."""
    cells: dict[str, list[Cell]] = {}
    for each in laid_out.enrolled:
        cells.setdefault(each.arm, []).append(each.cell)
    return Design(plan, {arm.name: _arm(arm, cells[arm.name]) for arm in laid_out.arms})


def _arm(arm: Arm, cells: Sequence[Cell]) -> RegisteredArm:
    known = factors_of(arm)
    factors = {**known, **known["form"], **known["sampling"]}
    return RegisteredArm(
        {name: factors[name] for name in FACTORS},
        frozenset(cell.tool.slug for cell in cells),
        frozenset(cell.persona.id for cell in cells),
        questions_of(cell.fingerprint for cell in cells),
    )


def differences(old: Design, new: Design) -> list[str]:
    """Say in clear what a later design changes of an earlier one; nothing where they are equal."""
    return [*comparisons_changed(old.plan, new.plan), *_arms_changed(old.arms, new.arms)]


def comparisons_changed(old: ExperimentFile | None, new: ExperimentFile | None) -> Iterator[str]:
    """Say what differs of the question and of what is compared."""
    if old is None or new is None:
        return
    if old.question != new.question:
        yield "the question"
    before, after = ({_pair(each): each for each in plan.compare} for plan in (old, new))
    for name in before.keys() - after.keys():
        yield f"{name} is compared no more"
    for name, each in after.items():
        if name not in before:
            yield f"{name} is compared anew"
            continue
        for field in ("margin", "expect"):
            was, now = (getattr(side, field) for side in (before[name], each))
            if was != now:
                yield f"{field} of {name} {_word(was)} → {_word(now)}"


def _pair(each: Comparison) -> str:
    return f"{each.b} − {each.a}"


def _arms_changed(
    old: Mapping[str, RegisteredArm], new: Mapping[str, RegisteredArm]
) -> Iterator[str]:
    both = [name for name in new if name in old]
    told: dict[str, list[str]] = {}
    for name in both:
        for change in _changes(old[name], new[name]):
            told.setdefault(change, []).append(name)
    for change, arms in told.items():
        yield f"{change} ({'all arms' if len(arms) == len(both) > 1 else ', '.join(arms)})"
    yield from (f"the arm {name} is new" for name in new if name not in old)
    yield from (f"the arm {name} is left out" for name in old if name not in new)


def _changes(old: RegisteredArm, new: RegisteredArm) -> Iterator[str]:
    if old.questions == new.questions:
        return
    told = [*_members("tools", old.tools, new.tools)]
    told += _members("personas", old.personas, new.personas)
    kept = {"tools_hash": old.tools == new.tools, "personas_hash": old.personas == new.personas}
    # Personas stand in the rules, so that these differ with them.
    same_people = old.factors["personas_hash"] == new.factors["personas_hash"]
    kept["prompts_hash"] = same_people
    for field in FACTORS:
        was, now = old.factors[field], new.factors[field]
        if was == now or not kept.get(field, True):
            continue
        told.append(_TEXTS.get(field) or f"{_WORDS.get(field, field)} {_word(was)} → {_word(now)}")
    yield from told or ["its questions"]


def _members(what: str, old: frozenset[str], new: frozenset[str]) -> Iterator[str]:
    if old == new:
        return
    said = [
        f"{word} {', '.join(sorted(names)[:NAMED])}"
        + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        for word, names in (("without", old - new), ("with", new - old))
        if names
    ]
    yield f"{what} {len(old)} → {len(new)}, {' and '.join(said)}"


def _word(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
