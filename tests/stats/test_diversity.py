"""How alike texts are: equal to the reference values, and what each figure sees."""

from __future__ import annotations

import zlib

import pytest

from panel.stats.diversity import (
    commonest_opening,
    compression_ratio,
    distinct,
    repeated_phrases,
    self_bleu,
    sentence_bleu,
    words,
)
from tests.support.reference import EXACT, REFERENCE

KNOWN = REFERENCE["diversity"]
TAKES: list[str] = KNOWN["takes"]


def test_every_figure_equals_the_reference() -> None:
    assert self_bleu(TAKES) == pytest.approx(KNOWN["self_bleu"], abs=EXACT)
    assert compression_ratio(TAKES) == pytest.approx(KNOWN["compression_ratio"], abs=EXACT)
    assert distinct(TAKES, 1) == pytest.approx(KNOWN["distinct_1"], abs=EXACT)
    assert distinct(TAKES, 2) == pytest.approx(KNOWN["distinct_2"], abs=EXACT)


@pytest.mark.parametrize(("pair", "bleu"), KNOWN["pairwise_bleu"].items())
def test_bleu_of_each_pair_equals_the_reference(pair: str, bleu: float) -> None:
    one, other = (TAKES[int(place)] for place in pair.split(","))
    assert sentence_bleu(one, [other]) == pytest.approx(bleu, abs=EXACT)


# Made by sacrebleu 2.6.0, sentence_bleu(text, references, use_effective_order=True).
BLEUS = [
    ("It costs $20, or 1,000 calls.", ["It costs $20 or 2,000 calls (a month)."], 24.598128),
    ("a b", ["a b"], 100.0),
    ("one two three", ["nothing alike here", "one two four five"], 55.032121),
    ("x", ["y z"], 0.0),
    ("", ["a"], 0.0),
    (
        "the API's &quot;1.5-2&quot; beta, e.g. v2.0-rc",
        ['the API\'s "1.5-2" beta, v2.0-rc'],
        60.26081,
    ),
    ("it is what it is what it is", ["it is it", "what is it"], 13.134549),
    ("Größe „klein“ – naïve café, 50 % off", ["Größe „klein“ – naïve, 50 % on café"], 44.632361),
]


@pytest.mark.parametrize(("text", "references", "bleu"), BLEUS)
def test_bleu_of_odd_texts_equals_the_reference(
    text: str, references: list[str], bleu: float
) -> None:
    assert sentence_bleu(text, references) == pytest.approx(bleu, abs=EXACT)


def test_self_bleu_is_the_mean_of_each_text_against_all_others() -> None:
    texts = ["a a b c d", "a a a b c", "c d e f a", "a b c d e f g h", "a a b c d"]
    each = [sentence_bleu(text, texts[:at] + texts[at + 1 :]) for at, text in enumerate(texts)]
    assert self_bleu(texts) == pytest.approx(sum(each) / len(each))
    assert each[0] == pytest.approx(100), "the last one is the same text"


def test_texts_that_are_the_same_are_as_alike_as_can_be() -> None:
    texts = ["one two three four five six seven"] * 6
    assert self_bleu(texts) == pytest.approx(100)
    assert repeated_phrases(texts) == 1
    assert commonest_opening(texts) == ("one two three four", 1)
    assert distinct(texts, 1) == pytest.approx(7 / 42)


def test_a_phrase_of_five_words_in_two_texts_counts_its_words() -> None:
    texts = ["the moat question is the hard one here", "and the moat question is the other"]
    assert repeated_phrases(texts) == pytest.approx(10 / 15)
    assert repeated_phrases(["it is what it is what it is what it is", "another"]) == 0


def test_openings_differ_by_their_first_four_words_alone() -> None:
    texts = ["This tool is a thing.", "This tool, is a dream", "this tool is the one", "Short"]
    assert commonest_opening(texts) == ("this tool is a", 0.5)
    assert commonest_opening(["Too short", ""]) is None


def test_words_have_no_case_and_no_punctuation() -> None:
    assert words("The API’s “price”: $20 — don't!") == ["the", "api’s", "price", "20", "don't"]


def test_without_texts_nothing_is_estimable() -> None:
    assert self_bleu(["alone"]) is None
    assert compression_ratio([]) is None and distinct([], 1) is None
    assert distinct(["one"], 2) is None and repeated_phrases(["", ""]) is None


def test_compression_counts_bytes() -> None:
    assert compression_ratio(["é" * 50]) == pytest.approx(
        100 / len(zlib.compress(("é" * 50).encode(), 9))
    )
