"""Worn phrases, and those a persona was told never to write."""

from __future__ import annotations

import pytest

from panel.checks.wording import BANNED, avoided
from tests.support.check_subjects import BUILDER, a_tool, found, said


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("A paradigm  shift, no less.", "paradigm  shift"),
        ("It is a game changer.", "game changer"),
        ("Two game-changers met.", "game-changers"),
        ("It fits Seamlessly.", "Seamlessly"),
        ("It works out of the box.", "out of the box"),
        ("The primitive is clean: rows.", "The primitive is clean"),
    ],
)
def test_a_worn_phrase_is_a_warning(text: str, phrase: str) -> None:
    assert said(found(text, "banned-phrase")) == [("warning", phrase)]


@pytest.mark.parametrize("phrase", BANNED)
def test_every_worn_phrase_is_found_in_other_capitals_and_over_a_line(phrase: str) -> None:
    written, free = phrase.upper().replace(" ", "\n"), BUILDER.model_copy(update={"avoid": ()})
    telling = found(f"So: {written}, it says.", "banned-phrase", persona=free)
    assert said(telling) == [("warning", written)]


def test_worn_phrases_are_told_in_the_order_of_the_text() -> None:
    text = "A no-brainer, a must-have, and at the end of the day a game-changer."
    phrases = ["no-brainer", "must-have", "at the end of the day", "game-changer"]
    assert [phrase for _severity, phrase in said(found(text, "banned-phrase"))] == phrases


@pytest.mark.parametrize(
    "text", ["The shift of a paradigm.", "It unseamed less.", "A clean thing."]
)
def test_other_words_are_not(text: str) -> None:
    assert found(text, "banned-phrase") == []


def test_a_phrase_quoted_from_the_description_is_a_note() -> None:
    tool = a_tool(description="A revolutionary parser.")
    assert said(found("“Revolutionary” it says.", "banned-phrase", tool)) == [
        ("note", "Revolutionary")
    ]
    assert said(found("A revolutionary parser.", "banned-phrase", tool))[0][0] == "warning"


def test_avoid_entries_are_phrases_or_hold_quoted_ones() -> None:
    long = "do not speak in riddles that only those who were there at the time can read"
    entries = ("planting a flag", 'Never write "time heals" or “so be it”', long, "I tried it")
    assert avoided(entries) == ("planting a flag", "time heals", "so be it")


def test_a_personas_own_list_counts_for_that_persona_only() -> None:
    persona = BUILDER.model_copy(update={"avoid": ("a lovely thing",)})
    assert said(found("Truly a lovely thing.", "banned-phrase", persona=persona)) == [
        ("warning", "a lovely thing")
    ]
    assert found("Truly a lovely thing.", "banned-phrase") == []
