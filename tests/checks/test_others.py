"""Another tool's name or figures in this tool's take."""

from __future__ import annotations

from panel.checks import OtherTools, check_take
from tests.support.check_subjects import a_take, a_tool, found, said

BELLOW = a_tool("Bellowfax", "Bellowfax answers in 17.9 seconds on 3,450 pages.")
CRANE = a_tool("Crane Desk", "It handles 3,450 pages, too, for $7.")
OTHERS = [a_tool(), BELLOW, CRANE]


def test_another_tools_name_is_a_warning() -> None:
    assert said(found("It is like Bellowfax's.", "other-tools-fact", others=OTHERS)) == [
        ("warning", "Bellowfax")
    ]
    assert said(found("See Crane Desk.", "other-tools-fact", others=OTHERS))[0][1] == "Crane Desk"


def test_a_telling_figure_of_just_one_other_tool_is_a_warning_that_names_it() -> None:
    (finding,) = found("It waits 17.9 seconds.", "other-tools-fact", others=OTHERS)
    assert finding.severity == "warning" and "Bellowfax" in finding.message
    assert found("It reads 3,450 pages.", "other-tools-fact", others=OTHERS) == [], "two have it"
    assert said(found("It reads 3,450 pages.", "number-outside-source", others=OTHERS))


def test_a_common_figure_points_at_no_tool() -> None:
    common = "It keeps files for 30 days or a year, answers within 24 hours on 128K rows, for $20."
    others = [a_tool(), a_tool("Crane Desk", common)]
    for text in (
        "Files stay 30 days.",
        "An answer takes 24 hours.",
        "A year passes.",
        "It is $20.",
    ):
        assert found(text, "other-tools-fact", a_tool(description="It reads."), others) == []
    rows = found("It reads 128,000 rows.", "other-tools-fact", a_tool(description="x"), others)
    assert rows == []


def test_two_facts_of_the_same_other_tool_are_errors() -> None:
    text = "Bellowfax waits 17.9 seconds."
    assert said(found(text, "other-tools-fact", others=OTHERS)) == [
        ("error", "Bellowfax"),
        ("error", "17.9 seconds"),
    ]
    twice = "Bellowfax is one. Bellowfax it is."
    assert {one for one, _ in said(found(twice, "other-tools-fact", others=OTHERS))} == {"warning"}


def test_words_spoken_for_are_not_reported_a_second_time() -> None:
    findings = check_take(a_take("Bellowfax waits 17.9 seconds."), OTHERS)
    spans = [one.span for one in findings if one.span]
    assert len(spans) == len(set(spans)) == 2


def test_the_tools_own_name_and_names_in_its_record_are_no_findings() -> None:
    tool = a_tool(description="Unlike Bellowfax, Anvilo reads lines.")
    assert found("Anvilo is not Bellowfax.", "other-tools-fact", tool, OTHERS) == []


def test_an_index_finds_what_its_tools_do() -> None:
    text = "Bellowfax waits 17.9 seconds."
    assert check_take(a_take(text), OtherTools(OTHERS)) == check_take(a_take(text), OTHERS)
