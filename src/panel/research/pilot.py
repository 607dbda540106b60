"""What a pilot says of a panel's spread: between tools, reviewers, arms and repeats.

    logit P(ship) = bias[persona, arm] + q[tool] + u[tool, persona] + w[tool, arm]

with q, u and w normal, and repeats that are independent given these. The spreads are fitted to the
pilot's second moments: how often two answers that share a tool, a persona or an arm both ship.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.frame import Frame

ASSUMED_REACTION = 0.5  # logits; what is taken for w where a pilot has one arm
_WIDEST = 36.0  # a variance in logits: beyond it every rate is 0 or 1
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Components:
    """A panel's spread, in logits: standard deviations, and the personas' biases.

    tool: of q. cell: of u, tool × persona. reaction: of w, tool × arm; assumed: whether it is an
    assumption, since one arm cannot say. biases: each persona's mean over the arms.
    """

    biases: tuple[float, ...]
    tool: float
    cell: float
    reaction: float
    assumed: bool = False

    @property
    def spread(self) -> float:
        """The standard deviation of a cell's logit in one arm."""
        return math.sqrt(self.tool**2 + self.cell**2 + self.reaction**2)

    def rates(self, random: Any, shape: tuple[int, ...], shifts: Any) -> Any:
        """Draw P(ship) as an array of [*shape, arm, persona], a shift in logits for each arm.

        The last of ``shape`` is tools. random: a generator of numpy.
        """
        np = needed("numpy")
        logit = random.normal(0, self.tool, (*shape, 1, 1)) + np.array(self.biases)
        logit = logit + random.normal(0, self.cell, (*shape, 1, len(self.biases)))
        reaction = random.normal(0, self.reaction, (*shape, len(shifts), 1))
        return _expit(logit + np.array(shifts)[:, None] + reaction)

    def mean(self, logits: float = 0.0) -> float:
        """Return the catalog's ship share, 0 to 1, with a shift in logits; needs numpy."""
        np = needed("numpy")
        return float(_mean(np.array(self.biases) + logits, self.spread**2).mean())

    def logits(self, points: float) -> float:
        """Return the shift in logits that moves the catalog's ship share by so many points.

        Raises UsageError where no shift does: the share ends at 0 and 100 %.
        """
        now = self.mean()
        aim = now + points / 100
        if not 0.005 < aim < 0.995:
            raise UsageError(
                f"{points:+g} points from {100 * now:.0f} % is out of reach. Name a smaller effect."
            )
        return float(_rising(lambda logits: self.mean(logits) - aim, -20.0, 20.0))


@dataclass(frozen=True, slots=True)
class Counts:
    """Ships and votes as arrays of [tool, arm, persona]; an arm is a model, a prompt and an arm."""

    ships: Any
    n: Any

    @classmethod
    def of(cls, frame: Frame) -> Counts:
        """Count the votes of a frame; needs numpy."""
        np = needed("numpy")
        arms = sorted({(row.model, row.prompt, row.arm) for row in frame.rows})
        places = [
            {name: at for at, name in enumerate(names)}
            for names in (frame.tools, arms, frame.personas)
        ]
        counted = np.zeros((2, len(frame.tools), len(arms), len(frame.personas)))
        for row in frame.rows:
            keys = (row.tool, (row.model, row.prompt, row.arm), row.persona)
            at = tuple(place[key] for place, key in zip(places, keys, strict=True))
            counted[(slice(None), *at)] += row.ships, row.n
        return cls(*counted)


def components(frame: Frame, reaction: float | None = None) -> Components:
    """Fit a panel's spread to a pilot. reaction: what to take for w instead; needs numpy.

    Raises UsageError where the pilot cannot say: with one arm it takes repeats, which tell noise
    from taste, and in any case it takes two personas.
    """
    fitted = Fit(Counts.of(frame))
    if not fitted.repeated and fitted.arms < 2:
        raise UsageError(
            f"{frame.source!r} has one answer to each question, which cannot tell a panel's noise "
            "from its taste. Ask some tools twice (--repeats 2), or name a source with two arms."
        )
    if fitted.personas < 2:
        raise UsageError(
            f"{frame.source!r} has one persona with votes. It takes two to tell tools from cells."
        )
    return fitted.components(reaction)


class Fit:
    """The moments of counted votes and the spreads that they come from."""

    def __init__(self, counts: Counts) -> None:
        np = needed("numpy")
        voted = counts.n.any(axis=(0, 1))
        self.ships, self.n = counts.ships[..., voted], counts.n[..., voted]
        self.share = np.where(self.n > 0, self.ships / np.maximum(self.n, 1), np.nan)
        seen = (self.n > 0).sum(axis=0)
        total = np.nansum(self.share, axis=0)
        self.means = (total + 0.5) / (seen + 1)  # of [arm, persona]; never 0 or 1
        self.arms, self.personas = self.means.shape

    @cached_property
    def repeated(self) -> bool:
        """Whether any question has two votes."""
        return bool((self.n > 1).any())

    def components(self, reaction: float | None) -> Components:
        """Return the spreads. With one arm, what tools and arms share is parted by assumption."""
        whole, persona, arm, tool = self.variances
        if self.arms > 1:
            cell = (persona - tool + whole - arm) / 2
            react = (arm - tool + whole - persona) / 2
            square = max(0.0, react) if reaction is None else reaction**2
        else:
            square = (ASSUMED_REACTION if reaction is None else reaction) ** 2
            tool, cell = arm - square, whole - arm
        return Components(
            tuple(float(each) for each in _bias(self.means, whole).mean(axis=0)),
            math.sqrt(max(0.0, tool)),
            math.sqrt(max(0.0, cell)),
            math.sqrt(square),
            assumed=self.arms < 2 and reaction is None,
        )

    @cached_property
    def variances(self) -> tuple[float, float, float, float]:
        """In logits: of a cell, and what two cells of a tool share: persona, arm, or neither."""
        if self.repeated:
            whole = self._whole()
            return (whole, *self._shared(whole))
        whole = 1.0
        for _ in range(12):  # each answer to the next question: it settles within a few
            persona, arm, tool = self._shared(whole)
            whole = min(_WIDEST, max(1e-6, persona + arm - tool))
        return (whole, persona, arm, tool)

    def _whole(self) -> float:
        """Fit the variance to how often two answers of one cell both ship."""
        np = needed("numpy")
        twice = self.n > 1
        pairs = np.where(twice, self.ships * (self.ships - 1), 0) / np.where(
            twice, self.n * (self.n - 1), 1
        )
        weights = twice.sum(axis=0)
        seen = pairs.sum()

        def more(variance: float) -> float:
            bias = _bias(self.means, variance)
            return float((weights * _both(bias, bias, variance, variance)).sum() - seen)

        return _rising(more, 1e-6, _WIDEST)

    def _shared(self, whole: float) -> tuple[float, float, float]:
        bias = _bias(self.means, whole)
        arms, personas = _two(self.arms), _two(self.personas)
        one_persona = [((a, i), (b, i)) for i in range(self.personas) for a, b in arms]
        one_arm = [((a, i), (a, j)) for a in range(self.arms) for i, j in personas]
        neither = [
            pair
            for a, b in arms
            for i, j in personas
            for pair in (((a, i), (b, j)), ((a, j), (b, i)))
        ]
        persona, arm, tool = (
            self._covariance(pairs, bias, whole) if pairs else 0.0
            for pairs in (one_persona, one_arm, neither)
        )
        return persona, arm, tool

    def _covariance(self, pairs: list[Any], bias: Any, whole: float) -> float:
        """Fit what two kinds of cells share to how often both ship."""
        np = needed("numpy")
        first, second = (tuple(np.array([pair[side] for pair in pairs]).T) for side in (0, 1))
        products = self.share[:, *first] * self.share[:, *second]
        known = ~np.isnan(products)
        seen, weights = products[known].sum(), known.sum(axis=0)

        def more(shared: float) -> float:
            return float((weights * _both(bias[first], bias[second], whole, shared)).sum() - seen)

        return _rising(more, 0.0, whole)


def _two(count: int) -> list[tuple[int, int]]:
    return [(a, b) for b in range(count) for a in range(b)]


def _rising(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising function crosses 0, or the end that is nearer to that."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return (low + high) / 2


@cache  # fifty thousand times for one plan
def _normal() -> tuple[Any, Any]:
    """Return points of a standard normal and their weights."""
    np = needed("numpy")
    points = np.linspace(-6, 6, 49)
    weights = np.exp(-(points**2) / 2)
    return points, weights / weights.sum()


def _expit(logit: Any) -> Any:
    np = needed("numpy")
    return 1 / (1 + np.exp(-logit))


def _mean(bias: Any, variance: float) -> Any:
    points, weights = _normal()
    return _expit(bias[..., None] + math.sqrt(variance) * points) @ weights


def _bias(means: Any, variance: float) -> Any:
    """Return the biases whose mean shares these are."""
    np = needed("numpy")
    low, high = np.full(means.shape, -60.0), np.full(means.shape, 60.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = _mean(middle, variance) > means
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def _both(one: Any, other: Any, variance: float, shared: float) -> Any:
    """Return how often two answers both ship whose logits share a part of their variance."""
    points, weights = _normal()
    common = math.sqrt(shared) * points
    own = max(0.0, variance - shared)
    sides = [_mean(bias[..., None] + common, own) for bias in (one, other)]
    return (sides[0] * sides[1]) @ weights
