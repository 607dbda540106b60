"""The parts of the variance, and what more would buy, against libraries and planted truths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from panel.research.variance import (
    ONCE,
    VarianceSplit,
    projections,
    variance_split,
)
from tests.support import sizes
from tests.support.reference import EXACT, REFERENCE
from tests.support.simulated_panels import Design, simulate

TABLES: dict[str, Any] = REFERENCE["variance_components"]["tables"]
TWO = ("tool", "persona")


def split_of(votes: Any) -> VarianceSplit:
    cells = np.array(votes)
    return variance_split(cells.sum(axis=2), np.full(cells.shape[:2], cells.shape[2]), TWO)


def values(split: VarianceSplit) -> dict[str, float | None]:
    return {each.name: each.value for each in split.components}


def named(figures: dict[str, float]) -> dict[str, float]:
    return {name.replace("_x_", " × "): value for name, value in figures.items()}


@pytest.mark.parametrize("name", TABLES)
def test_mean_squares_and_components_are_those_of_the_reference(name: str) -> None:
    table = TABLES[name]
    found = split_of(table["votes"])
    assert found.mean_squares == pytest.approx(named(table["mean_squares"]), abs=EXACT)
    assert values(found) == pytest.approx(named(table["components_raw"]), abs=EXACT)


def test_one_repeat_cannot_be_told_from_the_interaction_and_this_is_said() -> None:
    ships = simulate(Design(40, 1), 1).ships[0, :, 0, :]
    found = variance_split(ships, np.ones_like(ships), TWO)
    parts = {each.name: (each.value, each.why) for each in found.components}
    assert parts["repeat"] == parts["tool × persona"] == (None, ONCE)
    joint, why = parts["tool × persona with repeat"]
    assert joint is not None and joint > 0 and why is None


def test_a_factor_with_one_level_has_no_part_and_says_why() -> None:
    ships = simulate(Design(20, 3), 1).ships[0, :, 0, :]
    found = variance_split(
        ships[:, :, None], np.full((*ships.shape, 1), 3), (*TWO, "model"), {"prompt": "one prompt"}
    )
    parts = {each.name: each.why for each in found.components if each.value is None}
    assert parts == {"model": "there is one model", "prompt": "one prompt"}
    assert found.factors == TWO


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((1, 4), "it takes two tools with a vote of every persona"),
        ((5, 1), "it takes two personas"),
    ],
)
def test_one_tool_or_one_persona_has_no_parts(shape: tuple[int, int], why: str) -> None:
    found = variance_split(np.ones(shape), np.full(shape, 2), TWO)
    assert not found.components
    assert found.why is not None and found.why.startswith(why)


def test_tools_without_a_vote_somewhere_are_left_out_and_counted() -> None:
    ships = simulate(Design(12, 5), 1).ships[0, :, 0, :]
    votes = np.full(ships.shape, 5)
    ships[3, 1] = votes[3, 1] = 0
    found = variance_split(ships, votes, TWO)
    rest = np.arange(12) != 3
    assert found.left_out == 1
    assert values(found) == pytest.approx(values(variance_split(ships[rest], votes[rest], TWO)))


def test_unequal_repeats_give_the_planted_parts() -> None:
    """Of many tools, each cell answered 2 to 6 times: the parts by the rates themselves."""
    panels = simulate(Design(20_000, 1), 1)
    p = panels.p[0, :, 0, :]
    draw = np.random.default_rng(5)
    votes = draw.integers(2, 7, p.shape)
    found = variance_split(draw.binomial(votes, p), votes, TWO)
    rest = p - p.mean(axis=1, keepdims=True) - p.mean(axis=0, keepdims=True) + p.mean()
    both = (rest**2).sum() / ((len(p) - 1) * 3)
    planted = {
        "tool": p.mean(axis=1).var(ddof=1) - both / 4,
        "tool × persona": both,
        "repeat": (p * (1 - p)).mean(),
    }
    found_of = values(found)
    assert {name: found_of[name] for name in planted} == pytest.approx(planted, abs=0.003)


@pytest.mark.slow
def test_models_and_prompts_have_parts_of_their_own_where_they_are_crossed() -> None:
    """Parts are planted in many draws of a small design, and the estimates' mean is theirs."""
    planted = {"tool": 0.04, "persona": 0.02, "model": 0.03, "prompt": 0.01, "tool × model": 0.02}
    draw, shape = np.random.default_rng(7), (6, 4, 3, 3)
    axes = {"tool": 0, "persona": 1, "model": 2, "prompt": 3}
    found: list[dict[str, float]] = []
    for _ in range(sizes.size(250, 1500)):
        cells = np.zeros(shape)
        for name, variance in planted.items():
            own = [axes[factor] for factor in name.split(" × ")]
            size = [shape[axis] if axis in own else 1 for axis in range(4)]
            cells = cells + draw.normal(0, variance**0.5, size)
        cells += draw.normal(0, 0.1, shape)
        analysis = values(_without_interval(cells, tuple(axes)))
        found.append({name: analysis[name] or 0 for name in planted})
    for name, variance in planted.items():
        mean = np.mean([each[name] for each in found])
        assert mean == pytest.approx(variance, abs=sizes.size(0.005, 0.0025)), name


def _without_interval(cells: Any, names: tuple[str, ...]) -> VarianceSplit:
    return variance_split(cells, np.ones_like(cells), names)


def test_the_interval_of_a_part_is_there_from_three_tools_on_and_holds_it() -> None:
    panels = simulate(Design(200, 5), 1)
    found = variance_split(panels.ships[0, :, 0, :], np.full((200, 4), 5), TWO)
    for each in found.components:
        assert each.interval is not None and each.value is not None
        assert each.interval.low < each.value < each.interval.high
    few = variance_split(panels.ships[0, :2, 0, :], np.full((2, 4), 5), TWO)
    assert [each.interval for each in few.components] == [None] * 4


@pytest.mark.parametrize(("place", "tools", "repeats"), [(0, 30, 3), (2, 30, 12), (4, 120, 3)])
def test_what_more_tools_or_repeats_buy_is_what_they_then_give(
    place: int, tools: int, repeats: int
) -> None:
    """The mean squared standard error that pilots of 30 x 3 foretell is that of the real design."""
    pilots = simulate(Design(30, 3), 300)
    foretold = [
        projections(ships[:, 0, :], np.full((30, 4), 3))[place].catalog for ships in pilots.ships
    ]
    means = simulate(Design(tools, repeats), 2000, seed=1).tool_means[:, :, 0].mean(axis=1)
    squared = np.mean([(each or 0) ** 2 for each in foretold])
    assert squared**0.5 == pytest.approx(100 * means.std(), rel=0.05)


def test_of_one_tool_only_repeats_make_the_rate_more_certain() -> None:
    found = projections(simulate(Design(40, 5), 1).ships[0, :, 0, :], np.full((40, 4), 5))
    now, twice, _, more_tools, _ = found
    assert now.tool is not None and twice.tool is not None and now.catalog is not None
    assert twice.tool == pytest.approx(now.tool / 2**0.5)
    assert more_tools.tool == now.tool
    assert more_tools.catalog == pytest.approx(now.catalog / 2**0.5)


def test_with_one_repeat_it_is_not_known_what_more_of_them_buy() -> None:
    ships = simulate(Design(40, 1), 1).ships[0, :, 0, :]
    found = projections(ships, np.ones_like(ships))
    assert [each.catalog is None for each in found] == [False, True, True, False, False]
    assert {each.tool for each in found} == {None}
    assert all(each.why for each in found)
    assert projections(ships[:1], np.ones((1, 4))) == ()
