"""What the refusals of one cell and of all say about how requests are made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engines.test_trouble import CELLS, TOOLS, attempts, named, run
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.space import Panel, Space
from tests.support.weather import error, reply


@pytest.fixture
def wide(mocked: Space) -> Space:
    for number in range(TOOLS - 2):
        mocked.tool(f"tool-{number}")
    return mocked


def learned(space: Space) -> dict[str, Any]:
    (known,) = json.loads((space.root / "runs/endpoints.json").read_text()).values()
    return {name: known[name] for name in ("output_mode", "without", "renamed", "merge_system")}


MODE = "json_schema"
PLAIN = {"output_mode": MODE, "without": [], "renamed": {}, "merge_system": False}


def constrained(body: dict[str, Any]) -> bool:
    return "response_format" in body or "tools" in body


def with_system(body: dict[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


@pytest.mark.parametrize(
    ("refuses", "found"),
    [
        (constrained, {"output_mode": "prompted"}),
        (lambda body: "temperature" in body, {"without": ["temperature"]}),
        (with_system, {"merge_system": True}),
    ],
)
def test_a_refusal_that_says_nothing_leads_to_the_strictest_way_that_is_taken(
    wide: Space, mock: MockEndpoint, panel: Panel, refuses: Any, found: dict[str, Any]
) -> None:
    """The barest request tells that there is one; what works is remembered."""
    no = error(400, "The parameter is invalid. Please check again.", 20015)
    mock.face = lambda _index, body: no if refuses(body) else reply(body)
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, CELLS)
    # Some 16 for the search, and those of other cells that were under way meanwhile.
    assert mock.asked <= CELLS + 40
    assert learned(wide) == PLAIN | found
    before = mock.asked
    code, summary, _done = run(wide, panel, "--again")
    assert (code, summary["verdicts"], mock.asked - before) == (0, CELLS, CELLS)


@pytest.mark.parametrize("name", ["Anvil", "Tool 3"])  # the first to be asked, and the last
@pytest.mark.parametrize(
    "words",
    [
        'control token not supported near "... logs temperature and humidity"',
        'unknown entity in "... set max_tokens to 8 ..."',
        "The system message of this request could not be tokenized",
        "could not be processed: '... structured outputs with a grammar ...'",
    ],
)
def test_words_about_one_tool_change_the_requests_of_no_other(
    wide: Space, mock: MockEndpoint, panel: Panel, name: str, words: str
) -> None:
    mock.face = named(name, error(400, f"messages[1].content: {words}"))
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"], summary["errors"]) == (1, CELLS - 4, 4)
    assert learned(wide) == PLAIN
    odd = [a for a in attempts(wide) if (a["adapted"], a["output_mode"]) != ([], MODE)]
    assert {a["tool"] for a in odd} <= {name.lower().replace(" ", "-")}


@pytest.mark.parametrize("name", ["Tool 2", "Tool 3"])
def test_a_field_that_one_tool_alone_is_refused_with_is_sent_for_all_others(
    wide: Space, mock: MockEndpoint, panel: Panel, name: str
) -> None:
    refused = error(400, "Unsupported parameter: temperature")
    only = named(name, refused)
    mock.face = lambda index, body: only(index, body) if "temperature" in body else None
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"]) == (0, CELLS) and learned(wide) == PLAIN
    odd = [a["tool"] for a in attempts(wide) if a["adapted"]]
    assert {*odd} == {name.lower().replace(" ", "-")}


PAGE = {"content-type": "text/html"}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(405, "<!doctype html><html>blocked</html>", PAGE),
        Answer(302, "", {"location": "https://waf.example/blocked"}),
        Answer(404, "<html><title>404 Not Found</title></html>", PAGE),
        Answer(401, "<html>Access denied by policy</html>", PAGE),
    ],
)
def test_a_firewall_before_the_first_tool_ends_no_run(
    wide: Space, mock: MockEndpoint, panel: Panel, answer: Answer
) -> None:
    mock.face = named("Anvil", answer)
    code, summary, _done = run(wide, panel)
    assert (code, summary["verdicts"], summary["errors"]) == (1, CELLS - 4, 4)
