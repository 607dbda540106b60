"""Shards: every cell in exactly one of n parts, wherever and whenever they are made."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.cells.shards import Shard
from panel.errors import UsageError

names = st.text(min_size=1, max_size=12)
pairs = st.lists(st.tuples(names, names), unique=True, max_size=60)


def parts(of: int) -> list[Shard]:
    return [Shard(number, of) for number in range(1, of + 1)]


@given(pairs, st.integers(1, 40))
def test_the_shards_partition_the_pairs(of_catalog: list[tuple[str, str]], of: int) -> None:
    for pair in of_catalog:
        assert [shard.holds(pair) for shard in parts(of)].count(True) == 1


def test_the_shard_of_a_pair_is_the_same_on_every_machine_and_with_every_version() -> None:
    """A clone that is resumed later, by a later version, must not ask what another one has."""
    held = [
        next(shard.number for shard in parts(8) if shard.holds((tool, persona)))
        for tool in ("anvil", "bellows", "søk")
        for persona in ("builder", "skeptic")
    ]
    assert held == [8, 7, 1, 6, 6, 2]


def test_shards_of_a_catalog_are_about_of_one_size() -> None:
    catalog = [(f"tool-{n}", persona) for n in range(1000) for persona in "abcd"]
    sizes = [sum(map(shard.holds, catalog)) for shard in parts(16)]
    assert sum(sizes) == 4000 and min(sizes) > 200 and max(sizes) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0/8", "numbered from 1/8 to 8/8"),
        ("9/8", "numbered from 1/8 to 8/8"),
        ("1/0", "1 to 100,000 shards, not 0"),
        ("1/100001", "1 to 100,000 shards, not 100,001"),
        ("2", "Write the second of eight as 2/8"),
        ("2/8/9", "Write the second of eight"),
        (" 2/8", "Write the second of eight"),
        ("-1/8", "Write the second of eight"),
        ("２/8", "Write the second of eight"),
        ("2/8\n", "Write the second of eight"),
        ("", "Write the second of eight"),
    ],
)
def test_what_is_no_shard_is_named_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        Shard.parse(text)
    assert repr(text) in str(refused.value)


def test_a_shard_is_written_as_it_is_read() -> None:
    assert str(Shard.parse("2/8")) == "2/8" and Shard.parse("002/8") == Shard(2, 8)
