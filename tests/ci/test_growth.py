"""A diff is reported in one walk through its pairs, however many reasons there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import pytest

from panel.ci.annotations import annotate
from panel.ci.context import Context
from panel.ci.gates import Failure, failures, parse_gates
from panel.ci.junit import render_junit
from tests.support.counting import Looked
from tests.support.frozen_diffs import SKIPS, difference, published, side, sure

PERSONAS = ("builder", "skeptic")
Pairs = frozenset[tuple[str, str]]


def keys(tools: int) -> list[tuple[str, str]]:
    return [(f"tool-{n}", persona) for n in range(tools) for persona in PERSONAS]


def looked(pairs: Iterable[tuple[str, str]]) -> Looked:
    return Looked.fromkeys(pairs)


@pytest.mark.parametrize("tools", [2, 20])
def test_a_reason_about_many_tools_is_walked_through_once(tools: int) -> None:
    pairs = looked(keys(tools))
    stale = Failure("stale", "They do not hold.", cast("Pairs", pairs))
    found = annotate(difference({}, {}), [], Context(warned=[stale]))
    assert {each.message.rpartition(" tool-")[2] for each in found} == {
        f"{n}: builder, skeptic." for n in range(tools)
    }
    assert pairs.walks <= 3


@pytest.mark.parametrize("tools", [2, 20])
def test_many_tools_that_fall_below_take_one_walk_through_the_pairs(tools: int) -> None:
    before, after = (
        dict.fromkeys(keys(tools), sure()),
        dict.fromkeys(keys(tools), published(*SKIPS)),
    )
    diff = difference(before, after)
    pairs = Looked(diff.pairs)
    found = failures(replace(diff, pairs=pairs), side("now", after), parse_gates(["ship-below=50"]))
    assert [failure.pairs for failure in found] == [
        {(f"tool-{n}", persona) for persona in PERSONAS}
        for n in sorted(range(tools), key=lambda n: f"tool-{n}")
    ]
    assert pairs.walks == 1


@pytest.mark.parametrize("tools", [2, 20])
def test_a_case_is_not_looked_for_in_every_reason(tools: int) -> None:
    pairs = [looked([key]) for key in keys(tools)]
    shut = [Failure("ship-below", f"{one}", cast("Pairs", one)) for one in pairs]
    written = render_junit(difference({}, {}), shut)
    assert written.count("<failure") == 2 * tools
    assert all(one.lookups == 0 and one.walks <= 2 for one in pairs)
