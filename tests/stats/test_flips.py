"""How often an answer flips, against values worked out elsewhere."""

from __future__ import annotations

import math
from typing import Any

import pytest

from panel.stats import flip_rate, true_flip_rate
from tests.support.reference import EXACT, REFERENCE


@pytest.mark.parametrize("row", REFERENCE["flip_rate"]["rows"])
def test_the_flip_rate_is_that_of_pairs_of_repeats(row: dict[str, Any]) -> None:
    assert flip_rate(row["ships"], row["repeats"]) == pytest.approx(row["flip_rate"], abs=EXACT)


@pytest.mark.parametrize("ships", [0, 1])
def test_one_repeat_has_no_flip_rate(ships: int) -> None:
    assert flip_rate(ships, 1) is None


@pytest.mark.parametrize(("p", "repeats"), [(0.9, 2), (0.8, 5), (0.5, 25), (0.0, 3), (1.0, 3)])
def test_the_flip_rate_estimates_the_true_one_without_bias(p: float, repeats: int) -> None:
    expected = sum(
        math.comb(repeats, k) * p**k * (1 - p) ** (repeats - k) * (flip_rate(k, repeats) or 0)
        for k in range(repeats + 1)
    )
    assert expected == pytest.approx(true_flip_rate(p))


def test_impossible_counts_and_chances_are_refused() -> None:
    with pytest.raises(ValueError, match="got 3 of 2"):
        flip_rate(3, 2)
    with pytest.raises(ValueError, match=r"got 1\.5"):
        true_flip_rate(1.5)
