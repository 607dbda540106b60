"""The arithmetic of a panel, against values worked out elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.scorecard import (
    Comparison,
    Interval,
    PersonaLine,
    Scorecard,
    Take,
    Tally,
    combine,
    published,
    tally,
    wilson,
)

counts = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
outcomes = st.sampled_from(
    [("verdict", "ship"), ("verdict", "skip"), ("abstain", None), ("error", None)]
)


@pytest.mark.parametrize(
    ("ships", "n", "low", "high"),
    [
        (4, 4, 51.01, 100),
        (3, 4, 30.06, 95.44),
        (12, 12, 75.75, 100),
        (0, 10, 0, 27.75),
        (81, 263, 25.53, 36.62),  # Newcombe (1998), Statistics in Medicine 17:857-872, table I
        (15, 148, 6.24, 16.05),
        (0, 20, 0, 16.11),
        (1, 29, 0.61, 17.18),
    ],
)
def test_wilson_gives_the_published_intervals(ships: int, n: int, low: float, high: float) -> None:
    interval = wilson(ships, n)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.006)


@given(counts)
def test_wilson_holds_the_rate_and_stays_between_0_and_100(count: tuple[int, int]) -> None:
    ships, n = count
    interval = wilson(ships, n)
    assert interval is not None
    assert interval.holds(100 * ships / n)
    assert 0 <= interval.low < interval.high <= 100


@given(counts.filter(lambda count: count[0] < count[1]))
def test_one_more_ship_moves_both_ends_up(count: tuple[int, int]) -> None:
    ships, n = count
    before, after = wilson(ships, n), wilson(ships + 1, n)
    assert before is not None and after is not None
    assert (before.low < after.low and before.high < after.high) or after.high == 100


@given(counts)
def test_wilson_of_the_other_side_is_the_mirror_image(count: tuple[int, int]) -> None:
    ships, n = count
    one, other = wilson(ships, n), wilson(n - ships, n)
    assert one is not None and other is not None
    assert (one.low, one.high) == pytest.approx((100 - other.high, 100 - other.low))


@pytest.mark.parametrize(("ships", "n"), [(5, 4), (-1, 4), (0, -1)])
def test_wilson_refuses_counts_that_cannot_be(ships: int, n: int) -> None:
    with pytest.raises(ValueError, match="need 0 <= successes <= n"):
        wilson(ships, n)


@pytest.mark.parametrize("empty", [Tally(), Tally(abstains=3), Tally(errors=2)])
def test_without_a_vote_there_is_no_percentage_and_never_0(empty: Tally) -> None:
    result = combine([empty, empty])
    assert empty.ship_percent is None and empty.interval is None and empty.majority is None
    assert (result.ship_percent, result.interval, result.contested, result.n) == (None,) * 3 + (0,)
    assert wilson(0, 0) is None and combine([]).ship_percent is None


def test_only_skips_are_0_percent_and_not_nothing() -> None:
    assert Tally(skips=2).ship_percent == combine([Tally(skips=2)]).ship_percent == 0


def test_every_persona_weighs_the_same_however_often_it_was_asked() -> None:
    result = combine([Tally(ships=1), Tally(skips=9)])
    assert result.ship_percent == 50
    assert (result.ships, result.skips, result.n) == (1, 9, 10)


def test_unequal_repeats_widen_the_interval_to_kishs_effective_size() -> None:
    result = combine([Tally(ships=1), Tally(skips=9)])
    effective = 2**2 / (1 / 1 + 1 / 9)  # 3.6 of 10 votes
    assert result.interval == wilson(effective / 2, effective)


@given(
    st.integers(1, 9).flatmap(
        lambda r: st.lists(st.integers(0, r), min_size=1).map(lambda s: (r, s))
    )
)
def test_with_equal_repeats_the_panel_is_plain_wilson_on_all_votes(
    drawn: tuple[int, list[int]],
) -> None:
    repeats, ships = drawn
    result = combine([Tally(s, repeats - s) for s in ships])
    pooled = wilson(sum(ships), repeats * len(ships))
    assert result.interval is not None and pooled is not None and result.ship_percent is not None
    assert result.ship_percent == pytest.approx(100 * sum(ships) / (repeats * len(ships)))
    assert result.interval.low == pytest.approx(pooled.low, abs=1e-6)
    assert result.interval.high == pytest.approx(pooled.high, abs=1e-6)


def test_a_persona_that_only_abstained_or_failed_does_not_count() -> None:
    voted = [Tally(ships=1), Tally(skips=1)]
    with_others = combine([*voted, Tally(abstains=1), Tally(errors=1)])
    alone = combine(voted)
    assert with_others == replace(alone, abstains=1, errors=1)


@pytest.mark.parametrize(
    ("ships", "skips", "contested"),
    [(4, 0, False), (3, 1, True), (1, 0, False), (0, 1, False), (1, 1, True), (19, 1, False)],
)
def test_contested_means_both_sides_voted_and_half_lies_in_the_interval(
    ships: int, skips: int, contested: bool
) -> None:
    tallies = [Tally(ships=1)] * ships + [Tally(skips=1)] * skips
    assert combine(tallies).contested is contested


@given(st.lists(st.lists(outcomes, max_size=6), max_size=6))
def test_nothing_is_lost_or_counted_twice(cells: list[list[tuple[str, str | None]]]) -> None:
    tallies = [tally(persona) for persona in cells]  # type: ignore[arg-type]
    result = combine(tallies)
    flat = [cell for persona in cells for cell in persona]
    assert result.ships == flat.count(("verdict", "ship"))
    assert result.skips == flat.count(("verdict", "skip"))
    assert result.abstains == flat.count(("abstain", None))
    assert result.errors == flat.count(("error", None))
    assert (result.ship_percent is None) == (result.n == 0)
    if result.ship_percent is not None and result.interval is not None:
        assert result.interval.holds(round(result.ship_percent, 9))


@pytest.mark.parametrize(
    ("ships", "skips", "majority"), [(2, 1, "ship"), (1, 2, "skip"), (1, 1, None)]
)
def test_majority_is_none_on_a_tie(ships: int, skips: int, majority: str | None) -> None:
    assert Tally(ships, skips).majority == majority


def a_card(*tallies: Tally) -> Scorecard:
    return Scorecard("t", "T", "", "", "", "", None, "m", (), combine(tallies))


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        (Tally(ships=20), Tally(skips=20), True),
        (Tally(skips=20), Tally(ships=20), True),
        (Tally(ships=4), Tally(ships=3, skips=1), False),
        (Tally(ships=4), Tally(abstains=4), None),
        (Tally(), Tally(ships=4), None),
    ],
)
def test_a_difference_is_shown_only_when_the_intervals_lie_apart(
    left: Tally, right: Tally, shown: bool | None
) -> None:
    assert Comparison(a_card(left), a_card(right), "m", False).difference_shown is shown


def test_an_interval_holds_its_own_ends() -> None:
    assert Interval(10, 20).holds(10) and Interval(10, 20).holds(20)
    assert not Interval(10, 20).holds(20.01)


def a_line(outcome: str, verdict: str | None, state: str, votes: Tally) -> PersonaLine:
    take = Take(
        outcome,  # type: ignore[arg-type]
        verdict,  # type: ignore[arg-type]
        70,
        "words",
        (),
        (),
        "refused" if outcome == "abstain" else None,
        "2026-11-23T22:15:00Z",
        "json_schema",
        False,
        state,  # type: ignore[arg-type]
    )
    return PersonaLine("p", "P", "motto", votes, take)


def a_whole_card(*lines: PersonaLine) -> Scorecard:
    result = combine([line.tally for line in lines])
    return Scorecard("t", "T", "tag", "c", "Free", "text", None, "m", lines, result)


def test_a_published_take_is_one_vote_however_often_it_was_asked() -> None:
    card = published(a_whole_card(a_line("verdict", "skip", "approved", Tally(ships=4, skips=1))))
    assert (card.result.ships, card.result.skips) == (0, 1)


@pytest.mark.parametrize(
    ("state", "public", "with_drafts"),
    [("approved", 1, 1), ("edited", 0, 1), ("draft", 0, 1), ("rejected", 0, 0)],
)
def test_only_approved_takes_are_published_and_rejected_ones_never(
    state: str, public: int, with_drafts: int
) -> None:
    card = a_whole_card(a_line("verdict", "ship", state, Tally(ships=1)))
    for drafts, votes in ((False, public), (True, with_drafts)):
        [line] = published(card, drafts).lines
        assert line.tally.n == votes and (line.take is not None) == bool(votes)


def test_abstentions_stay_counted_apart_and_errors_are_no_news_for_readers() -> None:
    card = a_whole_card(
        a_line("abstain", None, "draft", Tally(abstains=2)),
        a_line("error", None, "draft", Tally(errors=1)),
    )
    silent, failed = published(card).lines
    assert silent.tally == Tally(abstains=1) and silent.take is not None
    assert silent.take.reason is None
    assert failed.tally == Tally() and failed.take is None
    assert published(card).result.ship_percent is None
