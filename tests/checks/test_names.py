"""Names from outside the source are found, once a take; capitals that name nothing are not."""

from __future__ import annotations

import pytest

from tests.support.check_subjects import PERSONAS, a_tool, found, said


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Rivals are Llama 3.1 405B and Qwen2.5 72B.", ["Llama 3.1 405B", "Qwen2.5 72B"]),
        ("You bring vLLM or llama.cpp yourself.", ["vLLM", "llama.cpp"]),
        ("GitHub Copilot does it already.", ["GitHub Copilot"]),
        ("Cursor could train its own.", ["Cursor"]),
        ("Tabula and Camelot are older.", ["Tabula", "Camelot"]),
        ("The papers mention SOC 2 and HIPAA.", ["SOC 2", "HIPAA"]),
        ("Falcon 180B stands beside it.", ["Falcon 180B"]),
        ("It hurts Stripe's users.", ["Stripe"]),
        ("An OpenAI-compatible call does it.", ["OpenAI-compatible"]),
        ("Slack has it. Linear could add it.", ["Slack", "Linear"]),
        ("Notion's users know. Whisper and Otter are older.", ["Notion", "Whisper", "Otter"]),
        ("Granola or another will do.", ["Granola"]),
        ("Descript charges more.", ["Descript"]),
    ],
)
def test_names_outside_the_source_are_warnings(text: str, names: list[str]) -> None:
    assert said(found(text, "name-outside-source")) == [("warning", name) for name in names]


@pytest.mark.parametrize(
    "text",
    [
        "Anvilo's Team plan is cheap, and Tablecrow is named on the page.",
        "The Builder looks at the DX and the API before the CEO does.",
        "Everything here is Parquet. Nothing else is. However, I like it.",
        "An English reader in Europe pays in January, by the EU's rules.",
        "Verdict: Ship. “Typed” is the word that counts.",
        "Anvilos are few. JSON-Lines go in.",
        "On a CPU, an LLM would not help; the README says so.",
    ],
)
def test_known_names_and_plain_capitals_are_no_finding(text: str) -> None:
    assert [one for one in said(found(text, "name-outside-source")) if one[0] != "note"] == []


@pytest.mark.parametrize(
    "text",
    [
        "Unlike Tablecrow, it never guesses. Against Tablecrow, it is slow.",
        "Nearly 3.5 hours pass. About 94.2% of cells are exact. Around 32B stand beside it.",
        "Hosting has its price. Pricing has no floor. Accuracy offers no number.",
        "Hosting, which costs money, is absent. Buyers or another team decide.",
        "Windows of opportunity close. Slack in the schedule helps. Linear growth is claimed.",
        "Whisper it softly. Granola bars are cheaper. Renovate the kitchen first.",
        "I'd ship it, and I’m fine; she says I’ve no licence, and we’re done.",
        "Say Anvilo fails at night. Take Anvilo's own figures. Fetch Parquet.",
        "Rows first\nColumns later\n- Sorting next\n• Closing last\n1. Opening again",
        "An A/B test is missing, plan B holds, and mid-2027 is near. A Ph.D. helps.",
    ],
)
def test_a_capital_that_only_begins_a_sentence_is_no_name(text: str) -> None:
    assert [one for one in said(found(text, "name-outside-source")) if one[0] != "note"] == []


def test_a_beat_without_a_full_stop_ends_a_sentence() -> None:
    beats = {"primitive": "It reads lines", "dx_bet": "Sorting comes next", "rest": "Vendors wait"}
    text = " ".join(beats.values())
    assert found(text, "name-outside-source", beats=beats) == []
    assert said(found(text, "name-outside-source")) == [
        ("warning", "Sorting"),
        ("warning", "Vendors"),
    ]


def test_a_name_is_reported_once_a_take() -> None:
    text = "It meets Copilot here. And Copilot there, and Copilot's users."
    assert said(found(text, "name-outside-source")) == [("warning", "Copilot")]


def test_a_name_marked_as_outside_knowledge_or_named_as_missing_is_a_note() -> None:
    marked = "Copilot is near (outside knowledge, to verify)."
    assert said(found(marked, "name-outside-source")) == [("note", "Copilot")]
    missing = "The page says nothing about Windows."
    assert said(found(missing, "name-outside-source")) == [("note", "Windows")]


def test_formats_that_the_source_does_not_name_are_notes() -> None:
    assert said(found("It leaves as CSV.", "name-outside-source")) == [("note", "CSV")]


def test_a_shorter_form_of_a_name_in_the_source_is_known() -> None:
    tool = a_tool(description="It needs macOS and PostgreSQL.")
    assert found("A Mac with Postgres will do.", "name-outside-source", tool) == []


def test_the_words_of_the_personas_own_beats_are_known() -> None:
    text = "The moat is thin and the Buyer is absent."
    persona = PERSONAS["business-analyst"]
    assert found(text, "name-outside-source", persona=persona) == []
