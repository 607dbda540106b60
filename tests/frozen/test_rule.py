"""What is published: a first verdict, and what it takes to overturn one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.frozen.rule import (
    PublishOutcome,
    is_sure,
    more_to_ask,
    publish_rule,
    votes_missing,
)
from panel.stats import SURE, Tally


@pytest.mark.parametrize(
    ("n", "needed"),
    [(1, None), (2, None), (3, None), (4, 4), (5, 5), (6, 6), (7, 6), (8, 7), (9, 8), (12, 9)],
)
def test_a_published_verdict_falls_to_so_many_of_so_many(n: int, needed: int | None) -> None:
    """Symmetric: ship falls to skips as skip does to ships."""
    overturning = [
        k for k in range(n + 1) if publish_rule("skip", Tally(k, n - k)).verdict == "ship"
    ]
    assert overturning == ([] if needed is None else list(range(needed, n + 1)))
    assert overturning == [
        k for k in range(n + 1) if publish_rule("ship", Tally(n - k, k)).verdict == "skip"
    ]


@pytest.mark.parametrize(
    ("published", "votes", "verdict", "contested"),
    [
        # A first verdict is the majority, contested where both sides voted and none is sure.
        (None, Tally(), None, False),
        (None, Tally(abstains=3), None, False),
        (None, Tally(1, 0), "ship", False),
        (None, Tally(0, 1), "skip", False),
        (None, Tally(1, 1), None, True),
        (None, Tally(2, 1), "ship", True),
        (None, Tally(1, 6), "skip", False),
        # What agrees with it lets it stand.
        ("ship", Tally(1, 0), "ship", False),
        ("ship", Tally(7, 0), "ship", False),
        ("ship", Tally(2, 1), "ship", True),
        ("ship", Tally(6, 1), "ship", False),
        # A tie, and no vote at all, let it stand and say so.
        ("ship", Tally(1, 1), "ship", True),
        ("skip", Tally(), "skip", True),
        ("skip", Tally(abstains=4), "skip", True),
        # What speaks against it has to be sure.
        ("ship", Tally(0, 1), "ship", True),
        ("ship", Tally(0, 3), "ship", True),
        ("ship", Tally(1, 4), "ship", True),
        ("ship", Tally(0, 4), "skip", False),
        ("skip", Tally(6, 1), "ship", False),
        ("skip", Tally(5, 2), "skip", True),
        ("ship", Tally(0, 4, abstains=9), "skip", False),
    ],
)
def test_what_is_published_stands_until_it_is_overturned(
    published: str | None, votes: Tally, verdict: str | None, contested: bool
) -> None:
    decision = publish_rule(published, votes)  # type: ignore[arg-type]
    assert (decision.verdict, decision.contested) == (verdict, contested)


@given(
    st.sampled_from(["ship", "skip", None]),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 3),
)
def test_a_decision_is_symmetric_stable_and_never_moves_without_certainty(
    published: str | None, ships: int, skips: int, abstains: int
) -> None:
    votes, mirrored = Tally(ships, skips, abstains), Tally(skips, ships, abstains)
    other = {"ship": "skip", "skip": "ship", None: None}
    decision = publish_rule(published, votes)  # type: ignore[arg-type]
    mirror = publish_rule(other[published], mirrored)  # type: ignore[arg-type]
    assert mirror == PublishOutcome(other[decision.verdict], decision.contested, decision.certainty)  # type: ignore[arg-type]
    if published and decision.verdict != published:
        assert decision.certainty is not None and decision.certainty >= SURE
        assert not decision.contested
    if decision.verdict is not None:
        again = publish_rule(decision.verdict, votes)
        assert again.verdict == decision.verdict, "deciding anew changes nothing"
        assert publish_rule(again.verdict, votes) == again


@pytest.mark.parametrize(
    ("votes", "missing"),
    [
        (Tally(), 4),
        (Tally(1, 0), 3),
        (Tally(0, 3), 1),
        (Tally(4, 0), 0),
        (Tally(3, 1), 3),
        (Tally(1, 1), 5),
        (Tally(6, 1), 0),
        (Tally(0, 4, abstains=3), 0),
        (Tally(abstains=3), 4),
    ],
)
def test_so_many_more_votes_for_the_side_that_leads_make_it_sure(
    votes: Tally, missing: int
) -> None:
    assert votes_missing(votes) == missing
    assert (missing == 0) == (is_sure("ship", votes) or is_sure("skip", votes))
    asked = votes.n + votes.abstains
    assert more_to_ask(votes, asked, 9) == min(missing, max(0, 9 - asked))
    assert more_to_ask(votes, asked, asked) == 0


@given(st.integers(0, 20), st.integers(0, 20))
def test_with_the_missing_votes_a_side_is_sure_and_with_one_less_it_is_not(
    ships: int, skips: int
) -> None:
    more = votes_missing(Tally(ships, skips), "skip")
    assert is_sure("skip", Tally(ships, skips + more))
    assert not more or not is_sure("skip", Tally(ships, skips + more - 1))
