"""The Python API: what docs/python.md shows runs, and importing it costs little."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import subprocess
import sys
from dataclasses import is_dataclass
from typing import Any

import pytest

import panel as api
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import ROOT, Panel, Space

DOCS = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)


def promised(source: str) -> list[tuple[str, str]]:
    """Return (expression, value) of each line whose comment begins with a value of Python."""
    found = []
    for line in source.splitlines():
        said = re.fullmatch(r"(\S.*?)\s+# (\(.*?\)|'[^']*'|\d+)(: .*)?", line)
        if said and not re.match(r"\w+ = ", said[1]):
            found.append((said[1], said[2]))
    return found


def test_the_examples_of_the_page_run_in_order_and_say_what_they_promise(
    mocked: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocked.root.rename(mocked.root.parent / "my-panel")
    monkeypatch.chdir(mocked.root.parent)
    names: dict[str, Any] = {}
    kept = 0
    for example in EXAMPLES:
        exec(compile(example, "docs/python.md", "exec"), names)
        for expression, value in promised(example):
            assert eval(expression, names) == ast.literal_eval(value), expression
            kept += 1
    assert kept >= 6
    with pytest.raises(api.UsageError, match="'anvil'"):
        names["workspace"].plan(tools=["anvill"])


def test_what_it_says_is_what_the_command_line_says(mocked: Space, panel: Panel) -> None:
    workspace = api.Workspace.load(mocked.root)
    assert workspace.run(repeats=2).asked == 16
    assert workspace.plan(repeats=2).pending == ()
    told = panel("sql", "SELECT tool, persona, repeat, verdict, take FROM verdicts ORDER BY ALL",
                 "--format", "csv", cwd=mocked.root).out.splitlines()  # fmt: skip
    assert len(told) == 1 + len(workspace.verdicts()) == 17
    cards = {card.tool: card.result.ship_percent for card in workspace.scorecards()}
    counted = panel("sql", "SELECT tool, ship_percent FROM ship_percentages WHERE level = 'panel'",
                    "--format", "json", cwd=mocked.root).out  # fmt: skip
    assert cards == {row["tool"]: row["ship_percent"] for row in json.loads(counted)}


def test_it_runs_inside_an_event_loop_as_a_notebook_has_one(mocked: Space) -> None:
    async def cell() -> Any:
        return api.Workspace.load(mocked.root).run(tools=["anvil"])

    assert asyncio.run(cell()).verdicts == 4


def test_a_budget_stops_a_run_and_the_rest_is_asked_next_time(
    mocked: Space, mock: MockEndpoint
) -> None:
    workspace = api.Workspace.load(mocked.root)
    first = workspace.run(budget=api.RunBudget(max_calls=3))
    assert (first.stopped, first.asked) == ("budget", 3)
    assert workspace.run().asked == 5 and mock.asked == 8


def test_a_workspace_is_found_from_a_folder_below_it(mocked: Space) -> None:
    assert api.Workspace.load(mocked.root / "tools").root == mocked.root.resolve()


def test_every_name_of_the_api_is_there_and_what_holds_data_is_a_plain_dataclass() -> None:
    for name in api.__all__:
        made = getattr(api, name)
        if isinstance(made, type) and not issubclass(made, Exception) and name != "Workspace":
            assert is_dataclass(made), name
    assert set(api.__all__) <= set(dir(api))
    with pytest.raises(AttributeError, match="no attribute 'Workspaces'"):
        _ = api.Workspaces


def test_importing_it_imports_neither_openai_nor_duckdb() -> None:
    code = (
        "import sys, panel\n"
        "heavy = {'openai', 'duckdb', 'pydantic', 'jinja2', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
