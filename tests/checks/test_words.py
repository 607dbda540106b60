"""The words of a text, and patterns that are tried where they stand."""

from __future__ import annotations

import re

from panel.checks.words import Words, one_of, wanted
from tests.support.large_catalogs import many_takes

ODD = "Mistral’s C++ and a_b x-1.5/y: İıſ 東京-3 +++ 12% (co-op)"
TEXTS = [ODD, "", "…", *(take.text for take in many_takes(3)[1])]


def test_a_word_stands_where_its_characters_do_with_its_possessive_ending() -> None:
    for text in TEXTS:
        for start, end, word in Words(text).tokens:
            assert text[start:end] in (word, f"{word}'s", f"{word}’s", f"{word}'", f"{word}’")
    assert [word for _start, _end, word in Words(ODD).tokens] == [
        *("Mistral", "C++", "and", "a_b", "x-1.5/y", "İıſ", "東京-3", "12", "co-op")
    ]


def test_a_pattern_is_found_wherever_a_search_of_the_whole_text_finds_it() -> None:
    pattern = wanted(
        "the a an team teams", r"\b(?: the|an?|\d+ ) \s \w+ | \bteams?\b", figures=True
    )
    for text in TEXTS:
        found = [match.span() for match in pattern.finditer(text)]
        assert found == [match.span() for match in pattern.pattern.finditer(text)]


def test_words_by_their_first_letters_are_one_pattern_of_the_same_words() -> None:
    words = ["team", "co-op", "company", "tester", "a"]
    pattern = re.compile(one_of(words))
    assert all(pattern.fullmatch(word) for word in words)
    assert not any(pattern.fullmatch(word) for word in ("", "tea", "co", "ester", "teamco-op"))
