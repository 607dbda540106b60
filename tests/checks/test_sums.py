"""Sums on the source's figures are shown as notes; a wrong result stays a warning."""

from __future__ import annotations

import pytest

from tests.support.check_subjects import a_tool, found, said

TOOL = a_tool(
    description=(
        "Anvilo reads PDF files at 1,000 words a second. Pages cost $0.40 per 1k pages, and the "
        "Firm plan is $600 a month for two million pages. Of 600 hand-labelled cases 38% failed. A "
        "query stops after 30 seconds, and schemas of up to 200 tables are read. Each device costs "
        "$3 per month. On 81.6% of scans it is right."
    )
)


def notes(text: str) -> list[tuple[str, str]]:
    checks = ("number-outside-source", "price-outside-source")
    return [(one.severity, one.message) for check in checks for one in found(text, check, TOOL)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10 million pages would cost $4,000.", "0.4 × 10,000,000 / 1,000 = 4,000"),
        ("Ten million pages cost $4,000.", "0.4 × 10,000,000 / 1,000 = 4,000"),
        ("The firm plan undercuts $800 for two million pages.", "0.4 × 2,000,000 / 1,000 = 800"),
        ("A hundred devices pay $300 a month.", "3 × 100 = 300"),
        ("That is $7,200 a year.", "600 × 12 = 7,200"),
        ("With 50 devices a year costs $1,800.", "3 × 50 × 12 = 1,800"),
        ("It gets 62% right.", "100 − 38 = 62"),
        ("That is 228 failures.", "600 × 38 / 100 = 228"),
        ("The plan saves $200 over the metered $800.", "600 + 200 = 800"),
        ("At two million pages the plan comes to 30 cents a thousand.", "600 / 2,000,000 × 1,000"),
        ("For $1,000 one gets 2,500,000 pages.", "0.4 × 2,500,000 / 1,000 = 1,000"),
        ("In an hour it reads 3,600,000 words.", "1,000 × 3,600"),
        ("A hundred queries take 50 minutes.", "0.5 × 100 = 50"),
        ("With 20% off, the plan is $480.", "600 × 80 / 100 = 480"),
    ],
)
def test_a_sum_is_a_note_that_shows_it(text: str, shown: str) -> None:
    says = notes(text)
    assert {severity for severity, _ in says} <= {"note"}, says
    assert any(shown in message for _, message in says), says


@pytest.mark.parametrize(
    "text",
    [
        "10 million pages would cost $5,000.",
        "Ten million pages cost $400.",
        "If it read 10 million pages, the bill would be $40,000.",
        "A hundred devices pay $400 a month.",
        "That is $7,400 a year.",
        "It gets 68% right.",
        "That is 328 failures.",
        "The plan saves $300 over the metered price of two million pages.",
        "In an hour it reads 5,600,000 words.",
        "A hundred queries take 90 minutes.",
        "With 100 free ones a month, a thousand devices come to $300.",
    ],
)
def test_a_sum_that_does_not_come_out_is_a_warning(text: str) -> None:
    assert "warning" in {severity for severity, _ in notes(text)}, notes(text)


def test_the_right_sum_is_shown_beside_a_wrong_one() -> None:
    (finding,) = found("10 million pages would cost $5,000.", "price-outside-source", TOOL)
    assert "0.4 × 10,000,000 / 1,000 = 4,000" in finding.message


def test_what_a_rival_would_charge_is_no_sum_of_this_tool() -> None:
    text = "A rival would charge $5,000 for 10 million pages."
    assert {one for one, _ in said(found(text, "price-outside-source", TOOL))} <= {"note"}


# A stated figure, and what is planted for it, with figures beside it that could explain it.
PLANTED = {
    ("It failed on 38% of 600 cases.", "38%"): "48% 33% 58% 83% 30%",
    ("The metered price is $0.40 per thousand pages.", "$0.40"): "$0.60 $0.90 $4.00 $0.45",
    ("For $600 a month it reads two million pages.", "$600"): "$900 $500 $6,000 $650",
    ("Queries stop after 30 seconds on 200 tables.", "30 seconds"): "50_seconds 90_s 30_minutes",
    ("It takes schemas of up to 200 tables in 30 seconds.", "200"): "500 2,000 250",
    ("It reads 1,000 words a second.", "1,000"): "10,000 1,500 900",
    ("Of 600 cases, scans were right in 81.6%.", "81.6%"): "91.6% 86.1% 71.6%",
    ("Of 600 hand-labelled cases 38% failed.", "600"): "900 6,000 660 1,600",
    ("A device costs $3 a month, and 81.6% of scans are right.", "$3"): "$5 $8 $13 $30",
    ("The plan holds two million pages for $600.", "two million"): "five_million 20_million",
}


def test_planted_wrong_figures_are_still_warnings() -> None:
    missed, planted = [], 0
    for (text, stated), wrong in PLANTED.items():
        assert not [one for one in notes(text) if one[0] == "warning"], text
        for figure in wrong.split():
            changed = text.replace(stated, figure.replace("_", " "))
            planted += 1
            if "warning" not in {severity for severity, _ in notes(changed)}:
                missed.append((changed, notes(changed)))
    assert len(missed) <= 0.1 * planted, missed
