"""How many majorities differ between two sets of votes by noise alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from panel.research.extras import needed
from panel.research.paired import Comparison
from panel.research.pilot import Counts, Fit
from panel.stats import Interval

SEED = 20261127
DRAWS = 1000
PRIOR = 10_000  # panels drawn from the prior, among which a tool's votes choose
BLOCK = 100  # tools at once: bounds the memory


@dataclass(frozen=True, slots=True)
class Noise:
    """Flips to expect if both sides were asked the same questions of the same model.

    tools, cells: how many majorities of the panel, and of tool × persona, differ in the mean.
    tools_range, cells_range: 95 % of the draws. of: the sides whose repeats say how noisy it is.
    """

    tools: float
    tools_range: Interval
    cells: float
    cells_range: Interval
    of: tuple[str, ...]


def expected_flips(found: Comparison) -> Noise | None:
    """Return the flips that noise alone makes; None (not estimable) without repeats.

    From the repeats of each side, and not from how the two differ: the spread of tools and of
    tool × persona is fitted to one side (``panel.research.pilot``), each tool's rates are drawn
    from their posterior given its votes (importance sampling), and from these rates both sides
    are drawn anew, as often as they were asked. Half of the draws rest on A and half on B, where
    both have repeats. Seeded. Needs numpy.
    """
    np = needed("numpy")
    ships, n = _counts(found)
    sides = [side for side in (0, 1) if (n[side] > 1).any()]
    if not sides:
        return None
    random = np.random.default_rng(SEED)
    drawn = np.concatenate(
        [_drawn(ships[side], n[side], n, random, DRAWS // len(sides)) for side in sides], axis=1
    )
    (tools, cells), ends = drawn.mean(axis=1), np.quantile(drawn, [0.025, 0.975], axis=1)
    return Noise(
        float(tools),
        Interval(*map(float, ends[:, 0])),
        float(cells),
        Interval(*map(float, ends[:, 1])),
        tuple((found.a, found.b)[side] for side in sides),
    )


def _counts(found: Comparison) -> tuple[Any, Any]:
    """Return ships and votes as arrays of [side, tool, persona]."""
    np = needed("numpy")
    personas = sorted({who for tool in found.tools for who in tool.cells})
    counted = np.zeros((2, 2, len(found.tools), len(personas)))
    for at, tool in enumerate(found.tools):
        for who, pair in tool.cells.items():
            for side, votes in enumerate(pair):
                counted[:, side, at, personas.index(who)] = votes.ships, votes.n
    return counted[0], counted[1]


def _drawn(ships: Any, votes: Any, n: Any, random: Any, draws: int) -> Any:
    """Return the flips of tools and of cells in each draw, from the rates of one side."""
    np = needed("numpy")
    fitted = Fit(Counts(ships[:, None], votes[:, None])).components(0.0)
    rates = np.clip(fitted.rates(random, (PRIOR,), (0.0,))[:, 0], 1e-9, 1 - 1e-9)
    flips = np.zeros((2, draws))
    for start in range(0, len(ships), BLOCK):
        part = slice(start, start + BLOCK)
        ship, skip = ships[part], votes[part] - ships[part]
        likely = ship @ np.log(rates).T + skip @ np.log1p(-rates).T
        weights = np.exp(likely - likely.max(axis=1, keepdims=True)).cumsum(axis=1)
        at = [np.searchsorted(row, random.random(draws) * row[-1]) for row in weights]
        asked = n[:, part].astype(int)
        drawn = random.binomial(
            asked[:, :, None], rates[np.array(at)]
        )  # [side, tool, draw, persona]
        flips += _flips(drawn, asked[:, :, None])
    return flips


def _flips(ships: Any, n: Any) -> Any:
    np = needed("numpy")
    shares = np.where(n > 0, ships / np.maximum(n, 1), 0.5) - 0.5
    of_tools = shares.sum(axis=-1) / (n > 0).sum(axis=-1)
    both = [np.sign(np.round(each, 9)) for each in (of_tools, shares)]
    return np.array(
        [(both[0][0] * both[0][1] < 0).sum(axis=0), (both[1][0] * both[1][1] < 0).sum(axis=(0, 2))]
    )
