"""What each persona does to the majority of its panel, with what other tools would have shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from panel.research.rates import Estimate, count_rate
from panel.stats import SHIPS, Influence, Said, influences_of
from panel.stats.intervals import t_interval


@dataclass(frozen=True, slots=True)
class PersonaInfluence:
    """What one persona does to the majority: rates of tools, and shapley from -1/2 to 1/2."""

    persona: str
    votes: int
    left_out: Estimate
    pivotal: Estimate
    shapley: Estimate


def persona_influences(
    personas: Sequence[str], said: Counter[tuple[Said, ...]]
) -> tuple[PersonaInfluence, ...]:
    """Return what each persona does. said: how many tools the personas say what of."""
    patterns: Counter[Any] = Counter()
    for pattern, many in said.items():
        patterns[tuple(SHIPS.get(each) for each in pattern)] += many
    return tuple(
        PersonaInfluence(
            persona,
            each.votes,
            count_rate(each.left_out, each.tools, "tools it decides by being there"),
            count_rate(each.pivotal, each.tools, "tools it would turn by its other vote"),
            _shapley(each),
        )
        for persona, each in zip(personas, influences_of(patterns), strict=True)
    )


def _shapley(found: Influence) -> Estimate:
    error = found.deviation / found.tools**0.5 if found.deviation else None
    interval = None
    if error:
        interval = t_interval(found.shapley, error, found.tools - 1).cut(-0.5, 0.5)
    return Estimate(
        "its Shapley value on the majority: above 0 it pulls towards ship",
        found.shapley if found.tools else None,
        interval,
        error,
        found.tools,
        "tools",
        "exact on each tool; t interval over tools",
        None if interval else "its value does not vary over tools" if found.tools else "no votes",
    )
