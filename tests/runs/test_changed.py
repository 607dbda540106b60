"""`panel run --changed`: asks what verdicts/ does not hold, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.engines.base import RunBudget
from panel.errors import UsageError
from tests.support.frozen_verdicts import freeze, on_file, status, texts
from tests.support.git_repository import commit, git, repository
from tests.support.large_catalogs import frozen_catalog
from tests.support.mock_endpoint import Answer as Reply
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import pending, rows, run
from tests.support.sizes import size
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, thirty_frozen


@pytest.fixture
def thirty(copied: Callable[[Make], Space]) -> Space:
    """Make a git repository of 30 tools, asked, frozen and committed on main."""
    space = copied(thirty_frozen)
    repository(space.root)
    return space


def a_description(root: Path) -> None:
    edit(root / "tools/tool-07.md", "reads JSON", "eats JSON")


def a_personas_wording(root: Path) -> None:
    edit(root / "personas/skeptic.md", "One scenario in which", "A scenario in which")


def a_template_comment(root: Path) -> None:
    file = root / "prompts/review.md.j2"
    file.write_text("{#- A note to ourselves. -#}\n" + file.read_text())


def a_limit(root: Path) -> None:
    file = root / "panel.toml"
    file.write_text(file.read_text() + "[limits]\nattempts = 7\ntimeout_seconds = 9\n")


@pytest.mark.slow
@pytest.mark.sample(1)
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


@pytest.mark.slow
def test_a_no_op_opens_no_connection_and_writes_nothing(
    thirty: Space, mock: MockEndpoint, panel: Panel
) -> None:
    before = sorted((thirty.root / "runs").rglob("*")), texts(thirty)
    connections, requests = mock.connections, len(mock.requests)
    done = panel("run", "--changed", cwd=thirty.root)
    assert (done.code, done.out) == (0, "Nothing asked: 120 of 120 cells reused.\n")
    assert (mock.connections, len(mock.requests)) == (connections, requests)
    assert (sorted((thirty.root / "runs").rglob("*")), texts(thirty)) == before


@pytest.mark.slow
def test_after_the_answers_are_frozen_nothing_is_left_to_ask(thirty: Space) -> None:
    a_description(thirty.root)
    assert len(status(thirty)) == 4
    run(thirty, changed=True)
    assert freeze(thirty).written == ["tool-07.json"]
    assert status(thirty) == [] and pending(thirty, changed=True) == []
    commit(thirty.root)
    assert git(thirty.root, "show", "--stat", "--format=", "HEAD").count("|") == 2


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_repeats_come_from_panel_toml_where_none_are_named(thirty: Space) -> None:
    thirty.ci("repeats = 3")
    assert status(thirty) == [] and pending(thirty, changed=True) == []
    a_description(thirty.root)
    assert len(pending(thirty, changed=True)) == 12
    assert len(pending(thirty, changed=True, repeats=2)) == 8
    assert len(pending(thirty)) == 4, "a plain run asks once"


def test_a_pair_that_holds_is_not_asked_for_repeats_it_never_had(thirty: Space) -> None:
    a_description(thirty.root)
    asked = pending(thirty, changed=True, repeats=3)
    assert {tool for tool, *_ in asked} == {"tool-07"} and len(asked) == 12


@pytest.mark.slow
def test_errors_of_a_changed_run_are_asked_by_the_next(thirty: Space, mock: MockEndpoint) -> None:
    a_description(thirty.root)
    mock.face = lambda _index, _body: Reply(413, "too large")
    assert run(thirty, changed=True).errors == 4
    assert freeze(thirty).unasked == 4 and len(status(thirty)) == 4
    mock.face = None
    assert run(thirty, changed=True).verdicts == 4


# -- size ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_verdict_of_ten_thousand_tools_is_checked_and_no_store_is_made(
    space: Space, panel: Panel
) -> None:
    tools = size(200, 10_000)
    frozen_catalog(space, tools)
    done = panel("check", "--frozen", cwd=space.root)
    assert (done.code, done.out) == (0, ""), done.out[:500]
    assert f"{4 * tools:,} of {4 * tools:,} verdicts" in done.err
    assert not (space.root / "runs").exists()
