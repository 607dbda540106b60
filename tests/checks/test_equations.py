"""The sums that a take writes out are worked out; people who are made up are no names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.checks.equations import equations
from tests.support.check_subjects import a_tool, found

TOOL = a_tool(
    description=(
        "Anvilo has 39B active of 141B parameters, stops after 30 seconds and costs $0.40 per 1k "
        "pages or $19 per developer and month. Of 412 commits it flagged 38%."
    )
)
FIGURES = ("number-outside-source", "price-outside-source")


def warned(text: str) -> list[tuple[str, str]]:
    """Return the words and messages of the warnings on figures and names."""
    return [
        (one.quote, one.message)
        for check in (*FIGURES, "name-outside-source")
        for one in found(text, check, TOOL)
        if one.severity != "note"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Memory follows the total: 141B x 2 bytes = 282 GB of weights.",
        "Few are awake: 39 / 141 = 28%, and 28% is what a pass costs.",
        "A firm of 40 developers pays 40 x $19 = $760 a month, and $760 is no secret.",
        "A clerk with 25,000 pages pays $0.40 × 25,000 / 1,000 = $10.",
        "It misses 100% - 38% = 62% of them.",
        "It flagged 412 × 38% ≈ 157 of them, so 157 / 2 = 78.5 for each reader.",
        "At 19 dollars, 12 × $19 = $228 a year.",
        "It flagged 412 x 38% = about 150 of them.",
        "A firm (its developers pay 40 x $19) = $760 a month.",
        "Six runs fit in three minutes: 3 x 60 / 30 = 6.",
        "Few are awake: 39B / 141B is roughly 28% of the parameters.",
        "39B of 141B is 28%.",
        "Forty developers times $19 comes to $760.",
        "412 minus 157 is 255, and 255 / 5 = 51 stay for each.",
        "38% of 412 commits is about 157.",
        "After twelve free ones, (52 - 12) x $19 = $760.",
        "A hundred queries: 100 x 30 seconds = 50 minutes.",
        "Memory is 141B x 2 bytes = 282 GB, so two cards of 282 / 2 = 141 GB each.",
        "A clerk with 25,000 pages pays 25,000 x $0.40 = $10.",
        "Ten with 20 on each of 20 days make 10 x 20 x 20 = 4,000, or $19 / 4,000 = $0.00475 each.",
        "Half awake it is not: 39 / 141 = 0.277 = 27.7%.",
        "A pass is 39/141=28% of it.",
        "$19 per developer and month x 12 = $228.",
    ],
)
def test_a_sum_that_comes_out_brings_no_warning(text: str) -> None:
    assert warned(text) == []


@pytest.mark.parametrize(
    ("text", "quote", "worth"),
    [
        ("Memory follows: 141B x 2 bytes = 382 GB of weights.", "382 GB", "282"),
        ("A pass costs 39 / 141 = 38.5% of it.", "38.5%", "27.6596"),
        ("A firm pays 40 x $19 = $960 a month.", "$960", "760"),
        ("A clerk pays $0.40 × 25,000 / 1,000 = $100.", "$100", "10"),
        ("It misses 100% - 38% = 72% of them.", "72%", "62"),
        ("It flagged 412 x 38% = 150 of them.", "150", "156.56"),
        ("39B of 141B is 38%.", "38%", "27.6596"),
        ("Forty developers times $19 comes to $960.", "$960", "760"),
        ("After twelve free ones, (52 - 12) x $19 = $976.", "$976", "760"),
        ("A hundred queries: 100 x 30 seconds = 30 minutes.", "30 minutes", "50"),
        ("A firm pays 40 x $19 = €760 a month.", "€760", "760"),
        ("A pass is 39 / 141 = 28 of it.", "28", "0.2766"),
        ("38% of 412 commits is 187.", "187", "156.56"),
        ("A clerk with 25,000 pages pays 25,000 x $0.40 = $10,000.", "$10,000", "10"),
        ("Few are awake: 39 / 141 = 30%.", "30%", "27.6596"),
        ("It flagged 412 × 38% ≈ 187 of them.", "187", "156.56"),
        ("Two are 2 x $19 = $38, and so 12 x $38 = $356.", "$356", "456"),
    ],
)
def test_a_sum_that_does_not_come_out_is_a_warning_that_shows_what_it_comes_to(
    text: str, quote: str, worth: str
) -> None:
    assert warned(text) == [(quote, f"not what the sum comes to ({worth}): verify")]


def test_a_sum_on_the_takes_own_figures_alone_proves_nothing() -> None:
    quotes = [quote for quote, _message in warned("Rivals take $7.70 x 300 = $2,310 a month.")]
    assert {"$7.70", "$2,310"} <= set(quotes)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$49 + 8,500 x €0.04 = €389", 389.0),
        ("212 / 14 = about 15 times", 212 / 14),
        ("2,600 conversations x $0.70 = $1,820", 1820.0),
        ("1.5 million / 3 = 500,000", 500_000.0),
    ],
)
def test_a_sum_is_worked_out_as_it_is_written(text: str, value: float) -> None:
    (one,) = equations(text)
    assert one.right and one.worth == pytest.approx(value)
    assert text[slice(*one.span)] == text


@given(st.text("0123456789x×/+-=≈$%., abk()", max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for one in equations(text):
        assert 0 <= one.span[0] < one.span[1] <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "Take Marit, who loads price lists overnight.",
        "An analyst named Bartosz asks for late orders.",
        "Say a junior designer, Tamsin, trains a kit on twelve pictures.",
        "Late on a Friday, Ignacio stages a change and tells his colleague nothing.",
    ],
)
def test_somebody_who_is_made_up_is_no_name_to_verify(text: str) -> None:
    assert warned(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "It is close to Tablecrow, which costs less.",
        "Unlike Tablecrow it reads lines and its limits.",
    ],
)
def test_a_product_is_no_somebody(text: str) -> None:
    assert [quote for quote, _message in warned(text)] == ["Tablecrow"]


@pytest.mark.parametrize(
    "text",
    [
        "Eighteen months from now, editors will write it themselves.",
        "Two hundred real questions, scored in the open, would undercut this.",
        "Within eighteen months most firms will do so.",
        "Rivals change, and eighteen months on it will still be read.",
        "The bet is large, and at least 50 languages will have one within four years of this.",
    ],
)
def test_a_horizon_and_the_evidence_one_would_want_claim_nothing(text: str) -> None:
    assert warned(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Against it would stand a set of, say, 2,000 mixed invoices.",
        "Wilhelmina, 81, sits between two grandchildren.",
        "On one scan 12.50 becomes 1250.",
        "It is free, for one report or a million pages.",
        "A clerk in Riga indexes 7,000-token old court rulings.",
        "Wanting fifty banners, you look for a queue.",
        "An engineer writing Ada for a pump sees nothing.",
        "Nothing is connected: Postgres, Kafka, the page commits to none of them.",
    ],
)
def test_an_example_claims_nothing(text: str) -> None:
    assert warned(text) == []


# What is said of the tool, in the manner of today's takes: each figure is none of the source.
FALSE_FIGURES = [
    ("It stops after 50 seconds.", "50 seconds"),
    ("It has 151B parameters.", "151B"),
    ("Pages cost $0.60 per 1k, twice nothing.", "$0.60"),
    ("At $29 per developer it is dear.", "$29"),
    ("It flagged 48% of the 412.", "48%"),
    ("Of 512 commits 38% were flagged.", "512"),
    ("A clerk sees it stop after 90 seconds.", "90 seconds"),
    ("Its 93B active parameters are awake.", "93B"),
    ("The page promises 99.9% of it.", "99.9%"),
    ("Forty developers pay, and the page says $190 each.", "$190"),
    ("Tamsin trusts the stated 83% and loses her evening.", "83%"),
    ("It handles 64,000 tokens, which nobody needs.", "64,000"),
    ("Firms pay 40 x $19 = $760, and 5,000 of them do.", "5,000"),
    ("Firms pay 40 x $29 = $1,160 a month.", "$29"),
    ("Few are awake: 39 / 151 = 25.8%.", "151"),
    ("It flagged 412 x 48% = 197.76 of them.", "48%"),
    ("Memory follows: 151B x 2 bytes = 302 GB.", "151B"),
    ("It found 212 faults within 24 hours.", "212"),
    ("It keeps logs for eighteen months.", "eighteen months"),
    ("A set of 2,000 mixed invoices was read.", "2,000"),
]


@pytest.mark.parametrize(("text", "quote"), FALSE_FIGURES)
def test_a_false_figure_among_sums_and_scenes_is_found(text: str, quote: str) -> None:
    assert quote in [words.removesuffix(" x") for words, _message in warned(text)]
