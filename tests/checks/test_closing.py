"""The verdict of a take's last sentences, read without seeing the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from panel.checks import closing_verdict
from tests.support.check_subjects import found

WRITTEN = Path(__file__).parents[1] / "labelled" / "closings.yaml"
CLOSINGS: dict[str, list[str]] = yaml.safe_load(WRITTEN.read_text(encoding="utf-8"))
SHIP = [
    "That earns a ship from me.",
    "On that I would ship it, and my bar was high.",
    "I come down on ship, because the text is plain; a bad benchmark would move me to skip.",
    "Ship, narrowly, on the strength of 412 commits. A hand-picked list would flip me.",
    "Ship. A published miss rate below the stated one would move me to skip.",
    "I stand at ship, because the recordings can be checked.",
    "Reasons to skip are hard to find here, so ship.",
    "That is enough for a ship.",
    "This is a ship, though a cautious one.",
    "Shipping because the licence is the product.",
    "Ships because the local story is different today.",
    "It ships, narrowly.",
    "I see no reason to skip it.",
    "Still, a ship: the claim is checkable in a minute.",
    "The verdict is ship.",
    "I'd ship it tomorrow.",
    "If inference costs doubled this would be a skip; as it stands, it is a ship.",
    "Not a skip, then, but a plain ship.",
    "That makes the whole a ship.",
    "A clause that restricts use would send me to skip.",
    "I would sign for a year: ship.",
    "A hidden fee would be enough for skip.",
    "Any failed rerun would mean a skip.",
    "If the rerun failed, this would be a skip.",
    "If the fee were hidden, this would not be a ship.",
    "If the same script caught far fewer, I would go to skip.",
    "That honest table means a ship.",
    "The release of the recipe to take home means a ship.",
    "That is enough to ship.",
    "It would be wrong to skip it.",
    "A skip would be unfair.",
    "On this evidence I would call it a ship.",
    "If scans prevail, people check by hand, and even so the engine earns a ship.",
    "I would ship it even if it cost twice as much.",
]
SKIP = [
    "That alone keeps me from a ship, so I would skip.",
    "Skip for now; a run on strangers' pages would earn the ship.",
    "However fine the weights, this is a skip.",
    "I would not ship this.",
    "This does not earn a ship.",
    "It falls short of a ship.",
    "I stand on skip: a repository with the answers would move me to ship.",
    "Good work that I cannot use in a job is a skip, however well it is measured.",
    "I would walk away.",
    "It is nothing I would build on, so I pass.",
    "I stay at skip until a table by accent is published.",
    "Skip it.",
    "A sound product, nothing to combine: I will skip it.",
    "I cannot ship on that.",
    "Evidence of the claim would move me from skip to ship.",
    "Whatever it sounds like, that makes it a skip.",
    "No method is given. Skipping until there is one.",
    "A test set with answers could turn this into a ship.",
    "Anything like a public benchmark would be enough for ship.",
    "A printed licence would be enough for a ship.",
    "Even a benchmark would not be enough for a ship.",
    "What we saw would suffice for a ship if it were printed.",
    "The lack of any way to take material back out means a skip.",
    "That is the choice that decides this, and it means a skip.",
    "Whatever could go wrong with access means a skip.",
    "One named partner's records would start me towards ship.",
    "A rerun by strangers would be a ship.",
    "A public rerun would justify a ship.",
    "If the numbers were open, I would ship it.",
    "A ship would need a benchmark.",
    "To earn a ship it would need a stated price.",
    "One stated price would be all a ship needs.",
    "There is too little here to ship.",
    "Until a price is printed, skip.",
    "For me this would be a skip.",
]
NONE = [
    "It ships with weights and a model card.",
    "They shipped a command line in June.",
    "The maker ships a binary and skips the framework.",
    "Teams that ship to production need more than this.",
    "The condition is that memory stays cheap.",
    "Diffs above the limit skip the second pass.",
    "Teams would ship code faster with it.",
    "It could ship with weights.",
    "They would skip the second pass.",
    "Before I ship, I would need a price.",
    "",
]


@pytest.mark.parametrize("text", SHIP)
def test_a_ship_is_read(text: str) -> None:
    assert closing_verdict("The description is plain. " + text) == "ship"


@pytest.mark.parametrize("text", SKIP)
def test_a_skip_is_read(text: str) -> None:
    assert closing_verdict("The description is plain. " + text) == "skip"


@pytest.mark.parametrize("text", NONE)
def test_where_no_stand_is_taken_none_is_read(text: str) -> None:
    assert closing_verdict(text) is None


def contradicted(closing: str, verdict: str) -> list[str]:
    """Return the severities of the findings on a take that ends with these sentences."""
    text = "The description is plain. " + closing
    return [one.severity for one in found(text, "verdict-contradicted", verdict=verdict)]


@pytest.mark.parametrize("closing", [*CLOSINGS["ship"], *CLOSINGS["skip"]])
def test_a_closing_never_contradicts_the_verdict_that_it_states(closing: str) -> None:
    verdict = "ship" if closing in CLOSINGS["ship"] else "skip"
    assert contradicted(closing, verdict) == []


@pytest.mark.parametrize("closing", CLOSINGS["open"])
def test_a_closing_that_takes_no_stand_contradicts_no_verdict(closing: str) -> None:
    assert contradicted(closing, "ship") == contradicted(closing, "skip") == []


def test_nine_of_ten_closings_against_their_verdict_are_errors() -> None:
    told = [
        contradicted(closing, other) == ["error"]
        for verdict, other in (("ship", "skip"), ("skip", "ship"))
        for closing in CLOSINGS[verdict]
    ]
    assert len(told) >= 60 and sum(told) >= 0.9 * len(told)


def test_a_take_that_only_says_what_would_turn_it_the_same_way_is_a_warning() -> None:
    closing = "A public rerun would move me to ship."
    assert contradicted(closing, "ship") == ["warning"] and contradicted(closing, "skip") == []


def test_a_take_that_ends_against_its_verdict_is_an_error_at_that_sentence() -> None:
    (finding,) = found("A fine parser. I would skip it.", "verdict-contradicted", verdict="ship")
    assert (finding.severity, finding.quote) == ("error", "I would skip it.")
    assert found("A fine parser. I would skip it.", "verdict-contradicted", verdict="skip") == []


def test_a_take_need_not_end_on_a_verdict() -> None:
    assert found("A fine parser. Memory must stay cheap.", "verdict-contradicted") == []


def test_what_stands_far_before_the_end_is_no_closing() -> None:
    assert closing_verdict("I would skip it. One. Two. Three. Four.") is None
