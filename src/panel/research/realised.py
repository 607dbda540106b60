"""Whether arms came about: what a server dropped, and in which output mode it was asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from panel.research.frame import Source
from panel.store.connection import Connection
from panel.store.frames import requests_of
from panel.store.registrations import arm_conditions, registered_text
from panel.workspace.experiments import ExperimentFile, plan_of

NAMED = 3  # partners of an arm in one sentence
Unrealised = Mapping[str, tuple[str, ...]]  # arm → why it is no answer to its question
Pairs = Collection[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AskedAs:
    """How an arm was asked in fact. own: the sampling fields that it sets itself.

    adapted: what was left out or renamed, in the words of the journal.
    """

    output_modes: tuple[str, ...]
    adapted: tuple[str, ...]
    own: frozenset[str] = frozenset()


def unrealised(asked: Mapping[str, AskedAs], compared: Pairs | None = None) -> Unrealised:
    """Say which arms did not come about, and why; one that did is not in it.

    A factor of its own that the server dropped, or an output mode that differs from that of an
    arm it is compared with. compared: pairs of arms; None for all pairs.
    """
    found = {
        arm: [
            f"the server does not take {name}, which was left out"
            for name in sorted(each.own)
            if f"without {name}" in each.adapted
        ]
        for arm, each in asked.items()
    }
    partners: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for pair in combinations(asked, 2) if compared is None else compared:
        if pair[0] in asked and pair[1] in asked:
            for arm, other in (pair, pair[::-1]):
                mine, theirs = asked[arm].output_modes, asked[other].output_modes
                if mine and theirs and mine != theirs:
                    partners.setdefault((arm, theirs), []).append(other)
    for (arm, theirs), others in partners.items():
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        found[arm].append(
            f"asked as {', '.join(asked[arm].output_modes)}, but {', '.join(others[:NAMED])}{more} "
            f"as {', '.join(theirs)}"
        )
    return {arm: tuple(why) for arm, why in found.items() if why}


def unrealised_arms(
    connection: Connection, experiment: str, compared: Pairs | None = None
) -> Unrealised:
    """Say which arms of a registered experiment (or probe) did not come about, and why.

    compared: as in ``unrealised``; None for the comparisons that are registered, if there are any.
    """
    plan = _registered(connection, experiment)
    if compared is None and plan:
        compared = [(each.a, each.b) for each in plan.compare]
    asked = {
        each.arm: AskedAs(each.output_modes, each.adapted, _own(plan, [each.arm]))
        for each in arm_conditions(connection, experiment)
    }
    return unrealised(asked, compared or None)


def unrealised_sources(connection: Connection, sources: Iterable[Source]) -> Unrealised:
    """Say which of these sources, each compared with the others, did not come about, and why."""
    asked = {}
    for each in sources:
        plan = _registered(connection, each.name) if each.kind == "experiment" else None
        arms = [each.arm] if each.arm else [*plan.arms] if plan else []
        asked[str(each)] = AskedAs(*requests_of(connection, each.place), _own(plan, arms))
    return unrealised(asked)


def caveat(wrong: Unrealised, arms: Iterable[str]) -> str:
    """Return what a sentence on a comparison of arms has to add; "" where all came about."""
    why = "; ".join(f"{arm}: {each}" for arm in arms for each in wrong.get(arm, ()))
    return f" Not realised, and so no answer to the question: {why}." if why else ""


def _registered(connection: Connection, experiment: str) -> ExperimentFile | None:
    return plan_of(registered_text(connection, experiment) or "")


def _own(plan: ExperimentFile | None, arms: Iterable[str]) -> frozenset[str]:
    settings = [plan.arms[arm] for arm in arms if arm in plan.arms] if plan else []
    return frozenset(name for each in settings for name in each.sampled)
