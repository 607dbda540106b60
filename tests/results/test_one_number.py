"""Every number about a tool is the same number, wherever it is shown.

A panel with a known truth: the mock endpoint votes at random and writes down what it said to
which question. After an edited description and a changed prompt, every surface must count the
answers to the present question, and no other.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from panel.desk.session import Desk
from panel.stats import PanelResult, Tally, combine
from panel.workspace.loading import load_workspace
from tests.support.frozen_verdicts import freeze
from tests.support.mock_endpoint import TEXT, Answer, MockEndpoint, completion, filled
from tests.support.results import target_of
from tests.support.runs import rows, run
from tests.support.site_pages import Reading
from tests.support.sizes import size
from tests.support.space import Panel, Space, edit

MODELS = ("mock-1", "mock-2")
TOOLS, REPEATS = size((4, 3), (40, 5))


@dataclass
class Truth:
    """Votes at random, with a rate of its own for each question; remembers what was said."""

    draw: random.Random = field(default_factory=lambda: random.Random(11))
    said: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    rates: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def face(self, index: int, body: dict[str, Any]) -> Answer | None:
        """Answer one question."""
        question = (body["model"], *(body["messages"][at]["content"] for at in (0, -1)))
        rate = self.rates.setdefault(question, self.draw.random())
        vote = "ship" if self.draw.random() < rate else "skip"
        self.said[question].append(vote)
        schema = body["response_format"]["json_schema"]["schema"]
        # No two answers say the same, or nobody could tell which of them is shown.
        fields = filled(schema, f"Answer {index}. {question[2]}") | {"verdict": vote}
        beat = next(name for name, kind in schema["properties"].items() if kind == TEXT)
        return Answer(body=completion(json.dumps(fields | {beat: f"This is answer {index}."})))

    def of_panels(self, root: Path, model: str) -> dict[str, PanelResult]:
        """Count what was said to the questions that the files ask now, by tool."""
        found: dict[str, list[Tally]] = defaultdict(list)
        with target_of(root, model=model) as (target, _connection):
            for cell in target.lay_out():
                votes = self.said[(model, *(content for _role, content in cell.messages))]
                found[cell.tool.slug].append(Tally(votes.count("ship"), votes.count("skip")))
        return {tool: combine(tallies) for tool, tallies in found.items()}


@pytest.fixture
def truth(mocked: Space, mock: MockEndpoint) -> Truth:
    """Ask forty tools five times of two models."""
    for number in range(TOOLS - len(mocked.tools)):
        mocked.tool(f"tool-{number:02}")
    known = Truth()
    mock.face = known.face
    ask(mocked, REPEATS)
    return known


def ask(space: Space, repeats: int) -> None:
    for model in MODELS:
        run(space, model=model, repeats=repeats)


Numbers = dict[str, tuple[int, int]]  # by tool: ships and votes


def on_pages(space: Space, panel: Panel, model: str, folder: Path) -> Numbers:
    done = panel("publish", folder, "--drafts", "--model", model, cwd=space.root)
    assert done.code == 0, done.err
    found = {}
    for file in (folder / "tools").glob("*.html"):
        text = " ".join(Reading(file.read_bytes()).text.split())
        numbers = re.search(r"(\d+) of (\d+) ship · 95", text)
        if numbers:
            found[file.stem] = (int(numbers[1]), int(numbers[2]))
    return found


def at_the_desk(root: Path, model: str) -> Numbers:
    desk = Desk(root, "Ada", model=model)
    try:
        tallies: dict[str, list[Tally]] = defaultdict(list)
        for entry in desk.snapshot().entries:
            tallies[entry.tool.slug].append(entry.tally)
    finally:
        desk.close()
    return {tool: (combine(each).ships, combine(each).n) for tool, each in tallies.items()}


def shown(space: Space, panel: Panel, model: str) -> list[dict[str, Any]]:
    done = panel("show", "--json", "--model", model, cwd=space.root)
    assert done.code == 0, done.err
    return list(json.loads(done.out))


def compared(space: Space, panel: Panel, model: str) -> Numbers:
    found = {}
    for left, right in zip(space.tools[::2], space.tools[1::2], strict=True):
        done = panel("compare", left, right, "--json", "--model", model, cwd=space.root)
        for card in (json.loads(done.out)[side] for side in ("left", "right")):
            found[card["tool"]] = (card["ships"], card["n"])
    return found


def frozen(space: Space, model: str) -> Numbers:
    freeze(space, model=model)
    found = {}
    for tool in load_workspace(space.root).tools:
        file = json.loads((space.root / "verdicts" / f"{tool.slug}.json").read_text("utf-8"))
        each = file["personas"].values()
        found[tool.slug] = (sum(v["ships"] for v in each), sum(v["n"] for v in each))
    return found


def check(space: Space, panel: Panel, truth: Truth, superseded: dict[str, int], site: Path) -> None:
    for model in MODELS:
        known = truth.of_panels(space.root, model)
        wanted = {tool: (result.ships, result.n) for tool, result in known.items()}
        percentages = rows(
            space,
            "SELECT tool, ships, n, ship_percent, superseded FROM ship_percentages "
            f"WHERE level = 'panel' AND model_identity = 'mock/{model}'",
        )
        assert {tool: (ships, n) for tool, ships, n, *_ in percentages} == wanted
        assert {tool: left for tool, *_, left in percentages} == superseded
        cards = shown(space, panel, model)
        assert {card["tool"]: (card["ships"], card["n"]) for card in cards} == wanted
        assert {card["tool"]: card["superseded"] for card in cards} == superseded
        for percent in (
            {tool: percent for tool, *_, percent, _ in percentages},
            {card["tool"]: card["ship_percent"] for card in cards},
        ):
            assert percent == {tool: pytest.approx(r.ship_percent) for tool, r in known.items()}
        assert compared(space, panel, model) == wanted
        assert at_the_desk(space.root, model) == wanted
        assert on_pages(space, panel, model, site / model) == wanted
        assert frozen(space, model) == wanted


@pytest.mark.slow
def test_every_number_counts_the_answers_to_the_present_question_alone(
    mocked: Space, truth: Truth, panel: Panel, tmp_path: Path
) -> None:
    nothing = dict.fromkeys(mocked.tools, 0)
    check(mocked, panel, truth, nothing, tmp_path / "first")
    mocked.tools.remove("anvil")
    mocked.tool("anvil", description="It forges one thing, and it forges it well.")
    ask(mocked, 1)
    once = nothing | {"anvil": 4 * REPEATS}
    check(mocked, panel, truth, once, tmp_path / "second")
    edit(mocked.root / "prompts" / "system.md.j2", "one reviewer", "a reviewer")
    ask(mocked, 2)
    twice = dict.fromkeys(mocked.tools, 4 * REPEATS) | {"anvil": 4 * REPEATS + 4}
    check(mocked, panel, truth, twice, tmp_path / "third")


@pytest.mark.usefixtures("truth")
def test_an_edited_question_has_no_votes_until_it_is_asked_and_says_what_is_left_out(
    mocked: Space, panel: Panel
) -> None:
    mocked.tool("anvil", description="It forges one thing, and it forges it well.")
    card = next(c for c in shown(mocked, panel, MODELS[0]) if c["tool"] == "anvil")
    assert (card["n"], card["ship_percent"], card["superseded"]) == (0, None, 4 * REPEATS)
    assert all(line["stale"] for line in card["personas"])
    run(mocked, tools=["anvil"], model=MODELS[0])
    said = panel("show", "anvil", "--model", MODELS[0], cwd=mocked.root).out
    assert f"1 superseded wording not counted ({4 * REPEATS} answers)" in " ".join(said.split())


@pytest.mark.usefixtures("truth")
def test_the_take_that_is_shown_is_the_newest_of_the_majority(mocked: Space, panel: Panel) -> None:
    cards = {card["tool"]: card for card in shown(mocked, panel, MODELS[0])}
    lines = [(tool, line) for tool, card in cards.items() for line in card["personas"]]
    for tool, line in lines:
        newest = rows(
            mocked,
            "SELECT verdict, take FROM verdicts WHERE model_identity = 'mock/mock-1' "
            f"AND tool = '{tool}' AND persona = '{line['persona']}' "
            "ORDER BY date_trunc('second', finished_at) DESC, repeat DESC",
        )
        if line["ships"] != line["skips"]:
            majority = "ship" if line["ships"] > line["skips"] else "skip"
            assert line["verdict"] == majority
            assert line["take"] == next(take for word, take in newest if word == majority)
    freeze(mocked, model=MODELS[0])
    for tool, line in lines:
        file = json.loads((mocked.root / "verdicts" / f"{tool}.json").read_text("utf-8"))
        verdict = file["personas"][line["persona"]]
        assert (verdict["verdict"], verdict["take"]) == (line["verdict"], line["take"])
