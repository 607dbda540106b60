"""`[ci] most_repeats`: a changed pair is asked on while its answers are not sure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from panel.engines.base import RunBudget
from panel.errors import WorkspaceError
from panel.workspace.loading import load_workspace
from tests.support.faces import Face, always, voting
from tests.support.frozen_verdicts import freeze, on_file, status
from tests.support.mock_endpoint import Answer as Reply
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import pending, rows, run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, surely_ship


@pytest.fixture
def reworded(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    """Make a workspace whose verdicts are surely ship, with one description reworded since."""
    space = copied(surely_ship)
    ci(space, "repeats = 4\nmost_repeats = 9")
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("ship")
    return space


def ci(space: Space, text: str) -> None:
    file = space.root / "panel.toml"
    file.write_text(file.read_text().partition("[ci]")[0] + f"[ci]\n{text}\n")


def skipping(builder: list[str]) -> Face:
    """Ship, but for the builder on anvil, whose votes are these in turn."""
    votes = iter(builder)

    def word(system: str, user: str) -> str:
        mine = "You are the Builder" in system and "eats JSON" in user
        return next(votes) if mine else "ship"

    return voting(word)


def highest(space: Space) -> dict[str, int]:
    """Return how often each persona has been asked about the new wording."""
    return dict(
        rows(
            space,
            "SELECT persona, max(repeat) FROM attempts WHERE tool = 'anvil' AND run_id = ("
            "SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 1) GROUP BY ALL",
        )
    )


@pytest.mark.slow
def test_answers_that_agree_are_asked_no_more_than_the_first_repeats(
    reworded: Space, mock: MockEndpoint
) -> None:
    asked = mock.asked
    done = run(reworded, changed=True)
    assert (done.planned, done.reused, done.asked, mock.asked - asked) == (32, 16, 16, 16)


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("votes", "asked", "verdict"),
    [
        (["skip"] * 4, 4, "skip"),
        (["skip", "skip", "ship", "skip", *["skip"] * 3], 7, "skip"),
        (["ship", "skip", "ship", "ship", *["ship"] * 3], 7, "ship"),
        (["ship", "skip"] * 5, 9, "ship"),
        (["skip"] * 3 + ["ship"] * 3 + ["skip"] * 3, 9, "ship"),
    ],
)
def test_a_pair_is_asked_until_it_is_sure_or_at_the_bound(
    reworded: Space, mock: MockEndpoint, votes: list[str], asked: int, verdict: str
) -> None:
    edit(reworded.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    mock.face = skipping(votes)
    before = mock.asked
    done = run(reworded, changed=True)
    assert highest(reworded) == {
        "builder": asked, "skeptic": 4, "futurist": 4, "business-analyst": 4
    }  # fmt: skip
    assert mock.asked - before == done.asked == done.verdicts == 12 + asked
    assert done.planned == done.reused + done.asked
    freeze(reworded)
    assert on_file(reworded).verdict == verdict and len(on_file(reworded).answers) == asked
    assert pending(reworded, changed=True) == [], "what is frozen holds, sure or not"


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    reworded: Space, mock: MockEndpoint
) -> None:
    edit(reworded.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    mock.face = skipping(["ship", "skip"] * 5)
    first = run(reworded, RunBudget(max_calls=18), changed=True)
    assert first.stopped == "budget" and first.asked == 18
    second = run(reworded, changed=True)
    assert first.asked + second.asked == 12 + 9
    assert run(reworded, changed=True).asked == 0
    keys = rows(reworded, "SELECT persona, repeat, tool_digest, count(*) FROM attempts "
                "WHERE tool = 'anvil' GROUP BY ALL HAVING count(*) > 1")  # fmt: skip
    assert keys == [], "no cell twice"


@pytest.mark.slow
def test_after_an_error_a_pair_is_left_to_the_next_run(reworded: Space, mock: MockEndpoint) -> None:
    edit(reworded.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    plain, seen = skipping(["ship", "skip", "ship"] + ["ship"] * 9), Counter[str]()

    def face(index: int, body: dict) -> Reply | None:  # type: ignore[type-arg]
        system = body["messages"][0]["content"]
        seen["builder"] += "You are the Builder" in system
        if "You are the Builder" in system and seen["builder"] == 4:
            return Reply(413, "too large")
        return plain(index, body)

    mock.face = face
    first = run(reworded, changed=True)
    assert (first.errors, first.asked, first.planned - first.reused) == (1, 16, 16)
    assert run(reworded, changed=True).asked == 4, "the failed one, and three to be sure"


def test_an_abstention_is_an_answer_and_no_vote(reworded: Space, mock: MockEndpoint) -> None:
    mock.face = voting(lambda _system, user: None if "eats JSON" in user else "ship")
    done = run(reworded, changed=True)
    assert (done.asked, done.abstains) == (4 * 9, 4 * 9)


def test_repeats_of_the_command_line_are_exact(reworded: Space, mock: MockEndpoint) -> None:
    mock.face = skipping(["ship", "skip"] * 5)
    assert run(reworded, changed=True, repeats=4).asked == 16


def test_the_plan_says_what_may_come_on_top_and_at_worst(reworded: Space, panel: Panel) -> None:
    told = json.loads(panel("plan", "--changed", "--json", cwd=reworded.root).out)
    assert (told["pending"], told["perhaps"]) == (16, 4 * 5)
    assert (told["estimate"]["calls"], told["estimate"]["worst_calls"]) == (16, 3 * 36)
    shown = panel("plan", "--changed", cwd=reworded.root).out
    assert "not sure, at most" in shown and "20" in shown
    assert "32 cells: 2 tools × 4 personas, asked of" in shown


def test_canaries_settle_nothing(reworded: Space, mock: MockEndpoint) -> None:
    ci(reworded, 'repeats = 4\nmost_repeats = 9\ncanaries = ["bellows"]')
    edit(reworded.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    mock.face = skipping(["ship", "skip"] * 5)
    done = run(reworded, changed=True)
    assert (done.asked, done.canaries) == (12 + 9, 16)


def test_what_a_canary_says_is_in_no_sum_of_the_run(
    reworded: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """Four votes are four: what canaries vote is not among them."""
    ci(reworded, 'canaries = ["bellows"]')
    mock.face = voting(lambda _system, user: "ship" if "eats JSON" in user else "skip")
    out = panel("run", "--changed", cwd=reworded.root).out
    assert "4 cells asked" in out and "4 verdicts (4 ship, 0 skip), 0 abstained, 0 errors" in out
    assert "16 canaries asked again" in out


def test_a_bound_below_the_first_repeats_is_refused(reworded: Space, panel: Panel) -> None:
    ci(reworded, "repeats = 5\nmost_repeats = 3")
    with pytest.raises(WorkspaceError, match="most_repeats = 3 is below repeats = 5"):
        load_workspace(reworded.root)
    assert panel("check", cwd=reworded.root).code == 2


def test_nothing_stale_asks_nothing_however_unsure(reworded: Space, mock: MockEndpoint) -> None:
    edit(reworded.root / "tools/anvil.md", "eats JSON", "reads JSON")
    connections = mock.connections
    assert status(reworded) == [] and run(reworded, changed=True).asked == 0
    assert mock.connections == connections


def experiment(space: Space, panel: Panel, repeats: int) -> None:
    """Ask the house panel's own questions about anvil for an experiment."""
    file = space.root / "experiments" / "same.toml"
    file.parent.mkdir()
    select = '[select]\ntools = ["anvil"]\n'
    file.write_text(f'question = "?"\nrepeats = {repeats}\n{select}[arms.control]\n')
    assert panel("experiment", "run", "same", cwd=space.root).code in (0, 1)


@pytest.mark.slow
def test_the_answers_of_an_experiment_to_the_very_same_questions_are_taken_before_any_is_asked(
    reworded: Space, mock: MockEndpoint, panel: Panel
) -> None:
    edit(reworded.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    turns = Counter[str]()

    def word(system: str, user: str) -> str:
        mine = "You are the Builder" in system and "eats JSON" in user
        turns["builder"] += mine
        return "skip" if mine and turns["builder"] % 2 else "ship"

    mock.face = voting(word)
    experiment(reworded, panel, repeats=6)
    before = mock.asked
    done = run(reworded, changed=True)
    assert mock.asked - before == done.asked == 3, "six of the builder's nine were there"
    freeze(reworded)
    assert len(on_file(reworded).answers) == 9 and on_file(reworded).ships == 4
    assert run(reworded, changed=True).asked == 0


@pytest.mark.slow
def test_answers_of_an_experiment_that_come_to_be_wanted_during_a_run_are_taken_then(
    reworded: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """The experiment failed on some repeats: once they are asked, those after them are there."""
    edit(reworded.root / "panel.toml", "concurrency = 4", "concurrency = 1")
    plain, failed = skipping(["ship", "skip"] * 8), Counter[str]()

    def face(index: int, body: dict) -> Reply | None:  # type: ignore[type-arg]
        system = body["messages"][0]["content"]
        failed["builder"] += "You are the Builder" in system
        if "You are the Builder" in system and failed["builder"] <= 4:
            return Reply(413, "too large")
        return plain(index, body)

    mock.face = face
    experiment(reworded, panel, repeats=7)
    before = mock.asked
    done = run(reworded, changed=True)
    assert mock.asked - before == done.asked == 9 - 3
    held = "FROM verdicts WHERE tool = 'anvil' AND persona = 'builder'"
    assert rows(reworded, f"SELECT count(*), max(repeat) {held}") == [(9, 9)]
    late = "FROM journal.adoptions WHERE persona = 'builder' AND repeat > 4"
    assert rows(reworded, f"SELECT count(*) > 0 {late}") == [(True,)]
    assert run(reworded, changed=True).asked == 0
