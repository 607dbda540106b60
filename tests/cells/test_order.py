"""The order of the cells, and what of their prompts it lets a server skip."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.cells.cells import Target, identify
from panel.cells.order import (
    LOSS,
    Order,
    Place,
    Sizes,
    arrange,
    billed_as_cached,
    shared_beginning,
)
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import load_workspace
from tests.support.large_catalogs import many_tools
from tests.support.space import Space

ENDPOINT = Endpoint("mock", None, "http://127.0.0.1:9/v1", "mock-1")
LENGTHS = st.integers(1, 6000)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Catalogs of every shape: few and many tools, short and long parts."""
    personas = draw(st.integers(1, 5))
    lengths = st.lists(LENGTHS, min_size=personas, max_size=personas)
    sizes = Sizes(
        draw(LENGTHS),
        draw(lengths),
        draw(st.lists(st.one_of(LENGTHS, st.just(10**6)), min_size=1, max_size=40)),
    )
    repeats = range(1, 1 + draw(st.integers(1, 4)))
    return arrange(sizes, repeats)


def every_place(order: Order) -> set[Place]:
    tools, personas = range(len(order.sizes.tools)), range(len(order.sizes.personas))
    return {(t, p, repeat) for t in tools for p in personas for repeat in order.repeats}


@given(orders())
def test_every_cell_stands_in_the_order_once(order: Order) -> None:
    assert sorted(order) == sorted(every_place(order))


@given(orders())
def test_no_plain_order_shares_more_than_the_price_of_whole_panels(order: Order) -> None:
    by_tool = sorted(every_place(order))
    by_persona = sorted(by_tool, key=lambda place: place[1])
    best = max(order.cached_share(plain) for plain in (by_tool, by_persona))
    assert order.cached_share() >= best - LOSS - 1e-9


@given(orders())
def test_an_interrupted_order_leaves_whole_panels_behind(order: Order) -> None:
    places = [*order]
    panel = len(order.sizes.personas) * len(order.repeats)
    for begin in range(0, len(places), order.block * panel):
        block = places[begin : begin + order.block * panel]
        assert {(p, r) for _t, p, r in block} == {(p, r) for _t, p, r in places}
        assert len({tool for tool, _p, _r in block}) * panel == len(block)


@given(orders())
def test_half_as_many_tools_at_once_would_cost_more(order: Order) -> None:
    if order.block > 1:
        whole, half = replace(order, block=10**6), replace(order, block=order.block // 2)
        assert whole.cached_share() - half.cached_share() > LOSS


@given(orders(), st.integers(0, 400))
def test_what_is_shared_is_what_two_prompts_begin_with(order: Order, at: int) -> None:
    """The arithmetic against prompts of those sizes, written out."""
    places = sorted(every_place(order))
    one, other = places[at % len(places)], places[(7 * at + 1) % len(places)]
    if max(order.length(one), order.length(other)) > 10**5:
        return
    texts = [written(order, place) for place in (one, other)]
    assert order.shared(one, other) == shared_beginning(texts)
    assert order.length(other) == len(texts[1])


def written(order: Order, place: Place) -> str:
    """Write out a prompt of these sizes; each part in characters of its own."""
    sizes, (tool, persona, _repeat) = order.sizes, place
    parts = (
        ("r", sizes.rules),
        (chr(1000 + persona), sizes.personas[persona]),
        (chr(3000 + tool), sizes.tools[tool]),
    )
    return "".join(character * many for character, many in parts)


def a_catalog(tools: int, description: int, personas: int = 4, repeats: int = 1) -> Order:
    """Make the house panel's order before so many descriptions of so many characters."""
    sizes = Sizes(1500, [3900] * personas, [200 + description] * tools)
    return arrange(sizes, range(1, 1 + repeats))


def test_short_descriptions_are_asked_persona_by_persona() -> None:
    small, large = a_catalog(14, 1200), a_catalog(1000, 1200)
    assert small.block == 14
    assert 20 < large.block < 100
    assert large.cached_share() > 0.75 > 0.25 > replace(large, block=1).cached_share()
    assert small.sentence([*small]) == (
        "Order: persona by persona: 75 % of what is sent repeats the prompt before, which a cache "
        "can serve (tool by tool: 22 %)."
    )
    assert f"persona by persona in blocks of {large.block} tools: " in large.sentence([*large])


def test_long_descriptions_are_asked_tool_by_tool() -> None:
    """The rest of the prompt weighs nothing there, and each tool has its panel at once."""
    order = a_catalog(1000, 600_000)
    assert order.block == 1
    assert order.sentence([*order]) == (
        "Order: tool by tool: 0 % of what is sent repeats the prompt before, which a cache can "
        "serve (persona by persona: no more than 1 %)."
    )


def test_longer_descriptions_never_make_blocks_longer() -> None:
    blocks = [a_catalog(1000, 400 * 2**n).block for n in range(12)]
    assert blocks == sorted(blocks, reverse=True) and blocks[0] > 50 and blocks[-1] == 1


def test_repeats_of_one_question_follow_one_another() -> None:
    """All but the first of them are in the cache from end to end."""
    order = a_catalog(14, 1200, repeats=4)
    assert [*order][:5] == [(0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 4), (1, 0, 1)]
    assert order.cached_share() > 0.9


def test_a_service_that_bills_nothing_below_a_least_length_saves_less() -> None:
    order = a_catalog(14, 1200)

    def billed(characters: int) -> float:
        return billed_as_cached(characters, 4.0)

    assert [billed(n) for n in (4095, 4096, 4607, 4608)] == [0, 4096, 4096, 4608]
    share = order.cached_share(kept=billed)
    assert 0.6 < share < order.cached_share()
    assert replace(order, block=1).cached_share(kept=billed) == 0  # rules alone are too short
    assert order.cached_share(sorted(order), billed) == 0


def test_an_empty_catalog_has_an_order_too() -> None:
    order = arrange(Sizes(0, [], []), [1])
    assert ([*order], order.cached_share()) == ([], 0.0)


def test_equal_prefixes_are_asked_one_after_another_block_by_block(space: Space) -> None:
    workspace = load_workspace(space.root)
    tools = many_tools(250)
    target = Target(
        workspace.prompts, ENDPOINT, identify(ENDPOINT, None), tools, workspace.personas
    )
    block, cells = target.order([1, 2]).block, target.lay_out(2)
    assert 10 < block < 125
    assert len({cell.key for cell in cells}) == len(cells) == len(tools) * 4 * 2
    whole, rest = divmod(250, block)
    blocks = [
        (who, {cell.tool.slug for cell in group})
        for who, group in groupby(cells, key=lambda cell: cell.persona.id)
    ]
    assert [len(slugs) for _who, slugs in blocks] == [block] * 4 * whole + [rest] * 4 * (rest > 0)
    assert [who for who, _slugs in blocks] == [p.id for p in workspace.personas] * (
        whole + (rest > 0)
    )
    assert target.places(cells) == [*target.order([1, 2])]


def test_the_share_that_is_worked_out_is_that_of_the_prompts(space: Space) -> None:
    """Against the characters with which each prompt really begins as the one before."""
    workspace = load_workspace(space.root)
    tools, model = many_tools(20), identify(ENDPOINT, None)
    target = Target(workspace.prompts, ENDPOINT, model, tools, workspace.personas)
    texts = ["\n".join(text for _role, text in cell.messages) for cell in target.lay_out(2)]
    again = 0
    for before, text in pairwise(texts):
        again += shared_beginning([before, text])
    assert target.order([1, 2]).cached_share() == pytest.approx(
        again / sum(map(len, texts)), abs=0.02
    )
