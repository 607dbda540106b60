"""Canaries of a run: which cells are asked again, how many, and what becomes of the answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.frozen.canaries import CANARIES, CanaryCheck, in_order, latest, read_canaries
from panel.frozen.files import FOLDER
from panel.store.ingest import rebuild
from tests.support.faces import always, voting
from tests.support.frozen_verdicts import freeze, on_file, only_check, status, texts
from tests.support.git_repository import git, repository
from tests.support.mock_endpoint import Answer as Reply
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import pending, rows, run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship, thirty_frozen


def votes_of(check: CanaryCheck) -> dict[str, list[str]]:
    """Return the votes of a check by tool."""
    return {
        tool: [vote for votes in personas.values() for vote in votes.values()]
        for tool, personas in check.canaries.items()
    }


def three_ship(space: Space, mock: MockEndpoint) -> None:
    """Ask three tools, each answer a ship, and freeze the answers."""
    space.tool("crucible")
    all_ship(space, mock)


@pytest.fixture
def watched(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a workspace of three tools that all ship, bellows a canary, frozen."""
    mock.face = always("ship")
    space = copied(three_ship)
    space.ci('canaries = ["bellows"]')
    return space


def reword(space: Space) -> None:
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")


@pytest.mark.slow
def test_canaries_are_not_asked_when_nothing_else_is(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    connections = mock.connections
    told = json.loads(panel("plan", "--changed", "--json", cwd=watched.root).out)
    assert (told["pending"], told["canaries"], told["estimate"]["calls"]) == (0, 0, 0)
    summary = run(watched, changed=True)
    assert (summary.asked, summary.canaries) == (0, 0) and mock.connections == connections
    assert not (watched.root / FOLDER / CANARIES).exists()


def test_canaries_are_asked_beside_what_changed_and_counted_apart(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    reword(watched)
    plan = json.loads(panel("plan", "--changed", "--json", cwd=watched.root).out)
    assert (plan["pending"], plan["canaries"], plan["estimate"]["calls"]) == (4, 4, 8)
    before = mock.asked
    summary = run(watched, changed=True)
    assert (summary.asked, summary.canaries, summary.planned, summary.reused) == (4, 4, 12, 8)
    assert (summary.verdicts, summary.requests, mock.asked - before) == (4, 8, 8)
    assert summary.record()["canary_cells"] == 4
    assert rows(watched, "SELECT asked, verdicts, canaries, requests FROM runs "
                "ORDER BY started_at DESC LIMIT 1") == [(4, 4, 4, 8)]  # fmt: skip
    assert rows(
        watched, "SELECT tool, canary, count(*) FROM attempts GROUP BY ALL ORDER BY ALL"
    ) == [
        ("anvil", False, 8),
        ("bellows", False, 4),
        ("bellows", True, 4),
        ("crucible", False, 4),
    ]


def test_a_plain_run_asks_no_canaries(watched: Space) -> None:
    reword(watched)
    assert run(watched).canaries == 0


@pytest.mark.slow
def test_canaries_that_moved_are_no_outcome_and_move_no_percentage(
    watched: Space, mock: MockEndpoint
) -> None:
    reword(watched)
    shown = "SELECT * FROM ship_percentages WHERE tool <> 'anvil' ORDER BY ALL"
    cells = (
        "SELECT tool, persona, repeat, verdict, attempt_id FROM verdicts "
        "WHERE tool <> 'anvil' ORDER BY ALL"
    )
    takes = "SELECT * FROM takes WHERE tool = 'bellows' ORDER BY ALL"
    before = [rows(watched, sql) for sql in (shown, cells, takes)]
    files = texts(watched)
    mock.face = always("skip")
    assert run(watched, changed=True).canaries == 4
    assert [rows(watched, sql) for sql in (shown, cells, takes)] == before
    done = freeze(watched)
    assert done.written == ["anvil.json", f"{CANARIES}/{only_check(watched).run_id}.json"]
    assert texts(watched)["bellows.json"] == files["bellows.json"]
    rebuild(watched.root / "runs")
    assert [rows(watched, sql) for sql in (shown, cells, takes)] == before
    assert rows(watched, "SELECT count(*) FROM attempts WHERE canary") == [(4,)]
    assert pending(watched) == []


@pytest.mark.slow
def test_what_the_canaries_answered_is_frozen_once(watched: Space, mock: MockEndpoint) -> None:
    reword(watched)
    mock.face = voting(lambda _system, user: "skip" if "Bellows" in user else "ship")
    run_id = run(watched, changed=True).run_id
    freeze(watched)
    check = only_check(watched)
    assert (check.run_id, check.model_identity, check.accepted) == (run_id, "mock/mock-1", False)
    assert (check.returned_models, check.system_fingerprints) == (("mock-1",), ("fp_mock",))
    assert votes_of(check) == {"bellows": ["skip"] * 4}
    answered = on_file(watched, "bellows").answers[0].fingerprint
    assert list(check.canaries["bellows"]["builder"]) == [answered]
    before = texts(watched)
    assert freeze(watched).written == [] and texts(watched) == before
    assert run(watched, changed=True).canaries == 0
    assert freeze(watched).written == []
    assert freeze(watched, model="mock-2").written == [], "another model was asked nothing"


@pytest.mark.slow
def test_a_later_run_adds_a_file_and_leaves_the_earlier_one(
    watched: Space, mock: MockEndpoint
) -> None:
    for word, old, new in (("skip", "reads JSON", "eats JSON"), ("ship", "eats", "drinks")):
        edit(watched.root / "tools/anvil.md", old, new)
        mock.face = always(word)
        assert run(watched, changed=True).canaries == 4
        freeze(watched)
    first, second = in_order(read_canaries(watched.root / FOLDER).values())
    assert (votes_of(first), votes_of(second)) == (
        {"bellows": ["skip"] * 4},
        {"bellows": ["ship"] * 4},
    )
    assert latest([second, first]) == second


@pytest.mark.slow
def test_on_a_fresh_clone_canaries_are_compared_with_what_is_on_file(
    watched: Space, mock: MockEndpoint, tmp_path: Path
) -> None:
    repository(watched.root)
    git(tmp_path, "clone", "-q", str(watched.root), "clone")
    clone = Space(tmp_path / "clone")
    reword(clone)
    mock.face = always("skip")
    assert run(clone, changed=True).canaries == 4
    freeze(clone)
    assert votes_of(only_check(clone)) == {"bellows": ["skip"] * 4}
    assert rows(clone, "SELECT count(*) FROM attempts WHERE canary") == [(4,)]


def test_a_canary_that_has_changed_itself_is_asked_as_a_tool(watched: Space) -> None:
    edit(watched.root / "tools/bellows.md", "reads JSON", "eats JSON")
    summary = run(watched, changed=True)
    assert (summary.asked, summary.canaries) == (4, 0)
    assert rows(watched, "SELECT count(*) FROM attempts WHERE canary") == [(0,)]


def test_a_canary_never_asked_has_nothing_to_be_compared_with(
    mocked: Space, mock: MockEndpoint
) -> None:
    mocked.ci('canaries = ["bellows"]')
    summary = run(mocked, changed=True, tools=["anvil"])
    assert (summary.asked, summary.canaries, mock.asked) == (4, 0, 4)


def test_canaries_that_fail_do_not_fail_the_run(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    reword(watched)
    plain = always("ship")
    mock.face = lambda index, body: (
        Reply(413, "too large") if "Bellows" in body["messages"][-1]["content"]
        else plain(index, body)
    )  # fmt: skip
    done = panel("run", "--changed", "--json", cwd=watched.root)
    assert (done.code, json.loads(done.out)["errors"]) == (0, 0)
    assert rows(watched, "SELECT outcome, count(*) FROM verdicts GROUP BY 1") == [("verdict", 12)]
    freeze(watched)
    assert read_canaries(watched.root / FOLDER) == {}, "none has voted"
    assert status(watched) == []


def test_a_budget_counts_canaries_too(watched: Space, mock: MockEndpoint, panel: Panel) -> None:
    reword(watched)
    before = mock.asked
    done = panel("run", "--changed", "--max-calls", "6", "--json", cwd=watched.root)
    assert (done.code, mock.asked - before) == (4, 6)
    assert json.loads(done.out)["asked"] == 4, "what changed goes before canaries"


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("most", "asked"),
    [
        (1, {1: 1}),
        (4, {1: 4}),
        (6, {1: 4, 2: 2}),
        (12, {1: 4, 2: 4, 3: 4}),
        (48, {1: 4, 2: 4, 3: 4}),
    ],
)
def test_more_repeats_of_a_canary_are_asked_only_where_there_is_room(
    watched: Space, most: int, asked: dict[int, int]
) -> None:
    run(watched, repeats=3, tools=["bellows"])
    freeze(watched)
    edit(watched.root / "panel.toml", "canaries =", f"canary_cells = {most}\ncanaries =")
    reword(watched)
    assert run(watched, changed=True).canaries == sum(asked.values())
    told = rows(watched, "SELECT repeat, count(*) FROM attempts WHERE canary GROUP BY 1 ORDER BY 1")
    assert dict(told) == asked


@pytest.mark.slow
def test_where_not_all_can_be_asked_every_tool_and_every_persona_is(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    space = copied(thirty_frozen)
    slugs = [f"tool-{n:02}" for n in range(20)]
    space.ci(f"canaries = {json.dumps(slugs)}\ncanary_cells = 24")
    reword(space)
    before = mock.asked
    summary = run(space, changed=True)
    assert (summary.asked, summary.canaries, mock.asked - before) == (4, 24, 28)
    assert rows(
        space, "SELECT count(DISTINCT tool), max(n) FROM "
        "(SELECT tool, count(*) AS n FROM attempts WHERE canary GROUP BY tool)"
    ) == [(20, 2)]  # fmt: skip
    assert rows(
        space, "SELECT min(n), max(n) FROM "
        "(SELECT persona, count(*) AS n FROM attempts WHERE canary GROUP BY persona)"
    ) == [(6, 6)]  # fmt: skip


@pytest.mark.slow
def test_twelve_canaries_on_record_five_times_are_48_requests(
    copied: Callable[[Make], Space], mock: MockEndpoint
) -> None:
    space = copied(thirty_frozen)
    slugs = [f"tool-{n:02}" for n in range(12)]
    run(space, repeats=5, tools=slugs)
    freeze(space)
    space.ci(f"canaries = {json.dumps(slugs)}\nrepeats = 5")
    reword(space)
    before = mock.asked
    summary = run(space, changed=True)
    assert (summary.asked, summary.canaries, mock.asked - before) == (20, 48, 68)


def test_a_canary_that_is_deleted_is_asked_no_more_and_the_rest_as_before(
    watched: Space, panel: Panel
) -> None:
    edit(watched.root / "panel.toml", '"bellows"', '"bellows", "crucible"')
    (watched.root / "tools/crucible.md").unlink()
    done = panel("run", "--changed", cwd=watched.root)
    assert done.code == 2 and "there is no tool 'crucible'" in done.err
    edit(watched.root / "panel.toml", ', "crucible"', "")
    reword(watched)
    assert run(watched, changed=True).canaries == 4
    freeze(watched, prune=True)
    assert votes_of(only_check(watched)) == {"bellows": ["ship"] * 4}


def test_a_tool_with_the_wording_of_a_canary_is_a_tool_and_its_answers_count(
    watched: Space,
) -> None:
    """A copy is asked the very same questions, beside the canary, in the same run."""
    shutil.copy(watched.root / "tools/bellows.md", watched.root / "tools/blower.md")
    summary = run(watched, changed=True)
    assert (summary.asked, summary.verdicts, summary.canaries) == (4, 4, 4)
    assert rows(
        watched, "SELECT tool, canary, count(*) FROM attempts WHERE tool LIKE 'b%' "
        "GROUP BY ALL ORDER BY ALL"
    ) == [("bellows", False, 4), ("bellows", True, 4), ("blower", False, 4)]  # fmt: skip
    assert pending(watched) == []
    freeze(watched)
    assert list(only_check(watched).canaries) == ["bellows"]
    assert on_file(watched, "blower").n == 1


def test_nothing_but_the_canaries_is_asked_where_only_they_are_wanted(
    watched: Space, mock: MockEndpoint
) -> None:
    reword(watched)
    before = mock.asked
    summary = run(watched, canaries=True)
    assert (summary.planned, summary.asked, summary.canaries) == (0, 0, 4)
    assert mock.asked - before == 4 and len(pending(watched)) == 4


def test_a_canary_that_is_no_tool_is_a_problem_of_the_settings(
    watched: Space, panel: Panel
) -> None:
    edit(watched.root / "panel.toml", '"bellows"', '"bellow"')
    done = panel("check", cwd=watched.root)
    assert done.code == 2 and "'bellow'" in done.out and "'bellows'" in done.out
