"""Figures and places of an imagined user are notes; what is said of the tool is not."""

from __future__ import annotations

import pytest

from tests.support.check_subjects import found, said

CHECKS = ("number-outside-source", "price-outside-source", "name-outside-source")


def worst(text: str) -> set[str]:
    return {severity for check in CHECKS for severity, _ in said(found(text, check))}


@pytest.mark.parametrize(
    "text",
    [
        "A clinic in Lyon with 300 staff drops its scans here.",
        "A sheriff court in Glasgow builds it into a recorder.",
        "Firms of five and five thousand pay the same.",
        "It suits a team of forty, and teams of 400 even more.",
        "Imagine 50,000 tickets on a Monday.",
        "Take a firm with 1,500 lawyers.",
        "Someone who keeps 70,000 photographs has no use for it.",
        "A 2,000-page report goes in.",
        "A 45-lawyer firm would notice.",
        "A backlog of 50,000 tickets is read overnight.",
        "An accountant in Porto brings 900 invoices a week. She checks 35 of them by hand.",
        "By 2029 a thousand archives will publish theirs.",
        "A platform engineer with an old COBOL codebase waits.",
        "A library in Nairobi scans 40,000 letters.",
        "A co-op in Leeds with 300 members brings its minutes.",
    ],
)
def test_what_is_assumed_of_a_user_is_a_note(text: str) -> None:
    assert worst(text) <= {"note"}


@pytest.mark.parametrize(
    "text",
    [
        "It has 40,000 users.",
        "A team needs 16 GB of memory for it.",
        "A clinic meets the stated 97% accuracy.",
        "An analyst pays $12 a seat.",
        "A firm in a hurry reads that its limit is 500 files.",
        "An accountant gets files of up to 256K rows.",
        "A clinic gets an answer within the promised 48 hours.",
        "The maker in Lyon has 300 staff.",
        "It was read on 4,210 pages by an analyst.",
        "A Palantir contract holds for the same reason.",
        "A team hears that it handles 90,000 rows.",
        "By 2029 its 97.3% will be ordinary.",
    ],
)
def test_what_is_said_of_the_tool_is_still_a_warning(text: str) -> None:
    assert "warning" in worst(text)


@pytest.mark.parametrize("letters", range(50, 64))
def test_the_beginning_of_a_longer_word_is_no_pronoun(letters: int) -> None:
    """Wherever the words that are looked at end: "here" is no "he"."""
    assert worst(f"Here then Falcora joins tables. X{'x' * letters} here we wait.") == {"warning"}
