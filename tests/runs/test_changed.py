"""`panel run --changed`: asks what verdicts/ does not hold, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.cells.cells import identify
from panel.engines.base import RunBudget
from panel.errors import UsageError
from panel.frozen.files import (
    CANARIES,
    FOLDER,
    read_canaries,
)
from panel.store.ingest import rebuild
from panel.store.queries import latest_canaries, opened
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from tests.support.faces import always, voting
from tests.support.frozen_verdicts import freeze, on_file, status, texts
from tests.support.git_repository import commit, git, repository
from tests.support.large_catalogs import frozen_catalog
from tests.support.mock_endpoint import Answer as Reply
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import pending, rows, run
from tests.support.sizes import size
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship, thirty_frozen


@pytest.fixture
def thirty(copied: Callable[[Make], Space]) -> Space:
    """Make a git repository of 30 tools, asked, frozen and committed on main."""
    space = copied(thirty_frozen)
    repository(space.root)
    return space


def a_description(root: Path) -> None:
    edit(root / "tools/tool-07.md", "reads JSON", "eats JSON")


def a_personas_wording(root: Path) -> None:
    edit(root / "personas/skeptic.md", "Place the tool", "Put the tool")


def a_template_comment(root: Path) -> None:
    file = root / "prompts/review.md.j2"
    file.write_text("{#- A note to ourselves. -#}\n" + file.read_text())


def a_limit(root: Path) -> None:
    file = root / "panel.toml"
    file.write_text(file.read_text() + "[limits]\nattempts = 7\ntimeout_seconds = 9\n")


@pytest.mark.sample(2)
@pytest.mark.parametrize("since", [None, "main"])
@pytest.mark.parametrize("store", ["own", "fresh clone"])
def test_one_edit_on_each_of_four_branches_asks_4_30_0_and_0_cells(
    thirty: Space, mock: MockEndpoint, tmp_path: Path, panel: Panel, since: str | None, store: str
) -> None:
    edits: dict[Callable[[Path], None], int] = {
        a_description: 4,
        a_personas_wording: 30,
        a_template_comment: 0,
        a_limit: 0,
    }
    root = thirty.root
    if store == "fresh clone":
        root = tmp_path / "clone"
        git(tmp_path, "clone", "-q", str(thirty.root), str(root))
    words = ["run", "--changed", "--json"] + (["--since", since] if since else [])
    asked = {}
    for change in edits:
        git(root, "switch", "-qc", change.__name__, "main")
        change(root)
        commit(root, change.__name__)
        before, connections = mock.asked, mock.connections
        done = panel(*words, cwd=root)
        assert done.code == 0, done.err
        told = json.loads(done.out)
        asked[change] = told["asked"]
        assert mock.asked - before == told["asked"] == told["requests"]
        assert (told["planned"], told["reused"]) == (120, 120 - told["asked"])
        if not told["asked"]:
            assert mock.connections == connections, "no connection is opened"
    assert asked == edits


def test_a_no_op_opens_no_connection_and_writes_nothing(
    thirty: Space, mock: MockEndpoint, panel: Panel
) -> None:
    before = sorted((thirty.root / "runs").rglob("*")), texts(thirty)
    connections, requests = mock.connections, len(mock.requests)
    done = panel("run", "--changed", cwd=thirty.root)
    assert (done.code, done.out) == (0, "Nothing asked: 120 of 120 cells reused.\n")
    assert (mock.connections, len(mock.requests)) == (connections, requests)
    assert (sorted((thirty.root / "runs").rglob("*")), texts(thirty)) == before


def test_after_the_answers_are_frozen_nothing_is_left_to_ask(thirty: Space) -> None:
    a_description(thirty.root)
    assert len(status(thirty)) == 4
    run(thirty, changed=True)
    assert freeze(thirty).written == ["tool-07.json"]
    assert status(thirty) == [] and pending(thirty, changed=True) == []
    commit(thirty.root)
    assert git(thirty.root, "show", "--stat", "--format=", "HEAD").count("|") == 2


def test_since_leaves_alone_what_was_stale_before_that_revision(thirty: Space) -> None:
    """A neglected panel: somebody else's stale verdicts are not this branch's to pay for."""
    edit(thirty.root / "tools/tool-11.md", "reads JSON", "drinks JSON")
    commit(thirty.root, "neglect")
    git(thirty.root, "switch", "-qc", "mine")
    a_description(thirty.root)
    assert {each[0] for each in pending(thirty, changed=True)} == {"tool-07", "tool-11"}
    assert {each[0] for each in pending(thirty, changed=True, since="main")} == {"tool-07"}
    assert {each[0] for each in pending(thirty, changed=True, since="main~1")} == {
        "tool-07",
        "tool-11",
    }


def test_since_asks_a_new_tool_and_nothing_of_one_that_is_gone(thirty: Space) -> None:
    thirty.tool("anew")
    (thirty.root / "tools/tool-03.md").unlink()
    assert {each[0] for each in pending(thirty, changed=True, since="main")} == {"anew"}


def test_since_a_revision_that_was_no_workspace_everything_is_new(space: Space) -> None:
    """panel.toml came later, or was broken then."""
    space.settings('[panel]\nendpoint = "mock"\n[endpoints.mock]\nbase_url = "http://127.0.0.1:9"\n'
                   'model = "mock-1"\n')  # fmt: skip
    good = (space.root / "panel.toml").read_text()
    space.settings("[panel\n")
    repository(space.root)
    space.settings(good)
    assert len(pending(space, changed=True, since="main")) == 8


@pytest.mark.parametrize("revision", ["nowhere", "-x", "--help"])
def test_since_no_revision_is_a_usage_error(
    mocked: Space, mock: MockEndpoint, panel: Panel, revision: str
) -> None:
    repository(mocked.root)
    with pytest.raises(UsageError, match="no revision"):
        pending(mocked, changed=True, since=revision)
    done = panel("run", "--changed", f"--since={revision}", cwd=mocked.root)
    assert done.code == 2 and revision in done.err and mock.connections == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "main"),
        ("--changed", "--again"),
        ("--changed", "--retry-errors"),
        ("--changed", "--retry-abstained"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    mocked: Space, mock: MockEndpoint, panel: Panel, words: tuple[str, ...]
) -> None:
    assert panel("run", *words, cwd=mocked.root).code == 2
    assert panel("plan", *words, cwd=mocked.root).code == 2
    assert mock.connections == 0


def test_plan_says_what_changed_would_ask_and_asks_nothing(
    thirty: Space, mock: MockEndpoint, panel: Panel
) -> None:
    a_personas_wording(thirty.root)
    connections = mock.connections
    for words in (("plan",), ("run", "--dry-run")):
        told = json.loads(panel(*words, "--changed", "--json", cwd=thirty.root).out)
        assert (told["pending"], told["reasons"]) == (30, {"persona changed": 30})
    assert mock.connections == connections


def test_without_verdicts_on_file_everything_is_changed(mocked: Space) -> None:
    assert len(pending(mocked, changed=True)) == 8


def test_an_answer_in_the_store_alone_is_reused_and_not_asked_again(
    asked: Space, mock: MockEndpoint
) -> None:
    summary = run(asked, changed=True)
    assert (summary.asked, summary.reused, mock.asked) == (0, 8, 0)


def test_a_budget_stops_it_with_exit_4_and_the_next_run_goes_on(
    thirty: Space, mock: MockEndpoint, panel: Panel
) -> None:
    a_personas_wording(thirty.root)
    before = mock.asked
    done = panel("run", "--changed", "--max-calls", "10", "--json", cwd=thirty.root)
    told = json.loads(done.out)
    assert (done.code, told["stopped"]) == (4, "budget")
    assert mock.asked - before == told["requests"] <= 10
    left = 30 - told["asked"]
    assert len(pending(thirty, changed=True)) == left
    assert panel("run", "--changed", cwd=thirty.root).code == 0
    assert mock.asked - before == 30
    freeze(thirty)
    assert status(thirty) == []


def test_a_no_op_fits_into_any_budget(thirty: Space, panel: Panel) -> None:
    assert panel("run", "--changed", "--max-calls", "1", cwd=thirty.root).code == 0


def test_with_repeats_a_cut_off_run_goes_on_where_it_stopped(
    thirty: Space, mock: MockEndpoint
) -> None:
    a_description(thirty.root)
    before = mock.asked
    first = run(thirty, RunBudget(max_calls=7), changed=True, repeats=5)
    assert first.stopped == "budget" and 0 < first.asked <= 7
    second = run(thirty, changed=True, repeats=5)
    assert first.asked + second.asked == mock.asked - before == 20
    keys = rows(thirty, "SELECT tool, persona, repeat, count(*) FROM attempts "
                "WHERE tool = 'tool-07' AND repeat > 1 GROUP BY ALL")  # fmt: skip
    assert len(keys) == 16 and {many for *_, many in keys} == {1}, "no cell twice"
    freeze(thirty)
    assert on_file(thirty, "tool-07").n == 5
    assert pending(thirty, changed=True, repeats=5) == []


def test_repeats_come_from_panel_toml_where_none_are_named(thirty: Space) -> None:
    add_ci(thirty, "repeats = 3")
    assert status(thirty) == [] and pending(thirty, changed=True) == []
    a_description(thirty.root)
    assert len(pending(thirty, changed=True)) == 12
    assert len(pending(thirty, changed=True, repeats=2)) == 8
    assert len(pending(thirty)) == 4, "a plain run asks once"


def test_a_pair_that_holds_is_not_asked_for_repeats_it_never_had(thirty: Space) -> None:
    a_description(thirty.root)
    asked = pending(thirty, changed=True, repeats=3)
    assert {tool for tool, *_ in asked} == {"tool-07"} and len(asked) == 12


def test_errors_of_a_changed_run_are_asked_by_the_next(thirty: Space, mock: MockEndpoint) -> None:
    a_description(thirty.root)
    mock.face = lambda _index, _body: Reply(413, "too large")
    assert run(thirty, changed=True).errors == 4
    assert freeze(thirty).unasked == 4 and len(status(thirty)) == 4
    mock.face = None
    assert run(thirty, changed=True).verdicts == 4


# -- canaries --------------------------------------------------------------------------------


def add_ci(space: Space, text: str) -> None:
    file = space.root / "panel.toml"
    file.write_text(file.read_text() + f"[ci]\n{text}\n")


def three_ship(space: Space, mock: MockEndpoint) -> None:
    """Ask three tools, each answer a ship, and freeze the answers."""
    space.tool("crucible")
    all_ship(space, mock)


@pytest.fixture
def watched(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a workspace of three tools that all ship, bellows a canary, frozen."""
    mock.face = always("ship")
    space = copied(three_ship)
    add_ci(space, 'canaries = ["bellows"]')
    return space


def reword(space: Space) -> None:
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")


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
    assert "canaries" not in summary.record()
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
    assert done.written == ["anvil.json", CANARIES]
    assert texts(watched)["bellows.json"] == files["bellows.json"]
    rebuild(watched.root / "runs")
    assert [rows(watched, sql) for sql in (shown, cells, takes)] == before
    assert rows(watched, "SELECT count(*) FROM attempts WHERE canary") == [(4,)]
    assert pending(watched) == []


def test_what_became_of_the_canaries_is_frozen_and_stays_until_they_are_asked_again(
    watched: Space, mock: MockEndpoint
) -> None:
    reword(watched)
    mock.face = voting(lambda _system, user: "skip" if "Bellows" in user else "ship")
    run(watched, changed=True)
    freeze(watched)
    check = read_canaries(watched.root / FOLDER)
    assert check is not None and check.model_identity == "mock/mock-1"
    assert [c.model_dump() for c in check.canaries] == [
        {"tool": "bellows", "ships": 4, "n": 4, "ships_again": 0, "n_again": 4}
    ]
    with opened(watched.root / "runs") as store:
        workspace = load_workspace(watched.root)
        endpoint = resolve_endpoint(workspace.settings, watched.root)
        votes = latest_canaries(store, identify(endpoint, None))
        assert votes is not None and votes.by_tool[0]["ships_again"] == 0
        assert latest_canaries(store, identify(resolve_endpoint(
            workspace.settings, watched.root, None, "mock-2"), None)) is None  # fmt: skip
    before = texts(watched)
    assert freeze(watched).written == [] and texts(watched) == before
    assert run(watched, changed=True).canaries == 0
    assert freeze(watched).written == []


def test_of_two_runs_with_canaries_the_later_one_tells(watched: Space, mock: MockEndpoint) -> None:
    for word, old, new in (("skip", "reads JSON", "eats JSON"), ("ship", "eats", "drinks")):
        edit(watched.root / "tools/anvil.md", old, new)
        mock.face = always(word)
        assert run(watched, changed=True).canaries == 4
    workspace = load_workspace(watched.root)
    model = identify(resolve_endpoint(workspace.settings, watched.root), None)
    with opened(watched.root / "runs") as store:
        votes = latest_canaries(store, model)
    assert votes is not None and votes.by_tool == [
        {"tool": "bellows", "ships": 4, "n": 4, "ships_again": 4, "n_again": 4}
    ]


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
    check = read_canaries(clone.root / FOLDER)
    assert check is not None
    assert (check.canaries[0].ships, check.canaries[0].ships_again) == (4, 0)
    assert rows(clone, "SELECT count(*) FROM attempts WHERE canary") == [(4,)]


def test_a_canary_that_has_changed_itself_is_asked_as_a_tool(watched: Space) -> None:
    edit(watched.root / "tools/bellows.md", "reads JSON", "eats JSON")
    summary = run(watched, changed=True)
    assert (summary.asked, summary.canaries) == (4, 0)
    assert rows(watched, "SELECT count(*) FROM attempts WHERE canary") == [(0,)]


def test_a_canary_never_asked_has_nothing_to_be_compared_with(
    mocked: Space, mock: MockEndpoint
) -> None:
    add_ci(mocked, 'canaries = ["bellows"]')
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
    assert read_canaries(watched.root / FOLDER) is None, "none has voted"
    assert status(watched) == []


def test_a_budget_counts_canaries_too(watched: Space, mock: MockEndpoint, panel: Panel) -> None:
    reword(watched)
    before = mock.asked
    done = panel("run", "--changed", "--max-calls", "6", "--json", cwd=watched.root)
    assert (done.code, mock.asked - before) == (4, 6)
    assert json.loads(done.out)["asked"] == 4, "what changed goes before canaries"


def test_every_repeat_of_a_canary_is_asked_again(watched: Space) -> None:
    run(watched, repeats=3, tools=["bellows"])
    freeze(watched)
    reword(watched)
    summary = run(watched, changed=True)
    assert (summary.asked, summary.canaries) == (4, 12)


def test_a_canary_that_is_no_tool_is_a_problem_of_the_settings(
    watched: Space, panel: Panel
) -> None:
    edit(watched.root / "panel.toml", '"bellows"', '"bellow"')
    done = panel("check", cwd=watched.root)
    assert done.code == 2 and "'bellow'" in done.out and "'bellows'" in done.out


# -- size ------------------------------------------------------------------------------------


def test_every_verdict_of_ten_thousand_tools_is_checked_and_no_store_is_made(
    space: Space, panel: Panel
) -> None:
    tools = size(200, 10_000)
    frozen_catalog(space, tools)
    done = panel("check", "--frozen", cwd=space.root)
    assert (done.code, done.out) == (0, ""), done.out[:500]
    assert f"{4 * tools:,} of {4 * tools:,} verdicts" in done.err
    assert not (space.root / "runs").exists()
