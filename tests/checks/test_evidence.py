"""Evidence quotes are located in the description, and what is altered in them is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from panel.checks import check_take, find_quote, locate_evidence, published_quotes, shown_source
from panel.checks.folding import folded
from panel.text import clean
from panel.workspace.prompts import load_prompts
from tests.support.check_subjects import DESCRIPTION, a_take, a_tool
from tests.support.labelled_takes import tools
from tests.support.space import ROOT


def shown(quote: str) -> str | None:
    span = locate_evidence(quote, DESCRIPTION)
    return None if span is None else DESCRIPTION[slice(*span)]


def test_the_same_quote_is_looked_for_in_each_tool() -> None:
    quote = "It is one binary under Apache 2.0"
    for description, checks in [(DESCRIPTION, []), ("It is a service.", ["evidence-not-found"])]:
        take = a_take("", a_tool(description=description), evidence=(quote, quote))
        found = [one.check for one in check_take(take, []) if one.check.startswith("evidence")]
        assert found == checks


@pytest.mark.parametrize(
    ("quote", "place"),
    [
        ("It is one binary under Apache 2.0", "It is one binary under Apache 2.0"),
        ("it is ONE  binary\nunder Apache 2.0.", "It is one binary under Apache 2.0"),
        ("“It is one binary under Apache 2.0”", "It is one binary under Apache 2.0"),
        ("reads JSON lines … typed Parquet", "reads JSON lines and writes typed Parquet"),
        ("reads JSON lines [...] typed Parquet", "reads JSON lines and writes typed Parquet"),
        ("handles files up to 128K rows", "handles files of up to 128K rows"),
        ("Suport answers within 24 hours", "Support answers within 24 hours"),
    ],
)
def test_a_quote_is_found_whatever_its_dress(quote: str, place: str) -> None:
    assert shown(quote) == place


@pytest.mark.parametrize(
    "quote",
    ["", "…", "  ", "it beats every other parser by far", "cat", "Parquet … JSON lines", "?!"],
)
def test_what_does_not_stand_there_is_not_found(quote: str) -> None:
    assert shown(quote) is None


def test_dashes_and_apostrophes_do_not_count() -> None:
    text = "It’s a three–year plan — free."
    assert locate_evidence("it's a three-year plan", text) == (0, 22)


def checks(quote: str) -> list[tuple[str, str, tuple[int, int] | None]]:
    findings = check_take(a_take("A ship.", evidence=(quote,)), [])
    return [(f.check, f.severity, f.source_span) for f in findings if "evidence" in f.check]


def test_a_true_quote_is_no_finding() -> None:
    assert checks("needs 4 GB of memory") == []
    assert checks("Rows out of lines") == [], "the tagline was shown to the persona, too"


def test_an_invented_quote_is_an_error() -> None:
    assert checks("trusted by nine of ten banks") == [("evidence-not-found", "error", None)]


@pytest.mark.parametrize(
    "quote",
    ["94.7% of cells were exact", "It is not one binary under Apache 2.0", "needs 8 GB of memory"],
)
def test_another_number_or_a_lost_never_is_an_error_with_its_place(quote: str) -> None:
    ((check, severity, place),) = checks(quote)
    assert (check, severity) == ("evidence-altered", "error") and place is not None


@pytest.mark.parametrize(
    ("description", "severities"),
    [
        ("It does not read scans. On a server it can read scans.", []),
        ("It does not read scans, and it will never read scans.", ["error"]),
        ("読みます not。read scans", []),
        ("It can not. Read scans at home.", []),
        (f"{'It will not read scans. ' * 30}", ["error"]),
    ],
)
def test_a_quote_is_altered_only_where_every_place_of_it_has_a_not_before_it(
    description: str, severities: list[str]
) -> None:
    take = a_take("A ship.", a_tool(description=description), evidence=("read scans",))
    findings = [one for one in check_take(take, []) if one.check.startswith("evidence")]
    assert [one.severity for one in findings] == severities


@pytest.mark.parametrize("quote", ["4 GB of memory", "handles up to 128", "needs 14 GB of mem"])
def test_a_quote_that_begins_or_ends_inside_a_word_is_none_letter_for_letter(quote: str) -> None:
    tool = a_tool(description="It needs 14 GB of memory. It handles up to 128,000 rows.")
    findings = check_take(a_take("A ship.", tool, evidence=(quote,)), [])
    assert [one.check for one in findings if one.check.startswith("evidence")]


def test_a_verdict_without_any_quote_is_said_unless_an_editor_wrote_it() -> None:
    assert checks_of(beats={"primitive": "A ship."}) == ["evidence-missing"]
    assert checks_of(beats={}) == []


def checks_of(beats: dict[str, str]) -> list[str]:
    findings = check_take(a_take("A ship.", beats=beats), [])
    return [finding.check for finding in findings if finding.check.startswith("evidence")]


@given(st.text(max_size=80), st.text(max_size=200))
def test_a_place_lies_inside_any_description(quote: str, description: str) -> None:
    span = locate_evidence(quote, description)
    assert span is None or 0 <= span[0] < span[1] <= len(description)


@given(st.text(max_size=120), st.integers(0, 120), st.integers(1, 60))
def test_every_cut_of_a_text_of_whole_words_is_found(text: str, start: int, size: int) -> None:
    words = clean(text).split()  # as the page shows it
    quote = " ".join(words[start : start + size])
    if any(map(str.isalnum, quote)) and not any(mark in quote for mark in ("…", "...", "⋯")):
        assert locate_evidence(quote, text) is not None


@given(st.text())
def test_folding_keeps_a_place_for_every_letter(text: str) -> None:
    one = folded(text)
    assert len(one.text) == len(one.places)
    assert list(one.places) == sorted(one.places)
    assert all(0 <= place < len(text) for place in one.places)
    assert one.text == one.text.strip() and "  " not in one.text


def test_evidence_is_looked_for_in_the_whole_record() -> None:
    tool = a_tool(pricing={"entry": "$5", "plans": [{"name": "Pro", "price": "$5 a month"}]})
    findings = check_take(a_take("A ship.", tool, evidence=("$5 a month",)), [])
    assert not any(finding.check.startswith("evidence") for finding in findings)


PRICED = a_tool(
    name="Sieve",
    tagline="Rows out of lines",
    category="Data",
    released="2026-05-04",
    tags=["parquet"],
    pricing={
        "entry": "$5 a month",
        "plans": [{"name": "Team", "price": "$25 per seat", "includes": "single sign-on"}],
    },
    description="Sieve is free to try. Each seat costs $30 per seat. It does not run offline.",
)


@pytest.mark.parametrize(
    ("quote", "field"),
    [
        ("Sieve is free to try", "Description"),
        ("Rows out of lines", "Tagline"),
        ("$5 a month", "Entry price"),
        ("Entry price: $5 a month", "Entry price"),
        ("Team, $25 per seat, single sign-on", "Plan"),
        ("$25 per seat", "Plan"),
        ("Category: Data", "Category"),
        ("2026-05-04", "Released"),
        ("parquet", "Tags"),
    ],
)
def test_a_quote_from_any_field_that_was_shown_is_found_there_and_is_no_finding(
    quote: str, field: str
) -> None:
    found = find_quote(quote, PRICED)
    assert found is not None and found.exact and not found.altered
    places = [each.label for each in shown_source(PRICED).fields if each.cut(found.span)]
    assert places == [field]
    assert published_quotes((quote,), PRICED) == (quote,)
    findings = check_take(a_take("A ship.", PRICED, evidence=(quote,)), [])
    assert not any(finding.check.startswith("evidence") for finding in findings)


@pytest.mark.parametrize(
    "quote",
    [
        "trusted by nine of ten banks",
        "$35 per seat, each seat",
        "It does run offline",
        "It does … run offline",
        "",
        "…",
    ],
)
def test_words_that_the_source_does_not_say_are_never_the_vendors(quote: str) -> None:
    assert published_quotes((quote, "Sieve is free to try"), PRICED) == ("Sieve is free to try",)
    findings = check_take(a_take("A ship.", PRICED, evidence=(quote,)), [])
    assert [f.severity for f in findings if f.check.startswith("evidence")] == ["error"]


def test_a_quote_with_slips_is_published_in_the_words_of_the_source() -> None:
    quotes = ("sieve is FREE  to try!", "Each seat cossts $30 per seat", "Sieve is free to try")
    assert published_quotes((*quotes, quotes[0]), PRICED) == (
        "sieve is FREE  to try!",
        "Each seat costs $30 per seat",
        "Sieve is free to try",
    )


@given(st.text(max_size=60))
def test_what_is_published_stands_in_the_source_letter_for_letter(quote: str) -> None:
    for words in published_quotes((quote, f"Sieve {quote}", f"free to try {quote[:3]}"), PRICED):
        parts = [folded(part).text.strip(" .,;:!?'\"()[]*_-") for part in words.split("…")]
        whole = folded(shown_source(PRICED).text).text
        assert all(part in whole for part in parts)


MARKED = a_tool(
    name="Kiln",
    tagline="Sorts letters, café menus & forms",
    category="Data",
    released="2026-04-09",
    pricing={
        "entry": "$3 per merged upgrade",
        "plans": [
            {"name": "Hosted", "price": "$18 per reviewer and month", "includes": "audit report"},
            {"name": "Team", "price": "$12 per seat"},
        ],
    },
    description="""# Kiln

Kiln **sorts** letters with `kiln sort`, see [the manual](https://kiln.example/m?a=1) &amp; its
<b>three</b> examples.<br>It does not read hand\u00adwriting.

| Script | Cells exact |
|---|---|
| Latin | 94.1% |
| Greek | 81.6% |

- reads PDF and TIFF
- up to 128K rows, about 40 pages a minute

> “One folder in, one folder out” — users’ own words.

請求書の金額を読み取ります。手書きには対応していません。 Работает без сети и аккаунта.""",
)


@pytest.mark.parametrize(
    "quote",
    [
        "Entry price: $3 per merged upgrade",
        "Entry price - $3 per merged upgrade",
        "Price: $3 per merged upgrade",
        "Plan: Hosted, $18 per reviewer and month, audit report",
        "Plan: Team, $12 per seat",
        "Team: $12 per seat",
        "Hosted ($18 per reviewer and month)",
        "Released: 2026-04-09",
        "Category: Data",
        "Tagline: Sorts letters, cafe menus & forms",
        "Category: Data\nEntry price: $3 per merged upgrade",
        "Category: Data; Plan: Team, $12 per seat",
        "Entry price: $3 per merged upgrade. Released: 2026-04-09",
        "$12 per seat\n\nReleased: 2026-04-09",
        "Kiln sorts letters with kiln sort, see the manual & its three examples",
        "Kiln **sorts** letters with `kiln sort`",
        "see [the manual](https://kiln.example/m?a=1)",
        "the manual &amp; its <b>three</b> examples",
        "its three examples. It does not read handwriting.",
        "does not read hand\u00adwriting",
        "Latin 94.1%",
        "Latin | 94.1% | Greek | 81.6%",
        "Latin: 94.1%, Greek: 81.6%",
        "Script, Cells exact",
        "reads PDF and TIFF; up to 128K rows",
        '"One folder in, one folder out" - users\' own words',
        "One folder in … own words",
        "one folder in . . . own words",
        "手書きには対応していません",
        "Работает без сети",
        "Ｋｉｌｎ ｓｏｒｔｓ ｌｅｔｔｅｒｓ",
        "café menus",
        "cafe\u0301 menus",
        "９４．１％",
    ],
)
def test_a_quote_of_what_was_shown_is_no_finding_whatever_its_marks(quote: str) -> None:
    found = find_quote(quote, MARKED)
    assert found is not None and found.exact and not found.altered
    assert evidence_findings(quote) == []
    (words,) = published_quotes((quote,), MARKED)
    assert words == quote or not any(mark in words for mark in ("**", "<b>", "](", "|", "\u00ad"))


@pytest.mark.parametrize(
    "quote",
    [
        "Entry price: $5 per merged upgrade",
        "Entry price: €3 per merged upgrade",
        "Entry price: $3 per opened upgrade",
        "Plan: Hosted, $18 per reviewer and year",
        "Plan: Team, $18 per reviewer and month",
        "Plan: Enterprise, price on request",
        "Released: 2025-04-09",
        "Category: Finance",
        "It does read handwriting",
        "read handwriting",
        "It does not read PDF and TIFF",
        "Latin 81.6%",
        "its four examples",
        "up to 256K rows, about 40 pages a minute",
        "up to 128K rows, about 40 pages an hour",
        "128K rows, only 40 pages a minute",
        "Kiln sorts invoices with kiln sort, see the manual",
        "One folder in, two folders out",
        "trusted by nine of ten banks",
        "Kiln sorts letters with kiln sort and is free for commercial use",
        "Работает без сети и пароля на телефоне",
    ],
)
def test_an_invented_or_altered_quote_is_an_error(quote: str) -> None:
    assert evidence_findings(quote) == ["error"]
    assert published_quotes((quote,), MARKED) == ()


def evidence_findings(quote: str) -> list[str]:
    findings = check_take(a_take("A ship.", MARKED, evidence=(quote,)), [])
    return [one.severity for one in findings if one.check.startswith("evidence")]


@pytest.mark.parametrize("slug", sorted(tools()))
def test_every_line_that_the_template_shows_of_a_tool_is_found_as_a_quote(slug: str) -> None:
    asked = load_prompts(ROOT / "prompts").review_text(tools()[slug])
    lines = asked.split("=====")[2].strip().splitlines()
    for first, second in zip(lines, [*lines[1:], ""], strict=True):
        for quote in (first, f"{first}\n{second}"):
            if any(map(str.isalnum, quote)):
                found = find_quote(quote, tools()[slug])
                assert found is not None and found.exact, quote


@pytest.mark.parametrize("word", ["a ", "1,", "MIT ", "$1 ", "9% "])
def test_a_long_quote_is_set_beside_a_part_of_a_long_description_alone(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside all of it, eight quotes that nearly stood everywhere took half a minute."""
    compared: list[int] = []
    align = fuzz.partial_ratio_alignment

    def counted(one: str, two: str, **more: Any) -> Any:
        compared.append(len(one) ** 2 // 64 * len(two))
        return align(one, two, **more)

    monkeypatch.setattr(fuzz, "partial_ratio_alignment", counted)
    tool = a_tool(description=word * (100_000 // len(word)))
    find_quote("zebra " + word * (950 // len(word)), tool)
    assert compared and max(compared) < 200_000_000
    find_quote("zebra " + word * (19_000 // len(word)), tool)  # in a journal from elsewhere
    assert max(compared) < 200_000_000


def test_a_slip_in_a_long_quote_is_forgiven_in_a_description_of_any_length() -> None:
    filler = "It reads JSON lines and writes Parquet, and says nothing of its limits. " * 600
    passage = " ".join(
        f"Step {word} keeps the {word} ledger tidy." for word in map(_spelled, range(25))
    )
    tool = a_tool(description=f"{filler}{passage} {filler}")
    found = find_quote(passage.replace("tidy.", "tidyy.", 3), tool)
    assert found is not None and found.words == passage.removesuffix(".") and not found.exact


def _spelled(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number * 7919))
