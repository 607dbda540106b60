"""The verdict of a panel in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from panel.scorecard import PersonaLine, Scorecard, VerdictChange
from panel.site.wording import (
    change_in_words,
    pair_in_words,
    public_verdict,
    verdict_in_words,
    word_of,
)
from panel.stats import Tally, combine
from panel.workspace.personas import load_personas
from tests.support.seed_takes import CODESTRAL, TAKES
from tests.support.site_publication import ROOT, a_take


def _card(*said: str, demo: bool = False) -> Scorecard:
    names = (
        "Builder",
        "Skeptic",
        "Futurist",
        "Analyst",
        "Lawyer",
        "Nurse",
        "Cook",
        "Pilot",
        "Poet",
    )
    tallies = {"ship": Tally(1, 0), "skip": Tally(0, 1), "tied": Tally(1, 1), "": Tally()}
    lines = tuple(
        PersonaLine(name.lower(), name, "", replace(tallies[each], demo=demo), None)
        for name, each in zip(names, said, strict=False)
    )
    result = combine([line.tally for line in lines])
    return Scorecard("t", "T", "", "", "", "", None, "m", lines, result)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("ship",) * 4, "All four ship"),
        (("skip", "skip"), "Both skip"),
        (("ship",), "Builder ships"),
        (
            ("ship", "skip", "skip", "ship"),
            "Divided: Builder and Analyst ship, Skeptic and Futurist skip",
        ),
        (("ship", "skip", "ship", "ship"), "Builder, Futurist and Analyst ship; Skeptic skips"),
        (("ship", "tied"), "Builder ships, Skeptic is undecided"),
        (("tied", ""), "Builder is undecided"),
        (("ship", "", "", ""), "Builder ships"),
        (("", ""), "No verdict yet"),
        (("skip",) * 5, "All five skip"),
        (("ship",) * 5 + ("skip",) * 4, "Five ship; Nurse, Cook, Pilot and Poet skip"),
        (("skip",) * 8 + ("ship",), "Poet ships, eight skip"),
    ],
)
def test_a_verdict_is_said_in_words(said: tuple[str, ...], words: str) -> None:
    """Reviewers are named by what they say; who has said nothing is left out."""
    assert verdict_in_words(_card(*said)) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("ship", "", "", ""), "Builder ships; three reviewers are not published"),
        (
            ("ship", "ship", "ship", ""),
            "Builder, Skeptic and Futurist ship; one reviewer is not published",
        ),
        (("", ""), "No verdict yet; two reviewers are not published"),
    ],
)
def test_readers_are_told_of_whom_nothing_is_published(said: tuple[str, ...], words: str) -> None:
    """Three of four are not "all three": somebody is missing."""
    card = _card(*said)
    take = a_take(load_personas(ROOT / "personas")[0], TAKES[CODESTRAL, "builder"])
    lines = tuple(replace(line, take=take if line.tally.n else None) for line in card.lines)
    assert public_verdict(replace(card, lines=lines)) == words


def test_a_published_take_of_an_earlier_wording_is_no_verdict_on_the_present_one() -> None:
    """Its words stand on the page, and no vote of it is counted."""
    take = a_take(load_personas(ROOT / "personas")[0], TAKES[CODESTRAL, "builder"], stale=True)
    card = _card("")
    line = replace(card.lines[0], take=take)
    assert (
        public_verdict(replace(card, lines=(line,))) == "No verdict on the present description yet"
    )
    assert word_of(line) == ("ship", "ships, written earlier")


def test_a_demo_models_picks_are_no_verdict() -> None:
    """Words for a demo model's verdict name no side."""
    assert (
        verdict_in_words(_card("ship", "skip", demo=True)) == "Picked by a demo model: no judgement"
    )


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (("ship",) * 4, ("ship",) * 4, "All four ship both"),
        (("skip",) * 2, ("skip",) * 2, "Both reviewers skip both"),
        (("ship",), ("skip",), "Builder ships only Left"),
        (
            ("ship", "skip", "skip", "ship"),
            ("ship", "ship", "skip", "ship"),
            "Builder and Analyst ship both; Skeptic ships only Right; Futurist skips both",
        ),
        (("tied", ""), ("ship", ""), "Builder is undecided on Left and ships Right"),
        (
            ("ship", ""),
            ("ship", "skip"),
            "Builder ships both; Skeptic has no verdict on Left and skips Right",
        ),
        (("", ""), ("", ""), "No verdict yet"),
    ],
)  # fmt: skip
def test_two_verdicts_are_said_in_one_sentence(
    left: tuple[str, ...], right: tuple[str, ...], words: str
) -> None:
    """Reviewers are grouped by which of the two tools they ship."""
    cards = replace(_card(*left), name="Left"), replace(_card(*right), name="Right")
    assert pair_in_words(*cards) == words


def test_readers_are_told_of_whom_nothing_is_published_on_one_of_two_tools() -> None:
    """The reviewer may well have a verdict: it is not published."""
    cards = replace(_card("ship", ""), name="Left"), replace(_card("ship", "skip"), name="Right")
    assert pair_in_words(*cards, public=True) == (
        "Builder ships both; Skeptic is not published on Left and skips Right"
    )


def test_a_pair_of_which_one_is_a_demo_models_is_no_judgement() -> None:
    """Words for a pair name no side where a demo model picked one of the two."""
    assert pair_in_words(_card("ship"), _card("skip", demo=True)).endswith("no judgement")


@pytest.mark.parametrize(
    ("before", "reason", "words"),
    [
        (
            "skip",
            "description changed",
            "Skeptic turned from skip to ship. The description had changed.",
        ),
        ("skip", "model changed", "Skeptic turned from skip to ship. Another model was asked."),
        ("skip", "of its own", "Skeptic turned from skip to ship. of its own."),
        (None, "new", "Skeptic gave a first verdict: ship."),
    ],
)  # fmt: skip
def test_a_change_is_told_in_plain_words(before: Any, reason: str, words: str) -> None:
    """The receipt says what turned and what had changed in the question."""
    change = VerdictChange("t", "skeptic", before, "ship", "2026-11-14T08:00:00Z", reason, "m")
    assert change_in_words(change, "Skeptic") == words
