"""Figures are compared by what they say, and weighed by how they are used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.checks import check_take
from panel.checks.quantities import quantities
from tests.support.check_subjects import a_take, a_tool, found, said


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("128K", "128,000"),
        ("128k rows", "128 thousand rows"),
        ("1.5B", "1.5 billion"),
        ("four pages", "4 pages"),
        ("twenty-five", "25"),
        ("two hundred and fifty thousand", "250,000"),
        ("a million", "1,000,000"),
        ("$0.30", "30 cents"),
        ("three dollars", "$3"),
        ("94.1 %", "94.1%"),
        ("94.1 percent", "94.1 per cent"),
        ("30 seconds", "30 s"),
        ("60 minutes", "one hour"),
        ("140 ms", "140 milliseconds"),
        ("4 GB", "4GB"),
        ("18 June 2026", "2026-06-18"),
        ("June 18, 2026", "18th June 2026"),
        ("the fifteenth", "15"),
    ],
)
def test_the_same_figure_in_two_dresses_is_the_same(one: str, two: str) -> None:
    (first,), (second,) = quantities(one), quantities(two)
    assert first.same(second) or second.same(first)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("38%", "$38"),
        ("30 seconds", "30 minutes"),
        ("128K", "128M"),
        ("4 GB", "4 MB"),
        ("1.2.3", "1.2.4"),
        ("June 2026", "July 2026"),
        ("10x", "10"),
    ],
)
def test_other_figures_are_not(one: str, two: str) -> None:
    (first,), (second,) = quantities(one), quantities(two)
    assert not first.same(second)


def test_two_numbers_joined_by_and_are_two() -> None:
    assert [one.value for one in quantities("between nine and fifteen dollars")] == [9, 15]
    assert [one.value for one in quantities("two hundred and five rows")] == [205]


@pytest.mark.parametrize("text", ["GPT-4o", "8x22B", "A100", "Qwen2.5", "v2x7", "mid-2027"])
def test_digits_inside_a_name_are_no_figure(text: str) -> None:
    assert list(quantities(text)) == []


@given(st.text())
def test_any_text_is_read_and_every_figure_lies_inside(text: str) -> None:
    last = 0
    for quantity in quantities(text):
        start, end = quantity.span
        assert last <= start < end <= len(text)
        last = end


@given(st.integers(0, 10**12))
def test_whole_numbers_keep_their_value_with_and_without_commas(number: int) -> None:
    (plain,), (grouped,) = quantities(f"{number} rows"), quantities(f"{number:,} rows")
    assert plain.value == grouped.value == number


@pytest.mark.parametrize(
    "text",
    [
        "It reads files of up to 128,000 rows in four GB.",
        "It is about 94% exact, on some 1,200 pages.",
        "Thirty cents per seat buys an answer within a day, or 24 hours.",
        "It is one thing, and one of the few.",
        "The successor comes in June 2027.",
    ],
)
def test_what_the_source_states_is_no_finding(text: str) -> None:
    for check in ("number-outside-source", "price-outside-source", "date-outside-source"):
        assert said(found(text, check)) == []


@pytest.mark.parametrize(
    ("text", "check", "quote"),
    [
        ("It is 97.3% exact.", "number-outside-source", "97.3%"),
        ("It takes 16 GB of memory.", "number-outside-source", "16 GB"),
        ("Each row needs 12 seconds.", "number-outside-source", "12 seconds"),
        ("It asks for $12 a seat.", "price-outside-source", "$12"),
        ("It costs forty dollars.", "price-outside-source", "forty dollars"),
        ("It was founded in 2019.", "date-outside-source", "2019"),
        ("It came out in March 2024.", "date-outside-source", "March 2024"),
        ("Prices fell by 3% in 2025.", "date-outside-source", "2025"),
        ("It came in May 2025.", "date-outside-source", "May 2025"),
        ("It has 40,000 users.", "number-outside-source", "40,000"),
        ("Version 3.1.4 is current.", "number-outside-source", "3.1.4"),
        ("It runs `anvilo --fast` at once.", "code-outside-source", "`anvilo --fast`"),
    ],
)
def test_what_it_does_not_state_is_a_warning(text: str, check: str, quote: str) -> None:
    assert said(found(text, check)) == [("warning", quote)]


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Within 12 months a rival copies it.", "number-outside-source"),
        ("A team of two reads three pages.", "number-outside-source"),
        ("If a ledger ran to 9,000 pages, it would stop.", "number-outside-source"),
        ("A published error rate below 2% would move me to skip.", "number-outside-source"),
        ("It misses 5.9% of the cells.", "number-outside-source"),
        ("In a world ten times cheaper it stays.", "number-outside-source"),
        ("By 2031 nobody types figures.", "date-outside-source"),
        ("Nothing is said about 40 GB files.", "number-outside-source"),
        ("Rivals take $9 a page (outside knowledge, to verify).", "price-outside-source"),
    ],
)
def test_suppositions_small_counts_and_sums_are_notes_only(text: str, check: str) -> None:
    assert {severity for severity, _quote in said(found(text, check))} <= {"note"}


def test_a_supposition_does_not_cover_what_stands_before_the_semicolon() -> None:
    text = "It was read on 4,210 pages; a failed rerun would change my mind."
    assert said(found(text, "number-outside-source")) == [("warning", "4,210")]


@pytest.mark.parametrize(
    "text",
    [
        "If few teams pay $28 a year, support stops.",
        "If a seat costs three dollars, nobody renews.",
        "If anything newer than the March 2026 release failed, I would skip.",
        "Funding has a printed end of late 2028.",
        "Prices fall (outside knowledge, to verify), and an add-on released in May 2026 is late.",
    ],
)
def test_an_altered_price_or_date_is_a_warning_even_in_a_supposition(text: str) -> None:
    tool = a_tool(
        description="A seat costs $0.30. It came in May 2025 and is funded until 2027. $18 a year.",
    )
    checks = ("price-outside-source", "date-outside-source")
    assert "warning" in {one for check in checks for one, _ in said(found(text, check, tool))}


def test_a_figure_of_another_kind_or_unit_is_outside() -> None:
    tool = a_tool(description="It flags 38% of commits in 30 seconds.")
    assert said(found("It costs $38.", "price-outside-source", tool)) == [("warning", "$38")]
    assert said(found("It waits 30 minutes.", "number-outside-source", tool)) == [
        ("warning", "30 minutes")
    ]


def test_the_plans_and_the_dates_of_the_record_belong_to_the_source() -> None:
    plan = {"name": "Firm", "price": "$190 per month", "includes": "5,000 invoices"}
    tool = a_tool(pricing={"entry": "$49/mo", "plans": [plan]}, released="2026-06-18")
    text = "For $190 the Firm plan takes 5,000 invoices; it came out in June 2026, entry $49."
    for check in ("number-outside-source", "price-outside-source", "date-outside-source"):
        assert found(text, check, tool) == []


def test_a_number_too_large_to_count_is_a_figure_like_any_other() -> None:
    take = "It reads " + "hundred and " * 400 + "one pages. I ship it."
    assert "number-outside-source" in {one.check for one in check_take(a_take(take), [])}
