"""Where the variance of votes comes from, and what more repeats or more tools would buy.

Generalizability theory: Brennan (2001), Generalizability Theory, chapters 3 and 7; Searle,
Casella and McCulloch (1992), Variance Components, 5.3 on cells of unequal size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from panel.research.extras import needed
from panel.stats import Interval
from panel.stats.intervals import t_interval

GROUPS = 30  # of tools, each left out once for the interval of a component
REPEAT = "repeat"
JOINED = " × "
ONCE = "each cell was answered once, so repeats and the highest interaction are one part"


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the variance of single votes (1 ship, 0 skip), as found: it may be below 0.

    interval: 95 %, of what other tools would have shown with the same personas, models and
    prompts. why: why there is no value.
    """

    name: str
    value: float | None
    interval: Interval | None = None
    why: str | None = None

    @property
    def points(self) -> float | None:
        """Its standard deviation in points of a ship percentage; a part below 0 counts as 0."""
        return None if self.value is None else 100 * math.sqrt(max(0.0, self.value))


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """The variance of single votes in parts, from cells that every combination of factors has.

    factors: crossed with each other, tool first. sizes: of each its levels. repeats: votes of a
    cell, the harmonic mean. left_out: tools that lack a vote somewhere.
    mean_squares: of each part, as in the analysis of variance.
    """

    factors: tuple[str, ...]
    sizes: tuple[int, ...]
    repeats: float
    left_out: int
    components: tuple[Component, ...]
    mean_squares: Mapping[str, float]
    why: str | None = None


def variance_split(
    ships: Any, votes: Any, factors: Sequence[str], one_level: Mapping[str, str] | None = None
) -> VarianceSplit:
    """Split the variance of votes, by the analysis of variance of a random-effects model.

    ships, votes: arrays with an axis for each factor, "tool" first. Tools without a vote in some
    cell are left out. A factor with one level is dropped: its part is not estimable, and
    ``one_level`` names more such factors and why. With unequal votes in cells the analysis is
    that of cell means with their harmonic mean, and exact with equal ones. With a single vote in
    every cell the repeats are one part with the highest interaction, and neither has a value of its
    own. Without two tools, or without any vote in common, no part has a value.
    """
    np = needed("numpy")
    ships, votes = np.asarray(ships, float), np.asarray(votes, float)
    whole = (votes > 0).all(axis=tuple(range(1, votes.ndim)))
    left_out = int((~whole).sum())
    ships, votes = ships[whole], votes[whole]
    kept = [place for place, size in enumerate(votes.shape) if size > 1]
    missing = {
        factors[place]: f"there is one {factors[place]}"
        for place in range(len(factors))
        if place not in kept
    } | dict(one_level or {})
    shape = tuple(votes.shape[place] for place in kept)
    names = tuple(factors[place] for place in kept)
    if len(votes) < 2 or len(kept) < 2:
        why = (
            "it takes two tools with a vote of every persona"
            if len(votes) < 2
            else "it takes two personas with votes"
        )
        return VarianceSplit(names, shape, 0.0, left_out, (), {}, why)
    ships, votes = ships.reshape(shape), votes.reshape(shape)
    analysis = _analysis(ships, votes, names)
    return VarianceSplit(
        names,
        shape,
        analysis.repeats,
        left_out,
        (
            *_components(ships, votes, names, analysis),
            *(Component(name, None, why=why) for name, why in missing.items()),
        ),
        analysis.mean_squares,
    )


@dataclass(frozen=True, slots=True)
class _Analysis:
    mean_squares: dict[str, float]
    values: dict[str, float]
    repeats: float
    once: bool


def _subsets(names: Sequence[str]) -> list[tuple[int, ...]]:
    places = range(len(names))
    return [some for many in range(1, len(names) + 1) for some in combinations(places, many)]


def _called(some: Sequence[int], names: Sequence[str]) -> str:
    return JOINED.join(names[place] for place in some)


def _analysis(ships: Any, votes: Any, names: Sequence[str]) -> _Analysis:
    """Return mean squares and, by their expectations, the components of a crossed design."""
    shares, sizes = ships / votes, votes.shape
    repeats = float(votes.size / (1 / votes).sum())
    free = float((votes - 1).sum())
    squares: dict[tuple[int, ...], float] = {}
    means: dict[tuple[int, ...], Any] = {(): shares.mean(keepdims=True)}
    for some in _subsets(names):
        away = tuple(place for place in range(len(sizes)) if place not in some)
        means[some] = shares.mean(axis=away, keepdims=True)
        effect = sum(
            (-1) ** (len(some) - len(fewer)) * mean
            for fewer, mean in means.items()
            if set(fewer) <= set(some)
        )
        df = math.prod(sizes[place] - 1 for place in some)
        others = math.prod(sizes[place] for place in range(len(sizes)) if place not in some)
        squares[some] = float(repeats * others * (effect**2).sum() / df)
    found = {_called(some, names): square for some, square in squares.items()}
    values = {}
    whole = tuple(range(len(sizes)))
    for some in squares:
        others = math.prod(sizes[place] for place in whole if place not in some)
        above = [each for each in squares if set(each) >= set(some)]
        total = sum((-1) ** (len(each) - len(some)) * squares[each] for each in above)
        values[_called(some, names)] = total / (repeats * others)
    if not free:
        return _Analysis(found, values, repeats, once=True)
    noise = float((ships * (votes - ships) / votes).sum() / free)
    found[REPEAT] = values[REPEAT] = noise
    values[_called(whole, names)] -= noise / repeats
    return _Analysis(found, values, repeats, once=False)


def _errors(ships: Any, votes: Any, names: Sequence[str]) -> tuple[dict[str, float], int]:
    """Return the standard errors of components, and of how many groups of tools they are.

    The grouped jackknife (Quenouille 1956, Biometrika 43:353-360): each group is left out once.
    None below three tools, and where all that was answered twice is in one group.
    """
    np = needed("numpy")
    groups = min(GROUPS, len(ships))
    if groups < 3:
        return {}, groups
    group = np.arange(len(ships)) % groups
    found = [_analysis(ships[group != each], votes[group != each], names) for each in range(groups)]
    if len({each.once for each in found}) > 1:
        return {}, groups
    values = {name: np.array([each.values[name] for each in found]) for name in found[0].values}
    return {name: math.sqrt((groups - 1) * each.var()) for name, each in values.items()}, groups


def _components(ships: Any, votes: Any, names: Sequence[str], found: _Analysis) -> list[Component]:
    errors, groups = _errors(ships, votes, names)
    made = {
        name: Component(name, value, t_interval(value, error, groups - 1) if error else None)
        for name, value in found.values.items()
        for error in [errors.get(name)]
    }
    if not found.once:
        return list(made.values())
    highest = _called(range(len(names)), names)
    joint = made.pop(highest)
    return [
        *made.values(),
        Component(highest, None, why=ONCE),
        Component(REPEAT, None, why=ONCE),
        replace(joint, name=f"{highest} with {REPEAT}"),
    ]


@dataclass(frozen=True, slots=True)
class Projection:
    """What a design of so many tools and repeats would give, by the same panel.

    catalog: the standard error of the catalog's rate; tool: of one typical tool's own rate, by
    this panel, prompt and model. Both in points; None where it is not estimable, and why.
    """

    tools: int
    repeats: float
    catalog: float | None
    tool: float | None
    why: str | None = None


TWICE = "each cell was answered once: how much answers vary, and so what repeats buy, is not known"
MORE = ((1, 1), (1, 2), (1, 4), (2, 1), (4, 1))  # times the tools, times the repeats


def projections(ships: Any, votes: Any) -> tuple[Projection, ...]:
    """Return the standard errors that other numbers of tools and repeats would give.

    ships, votes: arrays of [tool, persona]. The personas stay the same ones. The variance of tool
    means is a part between tools, and the noise of repeats over personas and repeats: only the
    latter shrinks with repeats, and both with tools. Tools that lack a vote are left out; none
    below two tools.
    """
    np = needed("numpy")
    whole = (np.asarray(votes) > 0).all(axis=1)
    ships, votes = np.asarray(ships, float)[whole], np.asarray(votes, float)[whole]
    if len(votes) < 2:
        return ()
    tools, personas = votes.shape
    repeats = float(votes.size / (1 / votes).sum())
    spread = float((ships / votes).mean(axis=1).var(ddof=1))
    free = float((votes - 1).sum())
    noise = float((ships * (votes - ships) / votes).sum() / free) / personas if free else None
    found = []
    for more_tools, more_repeats in MORE:
        many, often = tools * more_tools, repeats * more_repeats
        one_tool = None if noise is None else 100 * math.sqrt(noise / often)
        between = spread if more_repeats == 1 else None
        if noise is not None:
            between = max(0.0, spread - noise / repeats) + noise / often
        catalog = None if between is None else 100 * math.sqrt(between / many)
        found.append(Projection(many, often, catalog, one_tool, None if free else TWICE))
    return tuple(found)
