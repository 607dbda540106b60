"""Regular expressions: the time of each grows in line with the text, whatever the text is."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.patterns import ONCE, Pattern, patterns, shortest
from tests.support.sizes import size
from tests.support.space import ROOT

SOURCE = ROOT / "src" / "panel"
ROOMS = sorted(
    each.stem for each in SOURCE.iterdir() if each.name not in ("__pycache__", "py.typed")
)
COMMON = (
    *(" ", "\n", "\t", "a", "A", "0", "-", ".", "+", ":", "/", "_", "=", "*", "#", "|", "\\", "`"),
    *(
        '"',
        "'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "&",
        "“",
        "a.",
        "A.",
        "A ",
        "A-",
        "1,",
        "1.",
    ),
    *("a ", "a\n", "\n ", ". ", '":', "<a ", "</", "<!---->", "```", "a@", "//", "/*", "- ", "a, "),
)
ENDS = ("!", "\n!", "A", "0", ")", "")
SMALL, LARGE = 3_000, 12_000  # characters
SLOW = 0.02  # seconds of the processor for LARGE characters; what is below may grow as it likes
PUT_IN = 40  # first places of a short text that matches, at each of which something is put in
BOUND = 8.0  # 4 is in line, 16 is the square


def seconds(pattern: Pattern, way: str, text: str) -> float:
    """Return the processor's seconds for running a pattern over a text."""
    subject: Any = text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text
    start = time.thread_time()
    if way in ONCE:
        getattr(pattern, way)(subject)
    else:
        for _match in pattern.finditer(subject):
            pass
    return time.thread_time() - start


def grows_too_fast(pattern: Pattern, way: str, pieces: tuple[str, ...]) -> bool:
    """Whether four times the text takes far more than four times as long, in three of three."""
    before, piece, end = pieces

    def taken(length: int) -> float:
        return seconds(pattern, way, before + (piece * length)[:length] + end)

    for length in (16 * len(piece), 24 * len(piece), 100, 800):
        if taken(length) > SLOW and taken(length) > SLOW:
            return True  # by far: what is left of the sizes would take minutes
    if taken(SMALL) < SLOW / 16:
        return False
    return all(
        (large := taken(LARGE)) > SLOW and large / taken(SMALL) > BOUND for _measurement in range(3)
    )


def pumped(example: str, cut: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Yield what may stand before a repeated piece, and the piece."""
    start, stop = sorted(min(place, len(example)) for place in cut)
    if start < stop:
        yield example[:start], example[start:stop]
        yield "", example[start:stop]
        yield "", example


@functools.cache
def by_room() -> dict[str, list[str]]:
    """Return the places of the patterns by the folder or file of src/panel/ that has them."""
    found: dict[str, list[str]] = {}
    for place in patterns():
        found.setdefault(re.split("[.:]", place)[1], []).append(place)
    return found


@pytest.mark.slow
def test_every_pattern_is_of_a_room_that_is_looked_at() -> None:
    assert not {*by_room()} - {*ROOMS} and sum(map(len, by_room().values())) > 400


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python 3.11 up to 3.11.4 finds wrong matches then; an atomic group around it is right."""
    repeated = re.compile(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+")
    sources = {place: pattern.pattern for place, (pattern, _ways) in patterns().items()}
    assert [place for place, text in sources.items() if repeated.search(str(text))] == []


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.timeout(size(120, 3600))
def test_the_time_of_a_pattern_grows_in_line_with_the_text(room: str) -> None:
    for place in by_room().get(room, []):
        try_on_what_is_slow(place, *patterns()[place])


def try_on_what_is_slow(place: str, pattern: Pattern, ways: frozenset[str]) -> None:
    """Run a pattern over texts that make a bad one slow; fails where its time grows too fast."""
    text = pattern.pattern
    written = text.decode("latin-1") if isinstance(text, bytes) else pattern
    beyond = "".join(sign for sign in str(text) if not sign.isascii())
    letters = st.characters(max_codepoint=0x7F, include_characters=f"é“’…—\u2003{beyond}")
    matching = st.just("")
    if any(sign in str(text) for sign in "*+{"):  # what repeats nothing needs no text of its own
        matching |= st.from_regex(written, alphabet=letters)
    places = st.tuples(st.integers(0, 40), st.integers(0, 40))

    def hold(*pieces: str) -> None:
        for way in {"finditer"} if ways - {*ONCE} else ways:
            assert not grows_too_fast(pattern, way, pieces), (place, way, *pieces)

    @settings(
        max_examples=size(1, 150),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(matching, places, st.sampled_from(COMMON), st.sampled_from(ENDS))
    def try_on(example: str, cut: tuple[int, int], common: str, end: str) -> None:
        for before, piece in pumped(example, cut):
            hold(before, piece, end)
        hold(example[: cut[0]], common, end)

    for piece in COMMON:
        hold("", piece, "a")
    for example in shortest(pattern):
        for place in range(1, len(example[:PUT_IN]) + 1):
            for piece in {" ", "0", "a", example[place - 1]}:
                hold(example[:place], piece, "\n!")
    try_on()
