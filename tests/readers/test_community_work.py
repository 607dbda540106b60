"""The proof of work: whose it is, how long it counts, and what is no solution."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from panel.readers.community.secret import Secret
from panel.readers.community.work import BITS, is_solved, new_challenge
from tests.support.subscribing import solve

SECRET = Secret(b"k" * 64)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def solved() -> tuple[str, str]:
    """Return the token of a puzzle for Ann, and its solution."""
    challenge = new_challenge(SECRET, "ann", NOW)
    return challenge.token, solve(challenge.puzzle, challenge.bits)


def test_a_solution_counts_for_whom_it_was_asked_and_for_ten_minutes(
    solved: tuple[str, str],
) -> None:
    for minutes, counts in ((0, True), (9.9, True), (10.1, False), (-1, False)):
        assert is_solved(SECRET, *solved, "ann", NOW + timedelta(minutes=minutes)) is counts
    assert not is_solved(SECRET, *solved, "bob", NOW)
    assert not is_solved(Secret(b"l" * 64), *solved, "ann", NOW)


def test_each_puzzle_is_another_and_wants_a_solution_of_its_own(solved: tuple[str, str]) -> None:
    first, second = (new_challenge(SECRET, "ann", NOW) for _ in range(2))
    assert first.token != second.token and first.puzzle != second.puzzle
    accepted = [is_solved(SECRET, each.token, solved[1], "ann", NOW) for each in (first, second)]
    assert accepted == [False, False]


def test_a_solution_is_a_number_whose_hash_begins_with_enough_zero_bits(
    solved: tuple[str, str],
) -> None:
    token, solution = solved
    for wrong in ("", "x", "-1", " " + solution, solution + "\n", "٣", "9" * 17):
        assert not is_solved(SECRET, token, wrong, "ann", NOW)
    challenge = new_challenge(SECRET, "ann", NOW)
    for n in itertools.islice(itertools.count(), 50):
        digest = hashlib.sha256(f"{challenge.puzzle}.{n}".encode()).hexdigest()
        good = bin(int(digest, 16))[2:].zfill(256).startswith("0" * BITS)
        assert is_solved(SECRET, challenge.token, str(n), "ann", NOW) is good


@pytest.mark.parametrize("token", ["", "x", "a.b", "é", "x" * 4000])
def test_a_puzzle_that_was_not_made_here_counts_for_nothing(
    token: str, solved: tuple[str, str]
) -> None:
    assert not is_solved(SECRET, token, solved[1], "ann", NOW)
    for other in ("confirm a subscription", "visitor"):
        signed = SECRET.sign(other, "ann", NOW.timestamp())
        assert not is_solved(SECRET, signed, solved[1], "ann", NOW)
