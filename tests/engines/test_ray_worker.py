"""The workers of the Ray engine and who coordinates them, without Ray: all in this process."""

from __future__ import annotations

import asyncio
import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from panel.cells.cells import Cell, Target
from panel.cells.journal import JournalWriter, new_run_id
from panel.cells.lines import run_line
from panel.engines.base import NO_BUDGET, RunBudget, RunStats
from panel.engines.ray_coordinator import (
    SILENT_SECONDS,
    Coordinator,
    Remote,
    SharedBudget,
    State,
)
from panel.engines.ray_worker import Ended, Order, Row, Worker
from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.runs import answers, rows, run
from tests.support.space import Panel, Space, edit


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Called:
    """What ``.remote()`` of an actor's method gives, with its result there already."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    def remote(self, *words: Any) -> Called:
        """Call it as Ray would: with copies."""
        self.result = pickle.loads(pickle.dumps(self._method(*pickle.loads(pickle.dumps(words)))))
        return self

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        return self.result


class Handle:
    """A coordinator as Ray would hand it to a worker."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    def __getattr__(self, name: str) -> Called:
        return Called(getattr(self._coordinator, name))


def remote_of(coordinator: Coordinator) -> Remote:
    return Remote(Handle(coordinator), lambda called: called.result)


def coordinator(bounds: RunBudget = NO_BUDGET) -> tuple[Coordinator, Clock]:
    clock = Clock()
    return Coordinator(bounds, clock), clock


def test_one_worker_goes_first_and_the_others_once_it_was_answered() -> None:
    desk, _clock = coordinator()
    assert desk.tick("a").go and not desk.tick("b").go
    desk.tick("a", RunStats(requests=1))
    assert not desk.tick("b").go, "it has asked, and nothing has come back"
    desk.tick("a", RunStats(asked=1, skips=1))
    assert desk.tick("b").go


def test_where_the_first_worker_falls_silent_another_goes_first() -> None:
    desk, clock = coordinator()
    assert desk.tick("a").go
    clock.now = SILENT_SECONDS - 1
    assert not desk.tick("b").go
    clock.now = SILENT_SECONDS + 1
    assert desk.tick("b").go and not desk.tick("c").go


def test_cells_that_fail_one_by_one_hold_nobody_up_for_long() -> None:
    desk, _clock = coordinator()
    desk.tick("a", RunStats(asked=1, errors=1))
    assert not desk.tick("b").go
    desk.tick("a", RunStats(asked=3, errors=3))
    assert desk.tick("b").go


def test_what_stops_one_worker_stops_all_and_the_first_reason_counts() -> None:
    desk, _clock = coordinator()
    desk.tick("a", RunStats(asked=1, skips=1, stopped="endpoint", why="No key."))
    desk.tick("b", RunStats(asked=1, stopped="budget", why="other"))
    word = desk.tick("b")
    assert not word.go and word.interrupts == 1
    assert (desk.state().stopped, desk.state().why) == ("endpoint", "No key.")


def test_a_second_interrupt_drops_what_is_in_flight() -> None:
    desk, _clock = coordinator()
    desk.interrupt()
    assert desk.tick("a").interrupts == 1
    desk.interrupt()
    assert desk.tick("a").interrupts == 2
    assert desk.state().stopped == "interrupted"


def test_a_stop_by_itself_is_no_first_interrupt() -> None:
    desk, _clock = coordinator()
    desk.stop("budget", "reached")
    desk.interrupt()
    assert desk.tick("a").interrupts == 1 and desk.state().stopped == "budget"


def test_the_counts_of_all_workers_are_added_up() -> None:
    one = RunStats(asked=2, ships=2, prompt_tokens=7, models={"m"}, reasons={"error: x": 1})
    other = RunStats(asked=1, cost_usd=0.5, models={"n"}, reasons={"error: x": 2}, server="vLLM")
    total = State({"a": one, "b": other}).total()
    assert (total.asked, total.ships, total.prompt_tokens, total.cost_usd) == (3, 2, 7, 0.5)
    assert (total.models, total.reasons, total.server) == ({"m", "n"}, {"error: x": 3}, "vLLM")
    assert one.asked == 2 and one.models == {"m"}, "what was added up stays as it is"


def test_a_budget_is_one_for_all_workers() -> None:
    desk, _clock = coordinator(RunBudget(max_calls=3, max_tokens=100))
    one, other = (SharedBudget(remote_of(desk), name) for name in "ab")
    desk.tick("a")
    desk.tick("b")
    assert one.reserve(40, None) and other.reserve(40, None)
    assert not one.reserve(40, None) and one.exceeded == "--max-tokens 100"
    assert one.flying == 2, "what is under way may take less than was set aside"
    other.correct((40, None), 10, None)
    assert one.reserve(40, None)
    assert not other.reserve(1, None) and other.exceeded == "--max-calls 3"


def test_what_a_dead_worker_had_set_aside_is_waited_for_no_more() -> None:
    desk, clock = coordinator(RunBudget(max_tokens=100))
    one, dead = (SharedBudget(remote_of(desk), name) for name in "ab")
    desk.tick("b")
    assert dead.reserve(80, None)
    clock.now = SILENT_SECONDS + 1
    desk.tick("a")
    assert not one.reserve(40, None) and one.flying == 0
    assert one.reserve(20, None), "but it may be spent"


def planned(space: Space) -> tuple[Target, list[Cell]]:
    prepared = prepare(load_workspace(space.root), Selection())
    return prepared.target, prepared.asking


def row_of(place: int, cell: Cell) -> Row:
    return Row(place, *cell.key, cell.fingerprint)


def begun(space: Space, target: Target) -> Order:
    """Begin a run as the engine does: with a journal beside which the workers write theirs."""
    runs = space.root / "runs"
    writer = JournalWriter(runs, new_run_id())
    writer.append(run_line(target.personas, target.model, planned=8))
    writer.close()
    return Order(writer.run_id, runs, runs / "endpoints.json", False, None)


def asked_by(order: Order, target: Target, desk: Coordinator, batch: list[Row]) -> list[Ended]:
    async def ask() -> list[Ended]:
        worker = Worker(order, pickle.loads(pickle.dumps(target)), remote_of(desk))
        return await worker.ask(batch)

    return asyncio.run(ask())


@pytest.mark.slow
def test_the_journals_of_workers_are_one_run_and_its_verdicts_those_of_a_local_run(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    target, cells = planned(mocked)
    order, (desk, _clock) = begun(mocked, target), coordinator()
    batch = [row_of(place, cell) for place, cell in enumerate(cells)]
    ended = asked_by(order, target, desk, batch[:5]) + asked_by(order, target, desk, batch[5:])
    assert sorted(place for place, _outcome, _verdict in ended) == list(range(8))
    totals = "SELECT run_id, asked, verdicts, requests FROM runs"
    assert rows(mocked, totals) == [(order.run_id, 8, 8, 8)]
    assert len(mocked.journals) == 3
    assert rows(mocked, "SELECT DISTINCT run_id FROM verdicts") == [(order.run_id,)]
    assert panel("verify", cwd=mocked.root).code == 0
    assert run(mocked).asked == 0 and mock.asked == 8
    by_workers = answers(mocked)
    for file in mocked.journals:
        file.unlink()
    assert panel("rebuild", cwd=mocked.root).code == 0
    run(mocked)
    assert answers(mocked) == by_workers


def test_a_worker_takes_what_one_that_died_had_answered(mocked: Space, mock: MockEndpoint) -> None:
    target, cells = planned(mocked)
    order, (desk, _clock) = begun(mocked, target), coordinator()
    batch = [row_of(place, cell) for place, cell in enumerate(cells)]
    first = asked_by(order, target, desk, batch[:3])
    again = asked_by(order, target, desk, batch)  # the same batch, whole, by another worker
    assert mock.asked == 8, "only the five others were asked"
    assert sorted(again)[:3] == sorted(first) and len(again) == 8
    assert any("A worker has died" in notice for notice in desk.state().notices)


def test_a_worker_asks_only_what_was_planned(mocked: Space, mock: MockEndpoint) -> None:
    target, cells = planned(mocked)
    order, (desk, _clock) = begun(mocked, target), coordinator()
    other = replace(row_of(0, cells[0]), fingerprint="b2:0")
    assert asked_by(order, target, desk, [other]) == []
    state = desk.state()
    assert state.stopped == "error" and state.raised == "UsageError" and mock.asked == 0
    assert "install the same version on every machine" in str(state.why)


def test_a_worker_that_does_not_see_the_runs_folder_says_so_and_asks_nothing(
    mocked: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    target, cells = planned(mocked)
    desk, _clock = coordinator()
    order = replace(begun(mocked, target), runs=tmp_path / "elsewhere")
    assert asked_by(order, target, desk, [row_of(0, cells[0])]) == []
    assert "a disk that all machines share" in str(desk.state().why) and mock.asked == 0


def test_a_worker_without_the_key_names_the_variable(mocked: Space, mock: MockEndpoint) -> None:
    mocked.point_at(mock, 'api_key_env = "NO_SUCH_API_KEY"\n')
    target, cells = planned(mocked)
    desk, _clock = coordinator()
    assert asked_by(begun(mocked, target), target, desk, [row_of(0, cells[0])]) == []
    assert desk.state().raised == "EndpointError" and "NO_SUCH_API_KEY" in str(desk.state().why)


def test_a_run_that_has_ended_is_asked_no_more(mocked: Space, mock: MockEndpoint) -> None:
    target, cells = planned(mocked)
    desk, _clock = coordinator()
    desk.tick("first")
    desk.interrupt()
    assert asked_by(begun(mocked, target), target, desk, [row_of(0, cells[0])]) == []
    assert mock.asked == 0


def test_errors_are_rows_and_end_no_worker(mocked: Space, mock: MockEndpoint) -> None:
    mock.face = lambda index, _body: Answer(413, "too large") if index == 1 else None
    target, cells = planned(mocked)
    desk, _clock = coordinator()
    batch = [row_of(place, cell) for place, cell in enumerate(cells)]
    outcomes = [
        outcome
        for _place, outcome, _verdict in asked_by(begun(mocked, target), target, desk, batch)
    ]
    assert outcomes.count("error") == 1 and outcomes.count("verdict") == 7


@pytest.mark.slow
def test_the_journals_of_workers_come_with_their_run_into_a_diff_of_runs(
    mocked: Space, panel: Panel
) -> None:
    target, cells = planned(mocked)
    order, (desk, _clock) = begun(mocked, target), coordinator()
    asked_by(order, target, desk, [row_of(place, cell) for place, cell in enumerate(cells)])
    edit(mocked.root / "personas" / "builder.md", "avoid:", "avoid:\n  - the word paradigm")
    later = run(mocked)
    assert later.run_id is not None and later.asked == 2
    done = panel("diff", "--json", order.run_id, later.run_id, cwd=mocked.root)
    assert done.code == 0, done.err
    assert rows(mocked, "SELECT count(*) FROM verdicts") == [(8,)]


def test_a_row_has_the_columns_of_a_batch() -> None:
    assert [each.name for each in fields(Row)] == [
        "place",
        "tool",
        "persona",
        "repeat",
        "fingerprint",
    ]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_its_engine_names_the_extra_and_writes_nothing(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    done = panel("run", "--engine", "ray", cwd=mocked.root)
    assert done.code == 2 and "pip install 'reviewer-panel[ray]'" in done.err
    assert mock.asked == 0 and not mocked.journals


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "spark"], "Write local or ray"),
        (["--workers", "2"], "Add --engine ray"),
        (["--address", "auto"], "Add --engine ray"),
        (["--engine", "ray", "--replay", "tape.jsonl"], "Leave --engine ray out"),
        (["--engine", "ray", "--endpoint", "embedded"], "answers on this machine alone"),
    ],
)
def test_options_of_ray_that_do_not_go_together_are_refused(
    mocked: Space, panel: Panel, words: list[str], said: str
) -> None:
    done = panel("run", *words, cwd=mocked.root)
    assert done.code == 2 and said in " ".join(done.err.replace("│", " ").split())
    assert not mocked.journals


def test_prompts_that_were_sent_elsewhere_ask_the_same_though_the_files_have_changed(
    mocked: Space,
) -> None:
    """What was planned is asked, templates that include others among it."""
    review = mocked.root / "prompts" / "review.md.j2"
    review.write_text('{% include "more.md.j2" %}\n' + review.read_text())
    more = mocked.root / "prompts" / "more.md.j2"
    more.write_text("Read this:")
    target, cells = planned(mocked)
    sent = pickle.dumps(target)
    more.write_text("Something else.")
    review.unlink()
    again = pickle.loads(sent).lay_out()
    assert [cell.fingerprint for cell in again] == [cell.fingerprint for cell in cells]
    assert "Read this:" in again[0].messages[1][1]
    repair = again[0].prompts.repair_text(again[0].persona, ["no JSON"])
    assert repair == cells[0].prompts.repair_text(cells[0].persona, ["no JSON"])
