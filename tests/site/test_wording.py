"""The verdict of a panel in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from panel.scorecard import PersonaLine, Scorecard
from panel.site.wording import verdict_in_words
from panel.stats import Tally, combine


def _card(*said: str, demo: bool = False) -> Scorecard:
    names = ("Builder", "Skeptic", "Futurist", "Analyst", "Lawyer")
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
            "Split: Builder and Analyst ship, Skeptic and Futurist skip",
        ),
        (("ship", "skip", "ship", "ship"), "Builder, Futurist and Analyst ship, Skeptic skips"),
        (("ship", "tied"), "Builder ships, Skeptic is undecided"),
        (("ship", "", "", ""), "Builder ships"),
        (("", ""), "No verdict yet"),
        (("skip",) * 5, "All five skip"),
    ],
)
def test_a_verdict_is_said_in_words(said: tuple[str, ...], words: str) -> None:
    """Reviewers are named by what they say; who has said nothing is left out."""
    assert verdict_in_words(_card(*said)) == words


def test_a_demo_models_picks_are_no_verdict() -> None:
    """Words for a demo model's verdict name no side."""
    assert (
        verdict_in_words(_card("ship", "skip", demo=True)) == "Picked by a demo model: no judgement"
    )
