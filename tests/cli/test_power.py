"""``panel power``: what so many calls can show, from the votes in the store."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.faces import always, voting
from tests.support.mock_endpoint import Answer, MockEndpoint, usage_of
from tests.support.runs import run
from tests.support.space import Panel, Space
from tests.support.templates import Make

TOOLS = 12


def twice(space: Space, mock: MockEndpoint) -> None:
    """Twelve tools asked twice: a third never ship, the others most often."""
    for slug in space.tools:
        (space.root / "tools" / f"{slug}.md").unlink()
    space.tools.clear()
    for number in range(TOOLS):
        space.tool(f"tool-{number:02}")
    toss = random.Random(4)

    def word(_system: str, user: str) -> str:
        bad = any(f"tool-{number:02} reads" in user for number in range(4))
        return "ship" if toss.random() < (0.1 if bad else 0.7) else "skip"

    votes = voting(word)

    def counting(index: int, body: dict[str, Any]) -> Answer | None:
        answer = votes(index, body)
        assert answer is not None and isinstance(answer.body, dict)
        answer.body["usage"] = usage_of(str(body["messages"]), str(answer.body["choices"]))
        return answer

    mock.face = counting
    run(space, repeats=2)


@pytest.fixture
def piloted(copied: Callable[[Make], Space]) -> Space:
    return copied(twice)


def record(panel: Panel, space: Space, *words: str) -> dict[str, Any]:
    done = panel("power", "--from", "house", *words, "--json", cwd=space.root)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.slow
def test_the_ways_to_spend_calls_are_ranked_with_their_power(piloted: Space, panel: Panel) -> None:
    found = record(panel, piloted, "--calls", "480", "--effect", "15")
    assert (found["n_tools"], found["n_votes"], found["calls"]) == (12, 96, 480)
    ways = found["designs"]
    assert [each["power"] for each in ways] == sorted((e["power"] for e in ways), reverse=True)
    assert all(each["calls"] == each["tools"] * each["repeats"] * 8 <= 480 for each in ways)
    assert (12, 5) in {(each["tools"], each["repeats"]) for each in ways}  # the tools at hand
    low, high = found["best_power_range"]
    assert 0 <= low <= high <= 1
    assert found["spread_logits"]["tool_arm_assumed"] is True
    assert found["usd_per_call"] is None and ways[0]["cost_usd"] is None
    assert found["one_cell"][1] == {"before": 0.9, "after": 0.5, "repeats": 23, "power": 0.8}


@pytest.mark.slow
def test_it_is_said_what_the_tools_at_hand_can_show(piloted: Space, panel: Panel) -> None:
    done = panel("power", "--from", "house", "--calls", "480", cwd=piloted.root)
    said = " ".join(done.out.split())
    assert done.code == 0
    assert "Pilot house: 12 tools, 4 personas, 96 votes;" in said
    assert "(assumed: a pilot with one arm cannot say; see --reaction)" in said
    assert "a difference is shown if +5 points are true (sign-flip test), at 0.05" in said
    assert "The pilot has 12 tools: that takes" in said and "Without them: " in said
    assert "not known" in said
    assert "12 tools are a small pilot" in done.err


@pytest.mark.slow
def test_unchanged_takes_a_margin_and_more_arms_share_the_alarms(
    piloted: Space, panel: Panel
) -> None:
    found = record(panel, piloted, "--margin", "10", "--arms", "3", "--control-asked")
    assert (found["margin"], found["effect"], found["alpha"]) == (10, None, 0.025)
    assert found["calls"] == 5 * 3 * 4 * TOOLS  # five repeats of the pilot's tools an arm
    # The control has two answers to each question on twelve tools; all else is asked.
    for each in found["designs"]:
        there = min(each["tools"], TOOLS) * min(each["repeats"], 2)
        assert each["calls"] == 4 * (3 * each["tools"] * each["repeats"] - there)
    assert "is shown if nothing changed (TOST)" in found["question"]
    free = "of which the first costs nothing where it has its answers: 2 to each question on 12"
    assert free in found["question"]


@pytest.mark.slow
def test_a_plan_with_too_little_power_says_what_it_takes(piloted: Space, panel: Panel) -> None:
    done = panel("power", "--from", "house", "--calls", "96", "--margin", "5", cwd=piloted.root)
    said = " ".join(done.out.split())
    assert "A power of 0.8 takes about " in said and "no number of repeats on the 12 tools" in said
    assert "Fisher" not in said  # that is of no help with a margin
    enough = record(panel, piloted, "--calls", "96", "--margin", "5")["enough"]
    assert enough["more_repeats"] is None and enough["more_tools"]["tools"] > 100
    assert enough["more_tools"]["calls"] == 8 * enough["more_tools"]["tools"]


@pytest.mark.slow
def test_the_price_is_that_of_the_pilots_answers(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mocked.point_at(mock, "prices = { prompt = 0.5, completion = 2.0 }")
    twice(mocked, mock)
    found = record(panel, mocked, "--calls", "480")
    spent = json.loads(
        panel(
            "sql", "SELECT sum(cost_usd) AS usd FROM attempts", "--format", "json", cwd=mocked.root
        ).out
    )[0]["usd"]
    assert found["usd_per_call"] == pytest.approx(spent / 96)
    first = found["designs"][0]
    assert first["cost_usd"] == pytest.approx(first["calls"] * spent / 96)


@pytest.mark.slow
def test_what_cannot_be_planned_is_refused_in_one_line(piloted: Space, panel: Panel) -> None:
    for words, said in (
        (("--effect", "5", "--margin", "5"), "name one"),
        (("--effect", "0"), "no difference of 0 points"),
        (("--margin", "-1"), "-1.0 is not above 0"),
        (("--effect", "70"), "out of reach"),
        (("--calls", "20"), "6 tools take 48"),
    ):
        done = panel("power", "--from", "house", *words, cwd=piloted.root)
        assert done.code == 2 and said in " ".join(done.err.split()) and not done.out, words


def test_a_pilot_without_repeats_cannot_say(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = always("ship")
    run(mocked)
    done = panel("power", "--from", "house", cwd=mocked.root)
    assert done.code == 2 and "one answer to each question" in done.err
