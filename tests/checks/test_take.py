"""All checks together: for any text, in order, and for a whole catalog in time."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panel.checks import OtherTools, check_catalog, check_take
from tests.support.check_subjects import a_take, a_tool
from tests.support.counting import calls, growth, lines
from tests.support.large_catalogs import many_takes
from tests.support.sizes import size

ENDS = ("verdict-contradicted",)
OTHERS = OtherTools([a_tool(), a_tool("Bellowfax", "17.9 seconds on 3,450 pages.")])
WORDS = (
    "I tried it Apache 2.0 MIT (CC BY-NC) Command R+ Bellowfax 17.9 $0.30 94.1% 128K four `x y` "
    "ship skip would not if . , ; “ ” — ’s 2026 June \u202e \u00a0 İ ß ﬁ ½ ² Ⅷ 👩\u200d💻 e\u0301"
)
TEXTS = st.text(max_size=300) | st.lists(st.sampled_from(WORDS.split()), max_size=60).map(" ".join)


@settings(max_examples=size(60, 300), deadline=None)
@given(
    TEXTS, TEXTS.filter(str.strip), st.lists(TEXTS, max_size=2), st.sampled_from(["ship", "skip"])
)
def test_any_text_gets_findings_whose_spans_are_parts_of_it(
    text: str, description: str, evidence: list[str], verdict: str
) -> None:
    described = description.replace("\0", "") or "x"
    tool = a_tool().model_copy(update={"description": described})
    subject = a_take(text, tool, verdict=verdict, evidence=tuple(evidence))
    findings = check_take(subject, OTHERS)
    findings += [one for some in check_catalog([subject] * 4).values() for one in some]
    for finding in findings:
        if finding.span is not None:
            start, end = finding.span
            assert 0 <= start < end <= len(text)
            assert finding.quote == text[start:end]
        if finding.source_span is not None:
            start, end = finding.source_span
            assert 0 <= start < end <= len(described)
        assert finding.message and finding.remedy


def test_findings_come_in_the_order_of_their_places() -> None:
    text = "I tried it. It costs $77, and Copilot is MIT licensed. A game-changer. I would skip it."
    findings = check_take(a_take(text), [])
    places = [finding.span or (-1, -1) for finding in findings]
    assert places == sorted(places) and len(places) >= 5


@pytest.mark.parametrize(
    "text",
    [
        "It took me ten minutes.",
        "I tried it on my laptop and I ran it for a week, in our tests.",
        "I ran Copilot for two weeks.",
        "It costs $77. For $77 one gets more elsewhere.",
        "About 87.5% is claimed.",
    ],
)
def test_no_words_and_no_claim_are_told_twice(text: str) -> None:
    findings = [
        one for one in check_take(a_take(text), OTHERS) if one.span and one.check not in ENDS
    ]
    spans = [one.span for one in findings if one.span]
    assert len({one.check for one in findings}) == len(findings) >= 1
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), findings


ODD = (
    *("A ", "CC BY ", "A Apache 2.0 ", "9 ", "9,", "12 June ", "I ran Tool at ", "A(", "no x, "),
    *(
        " ",
        "\n",
        "A",
        "-",
        "\"'",
        "\u201c\u2018",
        "1",
        "1,000,",
        "ship ",
        "I ship ",
        "would ",
        "MIT ",
    ),
    *(".", ". ", "A.", "MIT licensed A+++!", "I found", "I found " + " " * 40),
    *("Apache License ", "no reason to skip ", "\u201cseamless ", "a third ", "two hundred and "),
    *(
        "hundred and ",
        "8 GB ",
        "Bellowfax ",
        "I tried it ",
        "`x",
        "1. ",
        "CC BY Apache ",
        "$ ",
        "Apache 9",
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ODD)
@pytest.mark.timeout(size(60, 600))
def test_an_odd_text_longer_than_any_take_keeps_the_checks_busy_for_no_minute(piece: str) -> None:
    """Takes are foreign text: what takes minutes is stopped by the timeout.

    At full size five times the text has ten times the seconds, for a machine that is busy.
    """
    length = size(30_000, 150_000)
    check_take(a_take((piece * length)[:length]), OTHERS)


@pytest.mark.slow
def test_the_work_of_checking_a_catalog_grows_in_line_with_it() -> None:
    def checking(count: int) -> Callable[[], None]:
        made, subjects = many_takes(count)

        def work() -> None:
            others = OtherTools(made)
            for subject in subjects:
                check_take(subject, others)
            check_catalog(subjects)

        return work

    assert growth(checking, size(10, 250)) < 2.5


WRITTEN = {
    "sums": "{a},{b} x 13 = {a},{c}. ",
    "sums that are one": "{a}{b} + {b}3 = {c}{a}, ",
    "figures": "It has {a},{b} rows. ",
    "percentages": "Of all, {a}.{b}% are read. ",
    "times": "It takes {a}.{b} seconds. ",
    "supposed prices": "If it cost ${a}.{b}, who would pay? ",
    "prices": "A page costs ${a}.{b}. ",
    "years to come": "If so, in 2{b} it would be done. ",
    "dates": "It was 2{b}-05-17 then. ",
    "prices of pages": "$0.40 x {a}{b} pages = $7{b}. ",
    "names": "The Abc{a}{b}x tool. ",
    "names within names": "The Abc{a}{b} tool. | yabc{a}{b}z. ",
}


@pytest.mark.slow
@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_the_work_grows_in_line_with_the_take_and_the_description(written: str) -> None:
    """It was the product of the two: a long description kept a long take for a minute."""

    def work(count: int) -> int:
        def text(written: str, first: int) -> str:
            numbers = range(first, first + count)
            parts = (
                written.format(a=n % 89 + 10, b=n * 7 % 900 + 100, c=n % 800 + 101) for n in numbers
            )
            return "About $0.40 per 1k pages. " + "".join(parts)

        take, _, shown = written.partition("|")
        subject = a_take(text(take, 5), a_tool(description=text(shown or take, 400)))
        return lines(lambda: check_take(subject, []))

    assert work(800) < 2.6 * work(400)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("take", "description"), [("{}% ", "Half. "), ("{}% ", "9% "), ("三千{}", "9% ")]
)
def test_a_take_full_of_figures_is_not_set_against_all_sums_of_a_description(
    take: str, description: str
) -> None:
    """Of nearly three thousand figures each was tried in sums with all that the tool states."""
    text = "".join(take.format(number) for number in range(1000, 3700))
    subject = a_take(text, a_tool(description=description * 2000))
    assert calls(lambda: check_take(subject, [])) < 7_000_000
