"""Scorecards: what is published of them, and how two are compared."""

from __future__ import annotations

import pytest

from panel.scorecard import Comparison, PersonaLine, Scorecard, Take, published
from panel.stats import (
    Tally,
    combine,
)


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
