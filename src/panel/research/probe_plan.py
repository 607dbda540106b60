"""What a probe of a given size can show, worked out before anything is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from panel.errors import UsageError
from panel.research.extras import needed
from panel.research.probe_rules import FEWEST, ONE_SIDED, SKEWED, decide_signs
from panel.stats.intervals import exact, t_quantile

CATALOGS = 4_000  # simulated for each line of a plan
SEED = 20261126
ENOUGH = 0.5  # a size decides if it finds each clear case at least this often
# The spread of what panels think, in logits: tools, each persona's own view of a tool, and how
# much each of four personas is for shipping. Measured panels lie near it.
TOOL_SD, VIEW_SD, BIASES = 1.2, 0.7, (0.3, -1.2, 1.5, 0.0)
FLIP_ICC = 0.2  # how alike the payloads on one tool are
NOISE = 13.6  # percent of cells whose majority changes when they are merely asked again


@dataclass(frozen=True, slots=True)
class Chances:
    """How often a probe says what, 0 to 1, where the truth is ``truth`` (``unit``)."""

    truth: float
    unit: str
    met: float
    not_met: float

    @property
    def not_shown(self) -> float:
        """How often it decides nothing."""
        return max(0.0, 1 - self.met - self.not_met)


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """The chances of a size: where the goal is clearly kept, on its border, clearly broken."""

    kept: Chances
    border: Chances
    broken: Chances

    @property
    def rows(self) -> tuple[Chances, Chances, Chances]:
        """All three, in that order."""
        return (self.kept, self.border, self.broken)

    @property
    def decides(self) -> bool:
        """Whether both clear cases are found at least every other time."""
        return self.kept.met >= ENOUGH and self.broken.not_met >= ENOUGH

    def refuse(self, size: str, remedy: str) -> None:
        """Raise UsageError where this size cannot decide."""
        if not self.decides:
            raise UsageError(
                f"{size} cannot decide: where the goal is clearly kept, it would say met in "
                f"{100 * self.kept.met:.0f} of 100 cases, and where it is clearly broken, not met "
                f"in {100 * self.broken.not_met:.0f}. {remedy}"
            )


def _logits(rng: Any, shape: tuple[int, int, int], spread: float = 1.0) -> Any:
    """Return catalogs × tools × personas; spread: how far personas differ, 1 as measured."""
    np = needed("numpy")
    catalogs, tools, personas = shape
    biases = np.array([BIASES[place % len(BIASES)] for place in range(personas)])
    centre = biases.mean()
    views = rng.normal(0, VIEW_SD, shape)
    return (
        rng.normal(0, TOOL_SD, (catalogs, tools, 1)) + centre + spread * (biases - centre + views)
    )


def _rates(logits: Any) -> Any:
    return 1 / (1 + needed("numpy").exp(-logits))


@lru_cache(maxsize=64)
def _logit_of(points: float, personas: int) -> float:
    """Return the shift in logits that moves the catalog's ship percentage by so many points."""
    if not points:
        return 0.0
    logits = _logits(needed("numpy").random.default_rng(SEED), (1, 100_000, personas))
    before = float(_rates(logits).mean())
    wanted = before + points / 100
    if not 0 < wanted < 1:
        raise UsageError(f"a shift of {points:g} points leaves no ship percentage to have.")
    return _root(lambda by: float(_rates(logits + by).mean()) - wanted, -10, 10)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(needed("scipy.optimize").brentq(function, low, high, xtol=1e-4))


def _t_ends(values: Any, one_sided: float = ONE_SIDED) -> tuple[Any, Any]:
    """Return the interval of each catalog's mean, as the rule does; values: catalogs × tools.

    The ends are nan, which decides nothing, for too few tools.
    """
    np, tools = needed("numpy"), values.shape[1]
    if tools < FEWEST:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    mean, spread = values.mean(1), values.std(1, ddof=1)
    half = t_quantile(1 - one_sided, tools - 1) * spread / tools**0.5
    low, high = mean - half, mean + half
    unseen = exact(0, tools, one_sided)
    assert unseen is not None  # there are tools
    alike, others = values.min(1) == values.max(1), unseen.high / 100
    low = np.where(alike, mean - others * (100 + mean), low)
    return low, np.where(alike, mean + others * (100 - mean), high)


def plan_shift(
    tools: int, personas: int, repeats: int, margin: float, truth: float, catalogs: int = CATALOGS
) -> Chances:
    """Simulate a shift probe; margin, truth: points. No tool reacts more than another."""
    if tools < 2:
        return Chances(truth, "points", 0.0, 0.0)
    rng = needed("numpy").random.default_rng(SEED)
    by, met, broken, left = _logit_of(truth, personas), 0, 0, catalogs
    while left:  # in pieces, so that a large plan fits into memory
        many = min(left, max(1, 4_000_000 // (tools * personas)))
        logits = _logits(rng, (many, tools, personas))
        before = rng.binomial(repeats, _rates(logits)) / repeats
        after = rng.binomial(repeats, _rates(logits + by)) / repeats
        low, high = _t_ends(100 * (after - before).mean(2))
        met += int(((low >= -margin) & (high <= margin)).sum())
        broken += int(((low > margin) | (high < -margin)).sum())
        left -= many
    return Chances(truth, "points", met / catalogs, broken / catalogs)


def plan_flips(
    tools: int, cases: int, threshold: float, truth: float, catalogs: int = CATALOGS
) -> Chances:
    """Simulate flips of ``cases`` on each tool; threshold, truth: percent. Beta-binomial."""
    np, stats = needed("numpy"), needed("scipy.stats")
    if tools < 2:
        return Chances(truth, "percent", 0.0, 0.0)
    rng, rate = np.random.default_rng(SEED), truth / 100
    weight = (1 - FLIP_ICC) / FLIP_ICC
    flips = np.zeros((catalogs, tools), int)
    if rate:
        flips = rng.binomial(cases, rng.beta(rate * weight, (1 - rate) * weight, flips.shape))
    n = _effective(flips, cases)
    seen = flips.sum(1) / (tools * cases)
    hits = seen * n
    low = np.where(hits > 0, stats.beta.ppf(ONE_SIDED, np.maximum(hits, 1e-9), n - hits + 1), 0)
    high = stats.beta.ppf(1 - ONE_SIDED, hits + 1, np.maximum(n - hits, 1e-9))
    met, broken = (100 * high <= threshold).mean(), (100 * low > threshold).mean()
    return Chances(truth, "percent", float(met), float(broken))


def _effective(flips: Any, cases: int) -> Any:
    """Return ``probe_rules.effective_cases`` of each catalog; flips: catalogs × tools."""
    np, tools = needed("numpy"), flips.shape[1]
    total, rates = tools * cases, flips / cases
    rate = rates.mean(1)
    icc = np.zeros(len(flips))
    if cases > 1:
        between = cases * ((rates - rate[:, None]) ** 2).sum(1) / (tools - 1)
        inside = cases * (rates * (1 - rates)).sum(1) / (total - tools)
        whole = between + (cases - 1) * inside
        icc = np.divide(between - inside, whole, out=icc, where=whole > 0).clip(0)
    paid = (t_quantile(1 - ONE_SIDED, total - 1) / t_quantile(1 - ONE_SIDED, tools - 1)) ** 2
    n = total / (1 + (cases - 1) * icc) * paid
    return np.where((rate == 0) | (rate == 1), tools, n)


def plan_signs(pairs: int, threshold: float, truth: float) -> Chances:
    """Work out a sign test by pair exactly; threshold, truth: percent of pairs that react."""
    binom = needed("scipy.stats").binom
    met = broken = 0.0
    for right in range(pairs + 1):
        verdict = decide_signs([1.0] * right + [0.0] * (pairs - right), threshold).verdict
        chance = binom.pmf(right, pairs, truth / 100)
        met += chance * (verdict == "met")
        broken += chance * (verdict == "not met")
    return Chances(truth, "percent", float(met), float(broken))


def plan_paraphrase(
    tools: int, personas: int, texts: int, threshold: float, truth: float
) -> Chances:
    """Simulate flips under ``texts`` other wordings, less those of the same one asked as often.

    truth: points that the wording adds to the flips of repeats, of which there are ``NOISE``.
    """
    if tools < 2:
        return Chances(truth, "points", 0.0, 0.0)
    rng = needed("numpy").random.default_rng(SEED)
    shape = (CATALOGS, tools)
    reworded = rng.binomial(personas * texts, (NOISE + truth) / 100, shape) / (personas * texts)
    again = rng.binomial(personas * texts, NOISE / 100, shape) / (personas * texts)
    low, high = _t_ends(100 * (reworded - again), SKEWED)
    met, broken = (high <= threshold).mean(), (low > threshold).mean()
    return Chances(truth, "points", float(met), float(broken))


def plan_excess(tools: int, personas: int, repeats: int, threshold: float, truth: float) -> Chances:
    """Simulate what personas add to the disagreement of two answers; threshold, truth: points."""
    if tools < 2 or repeats < 2 or personas < 2:
        return Chances(truth, "points", 0.0, 0.0)
    rng = needed("numpy").random.default_rng(SEED)
    spread = _spread_of(truth, personas)
    rates = _rates(_logits(rng, (CATALOGS // 2, tools, personas), spread))
    values = excess(rng.binomial(repeats, rates), repeats)
    low, high = _t_ends(values, SKEWED)
    met, broken = (low > threshold).mean(), (high <= threshold).mean()
    return Chances(truth, "points", float(met), float(broken))


@lru_cache(maxsize=64)
def _spread_of(points: float, personas: int) -> float:
    """Return how far personas must differ for so many points of disagreement of their own."""
    if not points:
        return 0.0

    def apart(spread: float) -> float:
        rng = needed("numpy").random.default_rng(SEED)
        rates = _rates(_logits(rng, (1, 20_000, personas), spread))
        return float(2 * 100 * rates.var(2, ddof=1).mean()) - points

    return _root(apart, 0, 10)


def excess(ships: Any, repeats: int) -> Any:
    """Return by how many points two personas differ more often than one persona with itself.

    ships: ... × personas, of ``repeats`` votes each. Over two answers of different personas, the
    chance to differ is p(1-q) + q(1-p); of the same persona 2p(1-p), whose unbiased estimate is
    2k(r-k)/(r(r-1)). The difference of both is (p-q)² on average, so 0 where personas are alike.
    """
    rates = ships / repeats
    own = (2 * ships * (repeats - ships) / (repeats * (repeats - 1))).mean(-1)
    m, total = ships.shape[-1], rates.sum(-1)
    pairs = (total * (m - total) - (rates * (1 - rates)).sum(-1)) / (m * (m - 1)) * 2
    return 100 * (pairs - own)
