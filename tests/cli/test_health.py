"""``panel show --panel``: the votes of a panel with a known answer to every question."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from panel import Workspace
from tests.support.faces import voting
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space
from tests.support.templates import Make

PERSONAS = ("Builder", "Skeptic", "Futurist", "Business Analyst")
# One tool a row, one persona a column; "." abstains.
ROWS = ["1111"] * 4 + ["0000"] * 3 + ["1110", "0100", "11.1"]
SENTENCE = re.compile(
    r"On mock/mock-1, these four reviewers count as about 1\.2 independent votes "
    r"\(95 % interval 1\.\d to \d\.\d, 9 tools\)\."
)


def of_rows(rows: list[str]) -> Callable[[Space, MockEndpoint], None]:
    """Return what asks as many tools as rows, each persona answering as its column says."""

    def make(space: Space, mock: MockEndpoint) -> None:
        names = [f"tool-{number:02}" for number in range(len(rows))]
        for slug in space.tools:
            (space.root / "tools" / f"{slug}.md").unlink()
        space.tools.clear()
        for name in names:
            space.tool(name)

        def word(system: str, user: str) -> str | None:
            tool = next(place for place, name in enumerate(names) if f"{name} reads" in user)
            who = next(place for place, name in enumerate(PERSONAS) if name in system)
            return {"1": "ship", "0": "skip", ".": None}[rows[tool][who]]

        mock.face = voting(word)
        run(space)

    return make


one_mind: Make = of_rows(ROWS)


@pytest.fixture
def agreeing(copied: Callable[[Make], Space]) -> Space:
    return copied(one_mind)


def record(panel: Panel, space: Space, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        panel("show", "--panel", "--json", *words, cwd=space.root).out
    )
    return found


def test_the_panel_has_a_line_for_each_reviewer_and_pair_and_one_plain_sentence(
    agreeing: Space, panel: Panel
) -> None:
    done = panel("show", "--panel", cwd=agreeing.root)
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "Builder 10 60 % 31–83 % 0 0" in lines
    assert "Futurist 9 56 % 27–81 % 0 1" in lines
    assert "Builder × Skeptic 10 90 % 0.80" in lines
    assert (
        "Of 9 tools with a vote of every reviewer, all agree on 7 (78 %) and differ on 2 (22 %)."
        in lines
    )
    assert "Mean phi 0.81 over 6 pairs." in lines
    assert SENTENCE.fullmatch(lines[-1])


def test_a_panel_below_half_its_votes_is_warned_of_on_stderr_and_in_json(
    agreeing: Space, panel: Panel
) -> None:
    told = panel("show", "--panel", cwd=agreeing.root).err
    found = record(panel, agreeing)
    for said in (" ".join(told.split()), found["warning"]):
        assert "These four reviewers count for less than half as many independent votes" in said
        assert "docs/panel.md" in said
    assert found["below_half"] is True


def test_json_has_every_figure(agreeing: Space, panel: Panel) -> None:
    found = record(panel, agreeing)
    assert (found["model"], found["tools"], found["complete"]) == ("mock/mock-1", 10, 9)
    assert (found["unanimous"], found["divided"], found["pairs_without_phi"]) == (7, 2, 0)
    assert found["unanimous_percent"] == pytest.approx(700 / 9)
    phis = [pair["phi"] for pair in found["pairs"]]
    assert found["mean_phi"] == pytest.approx(sum(phis) / 6)
    assert found["effective_votes"] == pytest.approx(4 / (1 + 3 * found["mean_phi"]))
    low, high = found["effective_interval"]
    assert low <= found["effective_votes"] <= high
    assert SENTENCE.fullmatch(found["sentence"])
    builder, *_, analyst = found["personas"]
    assert (builder["persona"], builder["n"], builder["ships"], builder["skips"]) == (
        "builder",
        10,
        6,
        4,
    )
    assert builder["ship_percent"] == 60 and not builder["constant"]
    assert (analyst["persona"], analyst["ships"]) == ("business-analyst", 5)
    [pair] = [
        each for each in found["pairs"] if (each["one"], each["other"]) == ("builder", "futurist")
    ]
    assert (pair["n"], pair["agreed"], pair["agreement"], pair["phi"]) == (9, 9, 100, 1)


def test_the_python_api_has_the_figures_of_the_command_line(agreeing: Space, panel: Panel) -> None:
    told = record(panel, agreeing, "--persona", "builder", "--persona", "futurist")
    found = Workspace.load(agreeing.root).panel_health(personas=["builder", "futurist"])
    assert found.interval is not None
    assert [found.interval.low, found.interval.high] == told["effective_interval"]
    assert (found.effective, found.mean_phi) == (told["effective_votes"], told["mean_phi"])
    assert [pair.phi for pair in found.pairs] == [pair["phi"] for pair in told["pairs"]]
    assert [rate.votes.ships for rate in found.personas] == [
        each["ships"] for each in told["personas"]
    ]


def test_a_selection_of_reviewers_or_tools_is_counted_alone(agreeing: Space, panel: Panel) -> None:
    two = record(panel, agreeing, "--persona", "builder", "--persona", "skeptic")
    assert [each["persona"] for each in two["personas"]] == ["builder", "skeptic"]
    assert len(two["pairs"]) == 1 and two["effective_votes"] == pytest.approx(2 / (1 + 0.8017837))
    few = record(panel, agreeing, "tool-00", "tool-05", "tool-07")
    assert (few["tools"], few["effective_votes"], few["warning"]) == (3, None, None)
    assert few["sentence"].startswith("Too few tools to say how many independent votes these four")
    assert "on mock/mock-1, 3 tools have a vote of each, and it takes 5." in few["sentence"]


def test_a_changed_question_has_no_vote_until_it_is_asked_again(
    agreeing: Space, panel: Panel
) -> None:
    agreeing.tool("tool-00", description="tool-00 reads nothing any more.")
    found = record(panel, agreeing)
    assert (found["tools"], found["complete"]) == (10, 8)
    assert {each["unvoted"] for each in found["personas"]} == {1, 2}


def test_reviewers_that_never_vary_are_named_and_add_no_vote(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(of_rows(["1111", "0100", "1101", "0101", "1100", "0110"]))
    done = panel("show", "--panel", cwd=space.root)
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "Builder × Skeptic 6 50 % — Skeptic never varies" in lines
    assert "Skeptic ships every tool, so it adds no vote of its own." in lines
    assert any(line.endswith("over 3 pairs; 3 without a phi left out.") for line in lines)
    found = record(panel, space)
    [pair] = [
        each for each in found["pairs"] if (each["one"], each["other"]) == ("builder", "skeptic")
    ]
    assert (pair["phi"], pair["constant"]) == (None, ["skeptic"])
    assert found["effective_votes"] == pytest.approx(3 / (1 + 2 * max(0, found["mean_phi"])))


def test_reviewers_that_ship_everything_are_warned_of_without_a_number(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(of_rows(["1111"] * 5))
    found = record(panel, space)
    assert (found["effective_votes"], found["mean_phi"], found["below_half"]) == (None, None, True)
    assert "no two of these four reviewers vary on the same tools" in found["sentence"]
    assert "Hardly one of these four reviewers ever changes its verdict" in found["warning"]


def test_the_list_of_scorecards_points_at_the_panel_where_it_counts_for_little(
    agreeing: Space, panel: Panel
) -> None:
    pointer = "'panel show --panel' has the figures."
    said = panel("show", cwd=agreeing.root).err
    assert "less than half as many independent votes" in said and pointer in said
    assert pointer not in panel("show", "tool-00", cwd=agreeing.root).err


def test_a_narrow_terminal_shows_all_of_it(
    agreeing: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "42")
    shown = panel("show", "--panel", cwd=agreeing.root).out
    table = shown.partition("Of 9 tool")[0]
    assert max(map(len, table.splitlines())) <= 42 and "…" not in table
    for name in ("Business", "Analyst", "0.80", "31–83 %", "interval"):
        assert name in table
