"""Words in quotation marks stand in the source: nobody is quoted who did not say it."""

from __future__ import annotations

import pytest

from panel.checks import check_take, find_quote
from panel.text import sentence_ends
from tests.support.check_subjects import a_take, a_tool, found, said
from tests.support.labelled_takes import FOLDER, tools

CHECK = "quote-outside-source"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "The vendor says: “Everything is free forever.” I doubt it.",
            "Everything is free forever.",
        ),
        (
            'By its own page, "your files never leave the house", says the maker.',
            "your files never leave the house",
        ),
        ("Anvilo calls itself 'the last parser you will need'.", "the last parser you will need"),
        (
            "Its promise, ‘the vendor’s own people read nothing’, is large.",
            "the vendor’s own people read nothing",
        ),
        (
            "According to the description, „alles bleibt immer bei Ihnen“.",
            "alles bleibt immer bei Ihnen",
        ),
        (
            "L’éditeur écrit : « tout est gratuit pour toujours ».",
            "tout est gratuit pour toujours",
        ),
        ("Even the tagline (“rows and no lines at all”) is short.", "rows and no lines at all"),
        ("They claim “support for all of us”.", "support for all of us"),
        ("The page says 「すべて永久に無料です」 and no more.", "すべて永久に無料です"),
        ("The page claims “support answers within 2 hours”.", "support answers within 2 hours"),
    ],
)
def test_words_that_the_vendor_is_said_to_have_said_and_did_not_are_an_error(
    text: str, words: str
) -> None:
    """Whatever the quotation marks, and whether who says it stands before or after."""
    assert said(found(text, CHECK)) == [("error", words)]


@pytest.mark.parametrize(
    "text",
    [
        "The vendor says: “It is one binary under Apache 2.0, needs 4 GB of memory”. Good.",
        'It "reads JSON lines … writes TYPED Parquet", says the page.',
        "The page promises “[the tool] never guesses” and “Unlike Tablecrow, it never guesses.”",
        'A “set and forget” tool; it says “free”. The "typed" rows, and 12" of "paper".',
        "The entry says “Rows out of lines”, which is its tagline.",
        "It's the vendors' say, not the users' or the teams' who don't read it.",
        'Run `panel "one two three four"` as the page says.',
    ],
)
def test_words_of_the_source_terms_and_code_are_no_finding(text: str) -> None:
    """Marks, case, ellipses and what is put in brackets do not count."""
    assert found(text, CHECK) == []


def test_a_tools_name_is_the_vendors_as_a_whole_word_alone() -> None:
    text = "The tax says “we delete your files at night”."
    told = check_take(a_take(text, a_tool("Ax")), [])
    assert [one.severity for one in told if one.check == CHECK] == ["warning"]
    told = check_take(a_take("By night, Ax says “we delete your files”.", a_tool("Ax")), [])
    assert [one.severity for one in told if one.check == CHECK] == ["error"]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("A sceptic calls this “one more parser among many”.", "warning"),
        ("The page never says “we delete your files at night”.", "note"),
        ("If the page said: “we delete your files at night”, I would ship.", "note"),
        ("A sentence such as “we delete your files at night” would move me.", "note"),
        ("A clerk at a clinic says “where is my second file”.", "note"),
        ("The vendor wrote “fastest of all the parsers” [unverified].", "note"),
        ("The page lists twelve formats, which is “a lot for one small team”.", "warning"),
        ("“A lot for one small team”, and the page says nothing on the price.", "warning"),
        ("What I miss is a line like “we delete your files at night”.", "note"),
        ("A short mail, “the heating is off again”, waits.", "note"),
        ("Ask it “which of my files are broken?” and wait.", "note"),
    ],
)
def test_words_of_nobody_in_particular_are_a_warning_and_supposed_ones_a_note(
    text: str, severity: str
) -> None:
    assert [one.severity for one in found(text, CHECK)] == [severity]


def test_a_quotation_that_says_it_otherwise_points_to_the_place_in_the_description() -> None:
    text, tool = "The page states “needs 8 GB of memory and handles files”.", a_tool()
    (finding,) = found(text, CHECK, tool)
    assert "needs 4 GB of memory" in finding.message
    assert finding.source_span is not None
    assert "4 GB" in tool.description[slice(*finding.source_span)]
    assert find_quote("needs 4 GB of memory and handles files", tool) is not None


def test_figures_and_names_in_a_false_quotation_are_told_once() -> None:
    text = "The vendor writes “Stripe saves 73 percent with our parser”."
    assert len([*found(text, CHECK), *found(text, "number-outside-source")]) == 1
    assert found(text, "name-outside-source") == []


def test_real_descriptions_may_be_quoted_and_only_by_their_own_vendor() -> None:
    """A sentence of each, said to be the vendor's, is right there and an error of its neighbour."""
    catalog = [*tools(FOLDER).values(), *tools(FOLDER / "second").values()]
    sentences = [
        " ".join(each.description[: next(sentence_ends(each.description))].split())
        for each in catalog
    ]
    for tool, own, other in zip(catalog, sentences, [*sentences[7:], *sentences[:7]], strict=True):
        if '"' not in own:
            assert found(f"The vendor says: “{own}”", CHECK, tool) == []
        if own != other and len(other.split()) > 4:
            assert said(found(f"The vendor says: “{other}”", CHECK, tool)) == [("error", other)]
