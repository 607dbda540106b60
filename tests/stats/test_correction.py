"""Corrected ship rates: reference values, and intervals that hold the planted truth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from panel.stats.correction import (
    Calibration,
    Corrected,
    Stratum,
    cohen_kappa,
    prediction_powered,
    rogan_gladen,
    rogan_gladen_adjusted,
)
from tests.support.reference import EXACT, REFERENCE
from tests.support.sizes import size

ROWS = REFERENCE["rogan_gladen"]["rows"]
GOOD = Calibration(90, 100, 80, 100)


def gold(row: dict[str, Any]) -> Calibration:
    return Calibration(
        row["gold_ship_said_ship"], row["gold_ship"], row["gold_skip_said_skip"], row["gold_skip"]
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['ships']} of {row['n']}")
def test_rogan_gladen_equals_the_reference(row: dict[str, Any]) -> None:
    found = rogan_gladen(row["ships"], row["n"], gold(row))
    assert found is not None and found.se is not None
    told = (found.estimate, found.se, found.interval.low, found.interval.high)
    assert told == pytest.approx((row["theta"], row["se"], *row["ci"]), abs=EXACT)


@pytest.mark.parametrize(
    ("ships", "n", "known"),
    [
        pytest.param(5, 10, Calibration(5, 10, 5, 10), id="a panel that tosses a coin"),
        pytest.param(5, 10, Calibration(1, 10, 5, 10), id="a panel worse than a coin"),
        pytest.param(0, 0, GOOD, id="no votes"),
        pytest.param(5, 10, Calibration(0, 0, 9, 10), id="no known ship"),
        pytest.param(5, 10, Calibration(9, 10, 0, 0), id="no known skip"),
    ],
)
def test_what_cannot_be_corrected_is_none(ships: int, n: int, known: Calibration) -> None:
    assert rogan_gladen(ships, n, known) is None
    assert rogan_gladen_adjusted(ships, n, known) is None


def test_an_estimate_beyond_all_shares_is_shown_as_the_nearest_share() -> None:
    found = rogan_gladen(5, 100, GOOD)  # fewer ships than the panel's mistakes alone would give
    assert found is not None and found.estimate < 0 == found.rate == found.interval.low


def test_the_adjusted_interval_does_not_take_no_mistake_for_none_ever() -> None:
    perfect = Calibration(12, 12, 12, 12)
    plain, adjusted = rogan_gladen(60, 100, perfect), rogan_gladen_adjusted(60, 100, perfect)
    assert plain is not None and adjusted is not None
    assert plain.estimate == adjusted.estimate == pytest.approx(0.6)
    wide = adjusted.interval.high - adjusted.interval.low
    assert wide > 1.3 * (plain.interval.high - plain.interval.low)


# --- prediction-powered inference --------------------------------------------------------------


def test_the_panels_rate_is_moved_by_what_it_is_wrong_by_on_average() -> None:
    """100 questions, 60 ship; of 30 labelled ships 24 are right, of 20 labelled skips 15."""
    strata = [
        Stratum(60, True, [(True, 0.5)] * 24 + [(False, 0.5)] * 6),
        Stratum(40, False, [(True, 0.5)] * 5 + [(False, 0.5)] * 15),
    ]
    found = prediction_powered(strata)
    wrong = 0.6 * (6 / 30) - 0.4 * (5 / 20)
    assert found is not None and found.estimate == pytest.approx(0.6 - wrong)
    assert found.interval.low < 0.5 < found.estimate < found.interval.high


def test_a_label_weighs_one_over_its_chance() -> None:
    stratum = Stratum(100, True, [(True, 0.1)] * 9 + [(False, 0.3)] * 3)
    found = prediction_powered([stratum])
    assert found is not None and found.estimate == pytest.approx(90 / 100)
    even = prediction_powered([Stratum(100, True, [(True, 0.1)] * 9 + [(False, 0.1)] * 1)])
    assert even is not None and found.interval.low < even.interval.high


def test_where_everything_is_labelled_nothing_is_uncertain() -> None:
    strata = [
        Stratum(3, True, [(True, 1.0)] * 2 + [(False, 1.0)]),
        Stratum(1, False, [(True, 1.0)]),
    ]
    found = prediction_powered(strata)
    assert found is not None
    assert found.estimate == found.interval.low == found.interval.high == pytest.approx(0.75)


def test_labels_without_a_contradiction_leave_a_width() -> None:
    strata = [Stratum(500, True, [(True, 0.1)] * 50), Stratum(500, False, [(False, 0.1)] * 50)]
    found = prediction_powered(strata)
    assert found is not None and found.estimate == 0.5
    assert found.interval.high - found.interval.low > 0.05


def test_a_verdict_without_a_label_may_be_right_or_wrong_altogether() -> None:
    found = prediction_powered([Stratum(90, True, [(True, 0.5)] * 45), Stratum(10, False, [])])
    assert found is not None and found.estimate == pytest.approx(0.9)
    assert found.interval.high >= 0.99
    assert prediction_powered([Stratum(90, True, []), Stratum(10, False, [])]) is None


# --- kappa ---------------------------------------------------------------------------------------


def test_kappa_of_the_textbooks_table_is_two_fifths() -> None:
    assert cohen_kappa(20, 5, 10, 15) == pytest.approx(0.4)


def test_kappa_equals_that_of_another_library() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    one, other = [1] * 17 + [0] * 9, [1] * 11 + [0] * 6 + [1] * 2 + [0] * 7
    assert cohen_kappa(11, 6, 2, 7) == pytest.approx(metrics.cohen_kappa_score(one, other))


@pytest.mark.parametrize("table", [(25, 0, 0, 0), (0, 0, 0, 25), (0, 0, 0, 0)])
def test_kappa_of_two_who_never_vary_is_not_estimable(table: tuple[int, int, int, int]) -> None:
    assert cohen_kappa(*table) is None


# --- coverage ------------------------------------------------------------------------------------

# The truth, sensitivity, specificity; votes and labels. Seeded: the same in every run.
RATES = [
    (0.6, 0.9, 0.8, 800, 100),
    (0.3, 0.9, 0.8, 800, 100),
    (0.85, 0.9, 0.8, 800, 100),
    (0.6, 0.95, 0.6, 4000, 200),
]


def held(found: Iterator[tuple[Corrected | None, float]]) -> float:
    """Return in what share of simulations the interval holds the truth."""
    hits = [
        each is not None and each.interval.low <= truth <= each.interval.high
        for each, truth in found
    ]
    return sum(hits) / len(hits)


@pytest.mark.sample(2)
@pytest.mark.parametrize(("truth", "q1", "q0", "n", "labels"), RATES)
def test_rogan_gladens_interval_holds_the_planted_truth_in_93_to_97_percent(
    truth: float, q1: float, q0: float, n: int, labels: int
) -> None:
    numpy = pytest.importorskip("numpy")
    rng = numpy.random.default_rng(14)
    ships = round(labels * truth)

    def simulated() -> Iterator[tuple[Corrected | None, float]]:
        for _simulation in range(size(2000, 6000)):
            said = int(rng.binomial(n, truth * q1 + (1 - truth) * (1 - q0)))
            right, left = rng.binomial(ships, q1), rng.binomial(labels - ships, q0)
            known = Calibration(int(right), ships, int(left), labels - ships)
            yield rogan_gladen_adjusted(said, n, known), truth

    assert 0.93 <= held(simulated()) <= 0.97


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("truth", "q1", "q0", "n", "labels"),
    [
        (0.6, 0.9, 0.8, 400, 50),
        (0.6, 0.9, 0.8, 400, 200),
        (0.85, 0.8, 0.6, 800, 100),
        (0.3, 0.96, 0.4, 800, 100),
        (0.5, 0.5, 0.5, 4000, 400),
    ],
)
def test_prediction_powered_intervals_hold_the_planted_truth_in_93_to_97_percent(
    truth: float, q1: float, q0: float, n: int, labels: int
) -> None:
    """Labels are drawn from n questions at equal steps, sorted by the panel's verdict."""
    numpy = pytest.importorskip("numpy")
    rng = numpy.random.default_rng(14)

    def simulated() -> Iterator[tuple[Corrected | None, float]]:
        for _simulation in range(size(1500, 6000)):
            people = rng.random(n) < truth
            panel = numpy.where(people, rng.random(n) < q1, rng.random(n) >= q0)
            order = numpy.lexsort((rng.random(n), panel))
            steps = numpy.floor((rng.random() + numpy.arange(labels)) * n / labels)
            drawn = order[steps.astype(int)]
            strata = []
            for word in (True, False):
                said = people[drawn[panel[drawn] == word]]
                labelled = [(bool(each), labels / n) for each in said]
                strata.append(Stratum(int((panel == word).sum()), word, labelled))
            yield prediction_powered(strata), float(people.mean())

    assert 0.93 <= held(simulated()) <= 0.97


def test_the_panels_own_rate_would_miss_the_truth_that_the_corrected_one_holds() -> None:
    """Why labels are worth their price: a panel that likes everything."""
    rng = random.Random(14)
    people = [rng.random() < 0.5 for _question in range(2000)]
    panel = [each or rng.random() < 0.6 for each in people]  # ships 60 % of what people skip
    drawn = rng.sample(range(2000), 200)
    strata = [
        Stratum(panel.count(word), word, [(people[i], 0.1) for i in drawn if panel[i] is word])
        for word in (True, False)
    ]
    found = prediction_powered(strata)
    assert found is not None
    assert panel.count(True) / 2000 > found.interval.high > people.count(True) / 2000
    assert found.interval.low < people.count(True) / 2000
