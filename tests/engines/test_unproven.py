"""What looks like a model's abstention, and is the trouble of an endpoint without a verdict."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from panel.engines.base import RunBudget
from panel.runs.run import ProgressReporter, Recording, execute
from panel.runs.selection import Selection, prepare
from panel.workspace.loading import load_workspace
from tests.engines.test_trouble import (
    CELLS,
    TOOLS,
    Face,
    attempts,
    named,
    narrated,
    reasons,
    run,
)
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.space import Panel, Space
from tests.support.weather import error

MADE_UP = Answer(body=completion("[Gateway] Upstream returned nothing. Please retry."))
POLICY = error(403, "Your request was blocked by your organization's security policy.")
CODED = error(400, "Filtered", "content_filter")


@pytest.fixture
def wide(mocked: Space) -> Space:
    for number in range(TOOLS - 2):
        mocked.tool(f"tool-{number}")
    return mocked


def for_ever(answer: Answer) -> Face:
    return lambda _index, _body: answer


@pytest.mark.parametrize(
    ("answer", "label", "requests", "said", "left"),
    [
        (MADE_UP, "unparsable", 6, "[Gateway] Upstream returned nothing", CELLS),
        (POLICY, "forbidden", 3, "organization's security policy", CELLS),
        (CODED, "forbidden", 3, "Filtered", CELLS - 2),  # a filter's own word is believed
    ],
)
def test_what_all_tools_get_instead_of_verdicts_ends_the_run_and_leaves_them_open(
    wide: Space,
    mock: MockEndpoint,
    panel: Panel,
    answer: Answer,
    label: str,
    requests: int,
    said: str,
    left: int,
) -> None:
    mock.face = for_ever(answer)
    code, summary, done = run(wide, panel)
    assert (code, summary["stopped"], mock.asked) == (3, "endpoint", requests)
    (line,) = narrated(done)
    assert f"{label}: 3 cells in a row: " in line and said in line
    assert summary["abstains"] == CELLS - left
    mock.face = None
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, left)


def test_replies_of_a_small_model_that_fill_no_form_are_shown_with_a_way_to_go_on(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    """Asked about one tool, it is taken at its word."""
    mock.face = lambda index, _body: Answer(body=completion(f"Reply {index}: hard to say."))
    code, summary, done = run(wide, panel)
    assert (code, summary["abstains"], mock.asked) == (3, 0, 6)
    assert "it replied 'Reply 5: hard to say.'" in done.err and "--tool" in done.err
    code, summary, _done = run(wide, panel, "--tool", "anvil")
    assert (code, summary["abstains"]) == (0, 4)


@pytest.mark.parametrize("answer", [MADE_UP, POLICY])
def test_an_abstention_before_any_verdict_is_kept_once_others_have_been_answered(
    wide: Space, mock: MockEndpoint, panel: Panel, answer: Answer
) -> None:
    mock.face = named("Anvil", answer)
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"], summary["abstains"]) == (0, CELLS - 4, 4)
    assert sum(reasons(wide).values()) == CELLS
    assert len([a for a in attempts(wide) if a["final"]]) == CELLS


def test_a_model_that_fills_the_form_wrongly_abstains_as_often_as_it_likes(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = for_ever(Answer(body=completion('{"evidence": [], "verdict": "maybe"}')))
    code, summary, _done = run(wide, panel)
    assert (code, summary["abstains"]) == (0, CELLS)


def test_one_text_for_tools_in_a_row_ends_a_run_that_had_verdicts(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = lambda index, _body: MADE_UP if index >= 6 else None
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (3, 6) and mock.asked <= 6 + 20
    assert "[Gateway] Upstream returned nothing" in done.err


def test_one_text_with_an_id_of_its_own_in_each_is_one_text(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    def face(index: int, _body: dict[str, Any]) -> Answer | None:
        said = f"[upstream error 502: no healthy backend. Request id {uuid4()} of {index} s]"
        return Answer(body=completion(said)) if index >= 6 else None

    mock.face = face
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"]) == (3, 6) and mock.asked <= 6 + 20
    assert "no healthy backend" in done.err and "--retry-abstained" in done.err


def test_replies_in_a_row_that_fill_no_form_end_a_run_whatever_they_say(
    wide: Space, mock: MockEndpoint, panel: Panel
) -> None:
    def face(index: int, _body: dict[str, Any]) -> Answer | None:
        words = Answer(body=completion(f"Sorry: {'o' * index}."))
        return words if index >= 4 else None

    mock.face = face
    code, summary, done = run(wide, panel)
    assert (code, summary["verdicts"], summary["stopped"]) == (3, 4, "endpoint")
    assert "unparsable: 16 cells in a row: it replied 'Sorry: o" in done.err


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "Bad Request"),
        POLICY,
        MADE_UP,
        Answer(body=completion("")),
        Answer(body=completion("", "error")),
    ],
)
def test_a_broken_server_takes_no_cell_of_a_healthy_one(wide: Space, answer: Answer) -> None:
    def face(_index: int, _body: dict[str, Any]) -> Answer:
        return answer

    with MockEndpoint(face=face) as broken, MockEndpoint(delay=0.01) as healthy:
        addresses = json.dumps([broken.base_url, healthy.base_url])
        wide.settings(
            f'[panel]\nendpoint = "lab"\n\n[endpoints.lab]\nbase_urls = {addresses}\n'
            'model = "mock-1"\nconcurrency = 4\n'
        )
        workspace = load_workspace(wide.root)
        reporter = ProgressReporter(lambda _stats: None, lambda _notice: None)
        summary, _stats = execute(
            workspace, prepare(workspace, Selection()), reporter, RunBudget(), Recording()
        )
    assert (summary.verdicts, summary.abstains, summary.errors) == (CELLS, 0, 0)
