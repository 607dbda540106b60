"""A licence is a claim about one product: the right one, under the licence the source names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.checks.mentions import licence_mentions
from tests.support.check_subjects import a_tool, found, said

ABOUT_ANOTHER = [
    "Rivals are Tablecrow and Command R+ (Apache 2.0, though weaker).",
    "Rivals are Tablecrow and Command R+, which is also Apache 2.0 yet less capable.",
    "Llama 3 (also Apache 2.0) is the nearest.",
    "Qwen2.5 is released under Apache 2.0 as well.",
    "The Apache 2.0 licensed DeepSeek-Coder is nearer.",
    "GitHub's Apache 2.0 engine does the same.",
    "Tabula, which carries the Apache 2.0 licence, is older.",
    "It stands beside Falcon 180B, likewise under Apache 2.0.",
]
OWN = [
    "It is under Apache 2.0.",
    "Anvilo is Apache 2.0.",
    "Anvilo (Apache 2.0) reads lines.",
    "The licence is plain Apache 2.0, with nothing added.",
    "Unlike Tablecrow, it is under Apache 2.0.",
    "Against Tablecrow it has one thing: the licence is Apache 2.0.",
    "One binary, Apache-2.0, and no account.",
    "The weights (Apache 2.0) are included.",
    "Everything is Apache 2.0 here.",
]


@pytest.mark.parametrize("text", ABOUT_ANOTHER)
def test_a_licence_said_of_another_product_is_an_error_though_the_words_stand_in_the_source(
    text: str,
) -> None:
    (finding,) = found(text, "licence-about-another")
    assert finding.severity == "error" and finding.quote.startswith("Apache")


@pytest.mark.parametrize("text", OWN)
def test_the_tools_own_licence_is_no_finding(text: str) -> None:
    for check in ("licence-about-another", "licence-outside-source"):
        assert found(text, check) == []


def test_what_the_description_itself_says_of_a_rival_is_no_finding() -> None:
    tool = a_tool(description="Anvilo is under Apache 2.0. Tablecrow is under GPL 3.0.")
    assert found("Tablecrow (GPL 3.0) is the rival.", "licence-about-another", tool) == []
    text = "Tablecrow (Apache 2.0) is the rival."
    assert len(found(text, "licence-about-another", tool)) == 1


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("It is MIT licensed.", "MIT licensed"),
        ("The code is GPLv3.", "GPLv3"),
        ("It comes under AGPL-3.0.", "AGPL-3.0"),
        ("Its CC BY-NC 4.0 weights are free.", "CC BY-NC 4.0"),
        ("It is under the BSD-3-Clause licence.", "BSD-3-Clause licence"),
        ("It uses the Business Source License.", "Business Source License"),
    ],
)
def test_another_licence_than_the_sources_is_an_error(text: str, quote: str) -> None:
    assert said(found(text, "licence-outside-source")) == [("error", quote)]


@pytest.mark.parametrize(
    "text",
    [
        "It is Apache 2.0, not GPL and not CC BY-NC.",
        "It is Apache 2.0 rather than AGPL.",
        "An MIT licence would move me to ship.",
        "If it went AGPL, I would skip.",
        "MIT researchers wrote the paper.",
    ],
)
def test_licences_denied_or_supposed_are_notes_at_most(text: str) -> None:
    assert {severity for severity, _quote in said(found(text, "licence-outside-source"))} <= {
        "note"
    }


def test_commercial_use_is_held_against_the_source() -> None:
    closed = a_tool(description="The weights are CC BY-NC 4.0, so commercial use is excluded.")
    assert said(found("Commercial use is allowed.", "licence-outside-source", closed)) == [
        ("error", "Commercial use is allowed")
    ]
    assert found("Commercial use is excluded.", "licence-outside-source", closed) == []
    assert said(found("It forbids commercial use.", "licence-outside-source")) == [
        ("error", "forbids commercial use")
    ]
    assert found("It permits commercial use.", "licence-outside-source") == []


def test_open_source_is_held_against_the_source() -> None:
    secret = a_tool(description="Source and model are closed. It costs $3.")
    assert said(found("Its open-source core is small.", "licence-outside-source", secret)) == [
        ("warning", "open-source")
    ]
    assert found("An open-source rival could copy it.", "licence-outside-source", secret) == []
    assert found("It is open source.", "licence-outside-source") == []


@given(st.text() | st.text(alphabet="Apache MIT GPL CC BY-NC 2.0()'s,"))
def test_any_text_is_read_and_every_mention_lies_inside(text: str) -> None:
    for mention in licence_mentions(text):
        assert 0 <= mention.span[0] < mention.span[1] <= len(text)
