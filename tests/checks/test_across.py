"""What shows across takes only: near-duplicates and worn openings."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from panel.checks import Finding, check_catalog, worn_elsewhere
from tests.support.check_subjects import PERSONAS, a_take, a_tool
from tests.support.labelled_takes import takes

FIRST = takes("development")[0].subject.text
SECOND = takes("development")[6].subject.text


def checks(found: dict[int, list[object]], check: str) -> dict[int, str]:
    return {
        index: one.severity  # type: ignore[attr-defined]
        for index, findings in found.items()
        for one in findings
        if one.check == check  # type: ignore[attr-defined]
    }


def test_the_same_take_on_two_tools_is_an_error_on_both_though_the_name_was_changed() -> None:
    one = a_take(f"Anvilo. {FIRST}")
    two = a_take(f"Bellowfax. {FIRST}", a_tool("Bellowfax"))
    found = check_catalog([one, a_take(SECOND), two])
    assert checks(found, "near-duplicate") == {0: "error", 2: "error"}
    assert "Bellowfax" in found[0][0].message and found[0][0].quote == ""


def test_a_take_with_some_words_changed_is_a_warning() -> None:
    words = FIRST.split()
    for place in range(0, len(words), 12):
        words[place] = "otherwise"
    found = check_catalog([a_take(FIRST), a_take(" ".join(words), a_tool("Bellowfax"))])
    assert checks(found, "near-duplicate") == {0: "warning", 1: "warning"}


def test_a_take_is_told_of_one_that_is_closer_to_another() -> None:
    half = FIRST.split()
    half[: len(half) // 4] = SECOND.split()[: len(half) // 4]
    others = [a_take(FIRST, a_tool(name)) for name in ("Anvilo", "Bellowfax")]
    found = check_catalog([*others, a_take(" ".join(half), a_tool("Cogwheel"))])
    assert checks(found, "near-duplicate") == {0: "error", 1: "error", 2: "warning"}


def test_takes_of_the_same_personas_on_other_tools_are_not_alike() -> None:
    labelled = [*takes("development"), *takes("held-out")]
    found = check_catalog([one.subject for one in labelled])
    assert checks(found, "near-duplicate") == {}


@pytest.mark.slow
def test_one_copy_is_found_among_thousands_of_takes() -> None:
    pick = random.Random(7)
    words = FIRST.split() + SECOND.split()
    many = [a_take(" ".join(pick.choices(words, k=100))) for _ in range(3000)]
    many.insert(1234, a_take(FIRST))
    many.append(a_take(FIRST + " Indeed.", a_tool("Bellowfax")))
    assert set(checks(check_catalog(many), "near-duplicate")) == {1234, 3001}


NAMES = ("Anvilo", "Bellowfax", "Crane Desk")
RESTS = ("parser of rows.", "queue that waits for letters.", "lamp above the till, lit by hand.")
ALIKE = [
    a_take(f"{name} is, at heart, a {rest}", a_tool(name))
    for name, rest in zip(NAMES, RESTS, strict=True)
]


def test_an_opening_that_three_takes_of_a_persona_share_is_one_finding_that_lists_them() -> None:
    found = check_catalog([a_take(SECOND, a_tool("Dray")), *ALIKE])
    assert checks(found, "worn-opening") == {1: "warning"}
    (finding,) = [one for one in found[1] if one.check == "worn-opening"]
    assert finding.span and ALIKE[0].text[slice(*finding.span)] == finding.quote
    assert finding.quote.startswith("Anvilo") and "“the tool is at heart”" in finding.message
    assert "3 of 4 takes" in finding.message and finding.message.endswith(": " + ", ".join(NAMES))
    assert finding.tools == ("anvilo", "bellowfax", "crane-desk")
    assert check_catalog(ALIKE[:2]) == {}


def test_who_looks_at_one_take_is_told_what_it_shares_with_an_earlier_one() -> None:
    subjects = [*ALIKE, a_take(SECOND, a_tool("Dray"))]
    found = check_catalog(subjects)
    (finding,) = found[0]
    assert worn_elsewhere(subjects, found, [1, 2]) == {0: [finding]}
    assert worn_elsewhere(subjects, found, [0, 1]) == worn_elsewhere(subjects, found, [3]) == {}


def test_an_opening_of_very_many_takes_names_a_few_of_them_and_counts_the_rest() -> None:
    many = [
        a_take(f"Here we have a parser of {number} parts.", a_tool(f"Tool {number}"))
        for number in range(30)
    ]
    (finding,) = [one for one in check_catalog(many)[0] if one.check == "worn-opening"]
    assert len(finding.tools) == 30 and finding.message.endswith("Tool 7 and 22 more")


def test_takes_are_alike_by_the_sequences_they_share_and_by_nothing_else() -> None:
    """Also around the bound, and for takes of more sequences than are told apart at first."""
    pick = random.Random(11)
    for length in (150, 4000):
        words = [f"w{number}" for number in range(length)]
        other = [f"v{number}" for number in range(length)]
        for kept in range(length // 4, length, max(1, length // 12)):
            mixed = words[:kept] + other[kept:]
            common = kept - 2
            share = common / (2 * (length - 2) - common)
            pick.shuffle(other)
            found = check_catalog([a_take(" ".join(words)), a_take(" ".join(mixed))])
            expected = {0, 1} if share >= 0.42 else set()
            assert set(checks(found, "near-duplicate")) == expected, (length, kept)


def test_openings_are_counted_by_persona() -> None:
    ids = ("builder", "skeptic", "futurist")
    subjects = [
        a_take(f"What settles it is the {id_} and {id_} words.", persona=PERSONAS[id_])
        for id_ in ids
    ]
    assert checks(check_catalog(subjects), "worn-opening") == {}


def test_nothing_and_empty_takes_are_no_trouble() -> None:
    assert check_catalog([]) == {}
    assert check_catalog([a_take(""), a_take(""), a_take("one two"), a_take("")]) == {}


def worn(texts: Sequence[str], check: str, persona: str = "skeptic") -> list[Finding]:
    """Return the findings of one check on takes of one persona, each on another tool."""
    names = ["Anvilo", "Bellowfax", "Crane Desk", "Dray 2.0", "Ewer", "Flint"]
    takes = [
        a_take(text.format(name=name), a_tool(name), PERSONAS[persona])
        for text, name in zip(texts, names, strict=False)
    ]
    found = check_catalog(takes).values()
    return [one for findings in found for one in findings if one.check == check]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (
            [
                "No method is given. A public rerun would move me to ship.",
                "The limits are vague. An error rate by accent could bring me to ship.",
                "Silence is counted. One log of misses, unedited, would turn me to ship.",
            ],
            "me to ship",
        ),
        (
            [
                "It is closed at both ends, so I skip.",
                "Late, so I skip!",
                "No price is set; so I skip",
            ],
            "so I skip",
        ),
        (
            [
                "The record outlives the model, and that makes it a ship.",
                "Its format is plain: that makes it a ship.",
                "Nothing is hidden, which makes it a ship.",
            ],
            "makes it a ship",
        ),
        (
            [
                "Plain files earn a place for {name}.",
                "Ten rows, a place for {name}.",
                "A place for {name}.",
            ],
            "place for {name}",
        ),
        (
            [
                "It fails within 12 months.",
                "Gone, I fear, within 18 months.",
                "Sold within 9 months.",
            ],
            "within 12 months",
        ),
        (["Open, so ship.", "Cheap as it is, so ship.", "It is early, so ship."], "so ship"),
    ],
)
def test_an_ending_that_three_takes_of_a_persona_share_is_one_finding(
    texts: list[str], words: str
) -> None:
    (finding,) = worn(texts, "worn-closing")
    assert finding.severity == "warning" and "3 of 3 takes" in finding.message
    assert finding.quote == words.format(name="Anvilo")
    assert finding.tools == ("anvilo", "bellowfax", "crane-desk")
    assert worn(texts[:2], "worn-closing") == []


@pytest.mark.parametrize(
    "texts",
    [
        ["The price is fair: skip.", "Nobody pays: skip.", "Its copy is grand: skip."],
        ["A wall is a skip.", "No exit is a skip.", "A sealed core is a skip."],
        ["I would ship it now.", "Hence, cautiously, a ship.", "On balance it earns one."],
    ],
)
def test_the_verdict_alone_is_no_worn_ending(texts: list[str]) -> None:
    assert worn(texts, "worn-closing") == []


@pytest.mark.parametrize(
    ("texts", "quote"),
    [
        (
            [
                "By 2028 a court will ask for it, in writing, before any trial.",
                "By 2029, two banks publish their misses.",
                "By 2031 most phones hold a model.",
            ],
            "By 2028",
        ),
        (
            [
                "{name} is a hosted store of letters.",
                "{name} is a hosted queue for the desk.",
                "{name} is a hosted lamp.",
                "{name} is a hosted voice.",
            ],
            "Anvilo is a hosted",
        ),
        (
            [
                "{name}’s weak point is money, and it shows.",
                "{name}'s weak point is speed.",
                "{name}’s weak point is its maker.",
            ],
            "Anvilo’s weak point is",
        ),
        (
            [
                "For 3 euros one gets a row.",
                "For 90 euros one buys a lamp.",
                "For 7 euros one waits.",
            ],
            "For 3 euros one",
        ),
    ],
)
def test_the_tools_name_and_figures_do_not_hide_a_worn_opening(
    texts: list[str], quote: str
) -> None:
    (finding,) = worn(texts, "worn-opening")
    assert finding.quote == quote and len(finding.tools) == len(texts)


def test_a_first_name_stands_for_a_tool_of_several_words() -> None:
    texts = ["{name} reads old rows.", "{name} reads old rows.", "Crane reads old rows."]
    assert worn(texts, "worn-opening")[0].tools[-1] == "crane-desk"
