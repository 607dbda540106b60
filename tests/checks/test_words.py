"""The words of a text, and patterns that are tried where they stand."""

from __future__ import annotations

import importlib
import pkgutil
import re
import string

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from panel import checks
from panel.checks.words import Wanted, Words, lowered, one_of, wanted
from tests.support.large_catalogs import many_takes
from tests.support.patterns import held
from tests.support.sizes import size

LETTERS = string.ascii_letters + string.digits + " .,;:-'’\"“”()/%$"
ODD = "Mistral’s C++ and a_b x-1.5/y: İıſ 東京-3 +++ 12% (co-op)"
TEXTS = [ODD, "", "…", *(take.text for take in many_takes(3)[1])]


def test_a_word_stands_where_its_characters_do_with_its_possessive_ending() -> None:
    for text in TEXTS:
        for start, end, word in Words(text).tokens_from(0):
            assert text[start:end] in (word, f"{word}'s", f"{word}’s", f"{word}'", f"{word}’")
    assert [word for _start, _end, word in Words(ODD).tokens_from(0)] == [
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


@given(st.text(alphabet=LETTERS + ODD + "\n\u2029ΣßŉǅﬃÅ½٣", max_size=60))
def test_words_figures_and_capitals_stand_where_a_search_finds_them(text: str) -> None:
    words = Words(text)
    places: dict[str, list[int]] = {}
    for word in re.finditer(r"\w+", lowered(text)):
        places.setdefault(word[0], []).append(word.start())
    assert words.places == places
    assert words.numbers == [number.start() for number in re.finditer("[0-9]+", text)]
    tokens = [*words.tokens_from(0)]
    named = [token for token in tokens if any(map(str.isupper, token[2])) or "." in token[2]]
    assert [token for token in words.capitals if token in named] == named
    assert not set(words.capitals) - set(tokens)
    for place in (place for found in places.values() for place in found):
        rest = [token for token in tokens if token[0] >= place]
        begins = any(token[0] == place for token in tokens)
        assert [*words.tokens_from(place)] == (rest if begins else [])


def test_which_patterns_may_match_leaves_out_none_that_does() -> None:
    patterns = [*of_the_checks().values()]
    for text in TEXTS:
        which = Words(text).which(patterns)
        assert {each for each in patterns if each.pattern.search(text)} <= {*which}
        assert len(which) < len(patterns)


def test_a_pattern_is_found_in_a_text_that_was_read_before_it_was_made() -> None:
    read = Words("An opened box.")
    assert not read.which([wanted("closed", r"\bclosed\b")])
    late = wanted("opened", r"\bopened\b")
    assert read.which([late]) == [late]
    assert read.first(late, 0, 14) == 9


def of_the_checks() -> dict[str, Wanted]:
    """Return all patterns with words that the checks hold, by the place of each."""
    return {
        place: each
        for found in pkgutil.iter_modules(checks.__path__, "panel.checks.")
        for name, value in vars(importlib.import_module(found.name)).items()
        for place, each in held(f"{found.name}.{name}", value, Wanted)
    }


@pytest.mark.slow
@pytest.mark.parametrize("place", of_the_checks())
def test_the_words_of_a_pattern_leave_out_nothing_that_it_matches(place: str) -> None:
    """Words that whatever it matches begins with, or has: in made-up matches, and in takes."""
    pattern = of_the_checks()[place]
    whole = re.compile(f"(?:{pattern.pattern.pattern}\n)(?!\\w)", pattern.pattern.flags)
    if not pattern.pattern.flags & re.X:
        whole = re.compile(f"(?:{pattern.pattern.pattern})(?!\\w)", pattern.pattern.flags)

    @settings(
        max_examples=size(5, 300),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.from_regex(whole, alphabet=LETTERS))
    def found_everywhere(made: str) -> None:
        alone, within = pattern.finditer(made), pattern.finditer(f"{made} now")
        assert [*alone, *within] or not whole.search(made)

    found_everywhere()
    for text in TEXTS:
        found = [match.span() for match in pattern.finditer(text)]
        assert found == [match.span() for match in pattern.pattern.finditer(text)]
