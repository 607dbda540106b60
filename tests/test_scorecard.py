"""Scorecards: what is published of them, and how two are compared."""

from __future__ import annotations

import pytest

from panel.scorecard import Comparison, PersonaLine, Scorecard, Take, health, published
from panel.stats import Tally, combine


def a_card(*tallies: Tally) -> Scorecard:
    return Scorecard("t", "T", "", "", "", "", None, "m", (), combine(tallies))


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        (Tally(ships=20), Tally(skips=20), True),
        (Tally(skips=20), Tally(ships=20), True),
        (Tally(ships=4), Tally(ships=3, skips=1), False),
        (Tally(ships=16, skips=4), Tally(ships=9, skips=11), True),  # the two intervals overlap
        (Tally(ships=4), Tally(abstains=4), None),
        (Tally(), Tally(ships=4), None),
    ],
)
def test_a_difference_is_shown_only_when_its_own_interval_leaves_out_zero(
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


def test_a_published_scorecard_has_the_votes_of_every_answer_to_the_present_question() -> None:
    card = a_whole_card(a_line("verdict", "ship", "approved", Tally(ships=4, skips=1)))
    assert published(card) == card


@pytest.mark.parametrize(
    ("state", "public", "with_drafts"),
    [("approved", True, True), ("edited", False, True), ("draft", False, True),
     ("rejected", False, False)],
)  # fmt: skip
def test_only_approved_takes_are_published_and_rejected_ones_never(
    state: str, public: bool, with_drafts: bool
) -> None:
    card = a_whole_card(a_line("verdict", "ship", state, Tally(ships=1)))
    for drafts, shown in ((False, public), (True, with_drafts)):
        [line] = published(card, drafts).lines
        assert (line.take is not None) == shown
        assert line.tally.n == (1 if drafts or shown else 0), "drafts count as show does"


def test_abstentions_stay_counted_apart_and_errors_are_no_news_for_readers() -> None:
    card = a_whole_card(
        a_line("abstain", None, "draft", Tally(abstains=2)),
        a_line("error", None, "draft", Tally(errors=1)),
    )
    silent, failed = published(card).lines
    assert silent.tally == Tally(abstains=2) and silent.take is not None
    assert silent.take.reason is None
    assert failed.tally == Tally() and failed.take is None
    assert published(card).result.ship_percent is None


def test_the_panel_has_one_vote_on_a_tool_for_the_majority_of_a_personas_answers() -> None:
    line = a_line("verdict", "ship", "approved", Tally(ships=4, skips=1))
    hidden = a_line("verdict", "skip", "draft", Tally(skips=5))
    silent = a_line("abstain", None, "draft", Tally(abstains=2))
    cards = [*[a_whole_card(line)] * 3, a_whole_card(hidden), a_whole_card(silent), a_whole_card()]
    found, seen = health(cards), health(map(published, cards))
    assert (found.tools, seen.tools) == (5, 4), "without what was never asked, or is not published"
    [rate], [public] = found.personas, seen.personas
    assert (rate.persona, rate.votes, rate.unvoted) == ("p", Tally(ships=3, skips=1), 1)
    assert (public.votes, public.unvoted) == (Tally(ships=3), 1)
