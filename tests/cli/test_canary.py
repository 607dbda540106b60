"""`panel canary`: the canaries alone, what they say, and how a new model is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.frozen.canaries import CANARIES, read_canaries
from panel.frozen.files import FOLDER
from tests.support.faces import always
from tests.support.frozen_verdicts import freeze, only_check
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import Answer as Reply
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship

SIX = [f"canary-{n}" for n in range(6)]


def eight_ship(space: Space, mock: MockEndpoint) -> None:
    """Ask eight tools, each answer a ship, and freeze the answers."""
    for slug in SIX:
        space.tool(slug)
    all_ship(space, mock)


@pytest.fixture
def watched(copied: Callable[[Make], Space]) -> Space:
    """Make a repository of frozen verdicts, all ship, six of its tools canaries."""
    space = copied(eight_ship)
    space.ci(f"canaries = {json.dumps(SIX)}")
    repository(space.root)
    return space


def told(panel: Panel, space: Space, code: int, *words: str) -> dict[str, Any]:
    """Return what `panel canary --json` prints; it has to end with this code."""
    done = panel("canary", "--json", *words, cwd=space.root)
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def gate(panel: Panel, space: Space) -> int:
    """Return the exit code of the gate on drift since main."""
    return panel("diff", "main", "--fail-on", "drift", cwd=space.root).code


@pytest.mark.slow
def test_canaries_that_answer_as_before_end_with_0_and_change_no_verdict(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("ship")
    before = mock.asked
    found = told(panel, watched, 0)
    assert mock.asked - before == found["asked"] == found["verdicts"] == found["requests"] == 24
    assert (found["moved"], found["abstains"], found["errors"]) == (False, 0, 0)
    assert len(found["canaries"]) == 6 and found["stopped"] is None
    assert git(watched.root, "status", "--porcelain") == "", "only freeze writes them"
    assert freeze(watched).written == [f"{CANARIES}/{found['run_id']}.json"]


@pytest.mark.slow
def test_a_model_that_moved_ends_with_1_and_says_what_to_do(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("skip")
    done = panel("canary", cwd=watched.root)
    assert done.code == 1
    assert "The model moved: 24 of 24 answers, on 6 of 6 canaries" in done.out
    assert "  canary-0: 4 of 4 ship on record, 0 of 4 now" in done.out
    assert "'panel canary --accept'" in done.err
    assert told(panel, watched, 1)["moved"] is True


@pytest.mark.slow
def test_an_accepted_model_opens_the_gate_and_is_what_later_jobs_are_measured_against(
    watched: Space, mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    git(watched.root, "checkout", "-q", "-b", "work")
    edit(watched.root / "tools/anvil.md", "reads JSON", "eats JSON")
    mock.face = always("skip")
    run(watched, changed=True)
    freeze(watched)
    commit(watched.root, "the job's verdicts")
    assert gate(panel, watched) == 1
    git(tmp_path, "clone", "-q", "-b", "work", str(watched.root), "clone")
    clone = Space(tmp_path / "clone")
    git(clone.root, "branch", "main", "origin/main")
    asked = mock.asked
    found = told(panel, clone, 0, "--accept")
    assert mock.asked == asked, "accepting asks nothing"
    assert (found["moved"], found["accepted"]) == (True, True)
    assert found["written"] == [f"{CANARIES}/{found['run_id']}.json"]
    commit(clone.root, "accepted")
    assert only_check(clone).accepted and gate(panel, clone) == 0
    assert told(panel, clone, 0, "--accept")["written"] == [], "once is enough"

    git(clone.root, "checkout", "-q", "main")
    git(clone.root, "merge", "-q", "work")
    git(clone.root, "checkout", "-q", "-b", "next")
    edit(clone.root / "tools/bellows.md", "reads JSON", "eats JSON")
    run(clone, changed=True)
    freeze(clone)
    assert len(read_canaries(clone.root / FOLDER)) == 2 and gate(panel, clone) == 0
    mock.face = always("ship")
    assert told(panel, clone, 1)["moved"] is True, "the old model is the one that is new now"


@pytest.mark.slow
def test_a_server_that_renames_its_model_shuts_the_gate_until_that_is_accepted(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    def renamed(index: int, body: dict[str, Any]) -> Reply | None:
        plain = always("ship")(index, body)
        assert plain and isinstance(plain.body, dict)
        return Reply(body=plain.body | {"model": "mock-2", "system_fingerprint": "fp_new"})

    mock.face = renamed
    found = told(panel, watched, 1)
    assert found["moved"] is False and "names another model than before" in found["sentence"]
    assert told(panel, watched, 0, "--accept")["accepted"] is True
    assert told(panel, watched, 0)["moved"] is False


@pytest.mark.slow
def test_another_system_fingerprint_alone_is_mentioned_and_fails_nothing(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    def configured(index: int, body: dict[str, Any]) -> Reply | None:
        plain = always("ship")(index, body)
        assert plain and isinstance(plain.body, dict)
        return Reply(body=plain.body | {"system_fingerprint": "fp_new"})

    mock.face = configured
    assert "names another configuration" in told(panel, watched, 0)["sentence"]


def test_nothing_to_accept_nothing_to_ask_and_options_that_exclude_others_are_told(
    watched: Space, panel: Panel, mock: MockEndpoint
) -> None:
    nothing = panel("canary", "--accept", cwd=watched.root)
    assert nothing.code == 2 and "no canaries of mock/mock-1 were asked again" in nothing.err
    other = panel("canary", "--model", "mock-2", cwd=watched.root)
    assert other.code == 2 and "no canary has an answer of mock/mock-2" in other.err
    both = panel("canary", "--accept", "--max-calls", "9", cwd=watched.root)
    assert both.code == 2 and "--accept asks nothing" in both.err
    watched.point_at(mock)
    unnamed = panel("canary", cwd=watched.root)
    assert unnamed.code == 2 and "canaries = [" in unnamed.err
    assert mock.asked == 0


def test_a_bound_ends_it_with_4_and_what_was_answered_counts(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("ship")
    found = told(panel, watched, 4, "--max-calls", "10")
    assert (found["asked"], found["stopped"]) == (10, "budget")
    assert sum(each["n_again"] for each in found["canaries"]) == 10


@pytest.mark.slow
def test_cells_that_end_in_error_end_it_with_1_and_a_lost_endpoint_with_3(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    plain = always("ship")
    mock.face = lambda index, body: (
        Reply(413, "too large")
        if "Canary 3" in body["messages"][-1]["content"]
        else plain(index, body)
    )
    found = told(panel, watched, 1)
    assert (found["errors"], found["verdicts"]) == (4, 20)
    assert found["moved"] is None, "five canaries are too few"
    mock.face = lambda _index, _body: Reply(401, "no key")
    assert told(panel, watched, 3)["moved"] is None


@pytest.mark.slow
def test_answers_are_recorded_and_replayed(
    watched: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("skip")
    told(panel, watched, 1, "--record", "answers.jsonl")
    asked = mock.asked
    assert told(panel, watched, 1, "--replay", "answers.jsonl")["asked"] == 24
    assert mock.asked == asked
