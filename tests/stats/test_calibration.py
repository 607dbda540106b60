"""Scores of stated probabilities, beside values that independent libraries give."""

from __future__ import annotations

import random
from dataclasses import asdict

import pytest

from panel.stats import calibration as c
from panel.stats.calibration import Repeats, held_out, own_verdict, reliability
from tests.support.reference import EXACT, REFERENCE

KNOWN = REFERENCE["calibration"]
P, Y = KNOWN["p"], KNOWN["y"]


def test_scores_equal_those_of_independent_libraries() -> None:
    found = {
        "brier": c.brier(P, Y),
        "log_loss": c.log_loss(P, Y),
        "auroc": c.auroc(P, Y),
        "ece_10": c.ece(P, Y),
    }
    assert found == pytest.approx({name: KNOWN[name] for name in found}, abs=EXACT)
    split = c.murphy(P, Y)
    assert split is not None
    assert asdict(split) == pytest.approx(KNOWN["murphy"], abs=EXACT)
    assert split.reliability - split.resolution + split.uncertainty == pytest.approx(c.brier(P, Y))


def test_what_cannot_be_estimated_is_none() -> None:
    assert c.brier([], []) is c.log_loss([], []) is c.ece([], []) is c.murphy([], []) is None
    assert reliability([], []) is held_out([]) is None
    assert c.auroc([0.1, 0.9], [1, 1]) is c.auroc([0.1], [0]) is None
    assert held_out([Repeats("a", (0.9,), (1,))]) is None, "one repeat predicts none"


def test_a_certain_forecast_that_is_wrong_has_a_large_and_finite_loss() -> None:
    loss = c.log_loss([1.0, 0.0], [0, 0])
    assert loss is not None and 10 < loss < 40


def test_a_forecast_on_the_edge_of_a_bin_is_in_the_upper_one() -> None:
    found = reliability([0.3, 0.29, 0.7, 1.0, 0.95], [0, 0, 1, 1, 1], samples=10)
    assert found is not None and [each.n for each in found.bins] == [1, 1, 1, 2]


def test_a_perfect_forecaster_stays_in_the_null_band_and_an_overconfident_one_does_not() -> None:
    draw = random.Random(4)
    p = [draw.random() for _ in range(400)]
    y = [int(draw.random() < each) for each in p]
    perfect = reliability(p, y, samples=500)
    assert perfect is not None and perfect.ece < perfect.null_high
    assert perfect.null_ece < perfect.null_high
    assert sum(each.low <= each.rate <= each.high for each in perfect.bins) >= 9
    bold = reliability([0.98 if each > 0.5 else 0.02 for each in p], y, samples=500)
    assert bold is not None and bold.ece > bold.null_high
    assert reliability(p, y, samples=500) == perfect, "the seed makes the band"


def test_two_cells_by_hand() -> None:
    found = held_out([Repeats("a", (0.9, 0.6), (1, 0)), Repeats("b", (0.8, 0.8), (1, 1))])
    assert found is not None
    # a: 0.9 for a skip, 0.6 for a ship; b: 0.8 for a ship, twice; the base rate is 3/4.
    assert found.brier == pytest.approx(((0.81 + 0.16) / 2 + 0.04) / 2)
    assert found.base_brier == pytest.approx(((0.0625 + 0.5625) / 2 + 0.0625) / 2)
    assert (found.tools, found.cells, found.pairs) == (2, 2, 4)
    assert found.low is None and not found.beats, "two tools carry no interval"


def test_forecasts_held_against_their_own_verdicts_by_hand() -> None:
    found = own_verdict([Repeats("a", (0.9, 0.6), (1, 0)), Repeats("b", (0.8,), (1,))])
    assert found is not None
    # a: 0.9 for a ship, 0.6 for a skip; b: 0.8 for a ship. The base rate is (1/2 + 1) / 2.
    assert found.brier == pytest.approx(((0.01 + 0.36) / 2 + 0.04) / 2)
    assert found.base_brier == pytest.approx(((0.0625 + 0.5625) / 2 + 0.0625) / 2)
    assert (found.tools, found.cells, found.pairs, found.low) == (2, 2, 3, None)
    assert own_verdict([]) is None


def test_many_forecasts_of_one_tenth_have_the_band_of_their_binomial_distribution() -> None:
    """2.5 and 97.5 % points of a binomial variable, as scipy.stats.binom.ppf gives them."""
    for n, p, low, high in ((400, 0.25, 83, 117), (1600, 0.25, 366, 434), (1000, 0.05, 37, 64)):
        found = reliability([p] * n, [0] * n, seed=3)
        assert found is not None
        [only] = found.bins
        assert only.low * n == pytest.approx(low, abs=4) and only.high * n == pytest.approx(
            high, abs=4
        )
        assert found.null_ece < found.null_high < 0.05


def panel_of(tools: int, truthful: bool, seed: int) -> list[Repeats]:
    """Draw cells whose repeats ship with a probability that they state, or with a half."""
    draw, cells = random.Random(seed), []
    for tool in range(tools):
        for _persona in range(4):
            p = draw.choice((0.05, 0.95)) if truthful else 0.5
            y = tuple(int(draw.random() < p) for _ in range(5))
            stated = [p if truthful else (0.9 if each else 0.1) for each in y]
            cells.append(Repeats(str(tool), tuple(stated), y))
    return cells


def test_stated_confidence_beats_the_base_rate_only_where_it_foretells_other_repeats() -> None:
    good, boast = held_out(panel_of(12, True, 1)), held_out(panel_of(12, False, 1))
    assert good is not None and good.beats
    assert boast is not None and not boast.beats and boast.gain < 0


def test_confidence_without_knowledge_is_hardly_ever_taken_for_better() -> None:
    """Forecasts at the base rate with a little noise: none of it is knowledge."""
    draw, taken = random.Random(9), 0
    for _ in range(200):
        cells = [
            Repeats(
                str(tool),
                tuple(draw.gauss(0.5, 0.05) for _ in range(4)),
                tuple(int(draw.random() < 0.5) for _ in range(4)),
            )
            for tool in range(10)
        ]
        found = held_out(cells)
        taken += found is not None and found.beats
    assert taken <= 10
