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


@pytest.mark.parametrize(
    "text",
    [
        "The CC BY-NC-SA term keeps sellers away.",
        "The weights are CC BY-NC-ND 4.0.",
        "It comes under the CERN Open Hardware Licence.",
    ],
)
def test_a_licence_close_to_that_of_the_source_is_another(text: str) -> None:
    closed = a_tool(description="The weights are CC BY-NC 4.0, so commercial use is excluded.")
    (finding,) = found(text, "licence-outside-source", closed)
    assert finding.severity == "error"
    assert found("The weights are CC BY-NC 4.0.", "licence-outside-source", closed) == []


def test_open_source_is_held_against_the_source() -> None:
    secret = a_tool(description="Source and model are closed. It costs $3.")
    assert said(found("Its open-source core is small.", "licence-outside-source", secret)) == [
        ("warning", "open-source")
    ]
    assert found("An open-source rival could copy it.", "licence-outside-source", secret) == []
    assert found("It is open source.", "licence-outside-source") == []


CLOSED = a_tool(
    "Kiln",
    "Kiln sorts letters in its own cloud. The model is not disclosed. Team costs $12 per seat.",
)
CLAIMED = [
    "It is MIT licensed and runs anywhere.",
    "The whole thing sits under AGPL.",
    "The weights are open, so nobody is locked in.",
    "It is source-available under BUSL.",
    "Kiln is open source, which settles it.",
    "The code is on a permissive licence.",
    "Open weights make it a safe bet.",
    "It is free for commercial use.",
    "Its engine is Apache-licensed.",
    "A permissively licensed core keeps the exit open.",
    "The source is public, so a fork is possible.",
    "It is a copyleft project.",
    "Anyone may fork the code under GPLv3.",
    "The model is open-weight.",
    "It comes with a commercial licence at no charge.",
    "The terms allow commercial use without royalties.",
    "Its code is in the public domain.",
    "The licence is dual: AGPL or paid.",
    "Everything is open-sourced on GitHub.",
    "The weights can be downloaded and fine-tuned freely.",
    "The project is royalty-free.",
    "Because the model is openly licensed, others can build on it.",
    "Weights are published under OpenRAIL.",
    "The client is open source under BSD-3-Clause.",
]
NOT_CLAIMED = [
    "The licence is not stated.",
    "No licence is named.",
    "An MIT licence would move me to ship.",
    "If the weights were open, I would ship.",
    "Nothing says whether the weights are open.",
    "It is not open source.",
    "Neither code nor weights are open.",
    "An open-source rival could copy it.",
    "Open weights are missing here.",
    "Without open weights nobody can build on it.",
    "Rivals with open weights will catch up.",
    "A permissive licence would change that.",
    "The page names no licence, so commercial use is a guess.",
    "Were it open source, the bet would hold.",
    "The model is closed.",
    "General open-weight models are close behind.",
    "Whether commercial use is allowed is not said.",
    "Open questions remain.",
    "An open door is no moat.",
    "It is licensed per seat.",
    "The source of the letters is unclear.",
]


@pytest.mark.parametrize("text", CLAIMED)
def test_a_licence_or_openness_that_the_source_does_not_give_is_found(text: str) -> None:
    (severity, _quote), *_more = said(found(text, "licence-outside-source", CLOSED))
    assert severity in ("error", "warning")


@pytest.mark.parametrize("text", NOT_CLAIMED)
def test_words_on_openness_that_claim_nothing_of_the_tool_pass(text: str) -> None:
    findings = [
        *found(text, "licence-outside-source", CLOSED),
        *found(text, "licence-about-another", CLOSED),
    ]
    assert {one.severity for one in findings} <= {"note"}


@pytest.mark.parametrize("text", ["The weights are open.", "A permissively licensed core."])
def test_openness_that_the_source_gives_is_no_finding(text: str) -> None:
    open_weights = a_tool("Kiln", "Kiln publishes its weights under a permissive licence.")
    for tool in (open_weights, a_tool()):  # the other one is under Apache 2.0
        assert found(text, "licence-outside-source", tool) == []


@given(st.text() | st.text(alphabet="Apache MIT GPL CC BY-NC 2.0()'s,"))
def test_any_text_is_read_and_every_mention_lies_inside(text: str) -> None:
    for mention in licence_mentions(text):
        assert 0 <= mention.span[0] < mention.span[1] <= len(text)
