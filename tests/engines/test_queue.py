"""Which cell is next, and beside which others it is asked."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.cells.cells import Cell, Target, identify
from panel.endpoint.limits import ConcurrencyLimiter
from panel.engines.queue import CellQueue, Lane
from panel.workspace.endpoints import Endpoint
from panel.workspace.loading import WorkspaceFiles, load_workspace
from tests.support.large_catalogs import many_tools
from tests.support.space import Space

ENDPOINT = Endpoint("mock", None, "http://127.0.0.1:9/v1", "mock-1")


@pytest.fixture
def workspace(space: Space) -> WorkspaceFiles:
    return load_workspace(space.root)


def cells_of(workspace: WorkspaceFiles, tools: int) -> list[Cell]:
    model = identify(ENDPOINT, None)
    target = Target(workspace.prompts, ENDPOINT, model, many_tools(tools), workspace.personas)
    return target.lay_out(2)


def test_one_lane_asks_in_the_order_that_was_laid_out(workspace: WorkspaceFiles) -> None:
    cells = cells_of(workspace, 12)
    queue = CellQueue(cells)
    assert [queue.take(())[0] for _ in cells] == cells


def test_one_lane_keeps_to_an_order_that_was_drawn(workspace: WorkspaceFiles) -> None:
    cells = cells_of(workspace, 12)
    random.Random(3).shuffle(cells)
    queue, asked = CellQueue(cells), list[Cell]()
    for _ in cells:
        cell, lane = queue.take(())
        asked.append(cell)
        queue.ended(lane)
    assert asked == cells


def test_lanes_ask_one_persona_each(workspace: WorkspaceFiles) -> None:
    queue = CellQueue(cells_of(workspace, 12))
    asked = [queue.take((), 4) for _ in range(4 * 24)]
    for number in range(4):
        lane = [cell for cell, of in asked if of.number == number]
        assert len(lane) == 24 and len({cell.persona.id for cell in lane}) == 1


def test_a_lane_asks_all_of_its_persona_before_it_changes_to_another(
    workspace: WorkspaceFiles,
) -> None:
    cells = cells_of(workspace, 12)
    queue, seen = CellQueue(cells), [list[str](), list[str]()]
    for _ in cells:
        cell, lane = queue.take((), 2)
        queue.ended(lane)  # the other one takes longer: this is asked now and then
        mine = seen[lane.number]
        mine += [cell.persona.id] if cell.persona.id not in mine[-1:] else []
    everything = seen[0] + seen[1]
    assert len(everything) <= 4 + 1  # the last one is shared by who is left without work
    assert len(set(everything)) == 4


def test_two_servers_ask_side_by_side_of_different_personas(workspace: WorkspaceFiles) -> None:
    queue = CellQueue(cells_of(workspace, 12))
    asked = [queue.take((), 2, server) for server in ("east", "west") * 16]
    for server in (0, 1):
        assert len({cell.persona.id for cell, _lane in asked[server::2]}) == 2
    assert len({cell.persona.id for cell, _lane in asked}) == 4


def test_a_lane_without_work_helps_where_most_is_left(workspace: WorkspaceFiles) -> None:
    cells = [cell for cell in cells_of(workspace, 12) if cell.persona.id in ("builder", "skeptic")]
    queue = CellQueue(cells)
    lanes = [queue.take((), 3)[1].number for _ in range(6)]
    assert Counter(lanes) == {0: 2, 1: 2, 2: 2}


def test_the_next_block_waits_for_the_last_cell_of_the_one_before(
    workspace: WorkspaceFiles,
) -> None:
    cells = cells_of(workspace, 130)
    queue, blocks = CellQueue(cells), list[str]()
    for _ in cells:
        cell, lane = queue.take((), 3)
        blocks.append(cell.tool.slug)
        queue.ended(lane)
    slugs = list(dict.fromkeys(cell.tool.slug for cell in cells))
    places = {slug: place for place, slug in enumerate(slugs)}
    first_half = [places[slug] for slug in blocks[: len(blocks) // 2]]
    assert max(first_half) < 130 // 2 + 40 and Counter(blocks) == dict.fromkeys(slugs, 8)


def test_cells_put_before_the_others_are_asked_before_them(workspace: WorkspaceFiles) -> None:
    first, *rest = cells_of(workspace, 3)
    queue = CellQueue(rest[:4])
    queue.add([first])
    assert queue.take(())[0] is first


def test_a_suspect_tool_is_passed_over_while_there_are_others(workspace: WorkspaceFiles) -> None:
    cells = cells_of(workspace, 2)
    queue, bad = CellQueue(cells), cells[0].tool.slug
    asked = [queue.take({bad}, 2)[0] for _ in cells]
    assert [cell.tool.slug == bad for cell in asked] == [False] * 8 + [True] * 8


@given(lanes=st.integers(1, 9), flying=st.integers(1, 12), seed=st.integers(0, 2**16))
def test_every_cell_is_handed_out_once_whatever_the_lanes_and_the_times(
    workspace_of_all: list[Cell], lanes: int, flying: int, seed: int
) -> None:
    queue, chance, under_way = CellQueue(workspace_of_all), random.Random(seed), list[Lane]()
    asked = list[Cell]()
    while len(asked) < len(workspace_of_all):
        if len(under_way) == flying:
            queue.ended(under_way.pop(chance.randrange(flying)))
        cell, lane = queue.take((), chance.randint(1, lanes))
        asked.append(cell)
        under_way.append(lane)
    assert Counter(id(cell) for cell in asked) == Counter(id(cell) for cell in workspace_of_all)
    for lane in under_way:
        queue.ended(lane)
    assert asyncio.run(queue.more()) is False


@pytest.fixture(scope="module")
def workspace_of_all(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    from tests.support.space import new_space

    root = new_space(tmp_path_factory.mktemp("queue") / "space").root
    return cells_of(load_workspace(root), 70)


def test_the_place_of_a_request_goes_to_the_next_of_its_lane(workspace: WorkspaceFiles) -> None:
    """A server with a cache for each of four places; which one is free first is chance."""
    cells = cells_of(workspace, 40)

    async def cold(spread: bool) -> int:
        queue, limiter = CellQueue(cells), ConcurrencyLimiter(4, 4, spread=spread)
        caches: list[str | None] = [None] * 4
        free, chance, read = [0, 1, 2, 3], random.Random(11), 0

        async def work() -> None:
            nonlocal read
            while await queue.more():
                cell, lane = queue.take((), limiter.lanes)
                slot = await limiter.acquire(1, lane.number)
                place = next((at for at in free if caches[at] == cell.persona.id), free[0])
                free.remove(place)
                read += caches[place] != cell.persona.id
                caches[place] = cell.persona.id
                for _ in range(chance.randint(1, 9)):
                    await asyncio.sleep(0)
                free.append(place)
                limiter.answered(slot, 1)
                queue.ended(lane)

        await asyncio.gather(*(work() for _ in range(8)))
        return read

    assert 2 * asyncio.run(cold(spread=True)) < asyncio.run(cold(spread=False))
