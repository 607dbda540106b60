"""Words laid on their beats: headings in every state, and every word where its editor put it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.scorecard import Take
from panel.site.beats import lay_out, parted
from tests.support.seed_takes import MISTRAL, TAKES

BEATS = tuple(TAKES[MISTRAL, "builder"]["beats"].items())
LABELS = [label for label, _text in BEATS]
TEXTS = [text for _label, text in BEATS]
TEXT = " ".join(TEXTS)


def a_take(text: str) -> Take:
    return Take("verdict", "ship", 80, text, (), (), None, "2026-11-23", "json", False)


def laid(text: str) -> dict[str, str]:
    """Lay a wording on the beats; every word must be there, in its order."""
    found = lay_out(text, BEATS)
    if found:
        assert " ".join(part for _label, part in found).split() == text.split()
    return dict(found)


def test_the_models_own_words_are_their_beats() -> None:
    assert laid(TEXT) == dict(BEATS)
    assert lay_out("Anything.", ()) == ()


@pytest.mark.parametrize("place", range(4))
def test_one_word_changed_in_any_beat_leaves_all_headings_where_they_were(place: int) -> None:
    for number, word in enumerate(TEXTS[place].split()):
        words = TEXTS[place].split()
        words[number] = f"{word.strip('.')}ly." if word.endswith(".") else f"{word}ly"
        beats = [*TEXTS]
        beats[place] = " ".join(words)
        assert list(laid(" ".join(beats)).values()) == beats, word


def test_a_beat_may_be_rewritten_shortened_or_left_out() -> None:
    for place in range(4):
        beats = [*TEXTS]
        beats[place] = "An editor found other words for all of this. There are two sentences."
        assert list(laid(" ".join(beats)).values()) == beats
        beats[place] = ""
        shorter = laid(" ".join(filter(None, beats)))
        assert list(shorter.values()) == [text for text in beats if text]
        assert LABELS[place] not in shorter


def test_an_added_sentence_stays_with_the_beat_before_it() -> None:
    beats = [TEXTS[0], TEXTS[1] + " One more remark by an editor.", *TEXTS[2:]]
    assert list(laid(" ".join(beats)).values()) == beats


def test_paragraphs_say_where_each_beat_begins() -> None:
    paragraphs = ["First.", "Second,\nwith two lines.", "Third.", "Fourth."]
    assert laid("\n\n".join(paragraphs)) == dict(zip(LABELS, paragraphs, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "Something else altogether, which no model said: skip it, since the licence is unclear.",
        " ".join(TEXTS[::-1]),
        " ".join([TEXTS[1], TEXTS[0], *TEXTS[2:]]),
        " ".join([*TEXTS[:1], "These words replace two beats at once, in one sentence", TEXTS[3]]),
    ],
)
def test_where_a_heading_would_be_a_guess_there_is_none(text: str) -> None:
    assert laid(text) == {}


@given(st.lists(st.sampled_from(TEXT.split()), max_size=60), st.integers(0, 100))
def test_whatever_was_written_no_word_is_lost_or_moved(words: list[str], keep: int) -> None:
    laid(" ".join([*TEXT.split()[:keep], *words, *TEXT.split()[keep:]]))
    laid("\n".join(words))


@given(st.text(alphabet='ab .!?\n"e.g', max_size=60))
def test_the_closing_words_and_the_rest_are_the_whole_take(text: str) -> None:
    """Without headings a take parts before its last sentence; no word is lost or said twice."""
    part = parted(a_take(text))
    assert f"{part.text} {part.closing}".split() == text.split()
    assert part.closing or not text.strip()


def test_a_take_with_headings_closes_with_its_last_beat() -> None:
    """The other beats keep their labels; an edited take without headings closes with a sentence."""
    part = parted(replace(a_take(TEXT), beats=BEATS))
    assert (part.label, part.closing) == BEATS[-1] and part.beats == BEATS[:-1]
    assert parted(a_take("It costs $3.50, e.g. a month. Ship it.")).closing == "Ship it."
    assert parted(a_take("One. Two.\n\nA last line without an end")).text == "One. Two."
