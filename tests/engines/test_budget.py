"""Bounds on a run, what a plan says beforehand, and asking again: through the command line."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from panel.endpoint import health
from tests.support.mock_endpoint import Answer, MockEndpoint, completion, reply_for
from tests.support.space import Panel, Result, Space

PRICES = "[endpoints.mock.prices]\nprompt = 2\ncompletion = 10\n"


@pytest.fixture
def all_cells(mocked: Space, panel: Panel) -> int:
    """Count the cells of the workspace, before anything is asked."""
    count: int = plan(mocked, panel)["pending"]
    return count


def plan(space: Space, panel: Panel, *words: str) -> dict[str, Any]:
    done = panel("plan", *words, "--json", cwd=space.root)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def run(space: Space, panel: Panel, *words: str) -> tuple[int, dict[str, Any], Result]:
    done = panel("run", *words, "--json", cwd=space.root)
    return done.code, json.loads(done.out), done


def one_at_worst(space: Space, panel: Panel) -> float:
    """Return about what one request may cost: five caps are the worst of a cell."""
    estimate = plan(space, panel)["estimate"]
    worst: float = estimate["worst_cost_usd"]
    return worst / estimate["calls"] / 5


def rows(space: Space, panel: Panel, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        panel("sql", sql, "--format", "json", cwd=space.root).out
    )
    return found


def questions(mock: MockEndpoint) -> Counter[str]:
    """Count every question that was asked, by what it said."""
    chats = (r["body"] for r in mock.requests if r["path"].endswith("/chat/completions"))
    return Counter(json.dumps(body["messages"]) for body in chats)


# --- bounds ---


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("calls", [1, 2, 5, 7])
def test_calls_are_bounded_and_the_next_run_goes_on(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int, calls: int
) -> None:
    code, summary, done = run(mocked, panel, "--max-calls", str(calls))
    assert (code, summary["stopped"], mock.asked) == (4, "budget", calls)
    assert (summary["asked"], summary["verdicts"], summary["errors"]) == (calls, calls, 0)
    assert f"--max-calls {calls} is reached" in done.err and "the next run goes on" in done.err
    assert plan(mocked, panel)["pending"] == all_cells - calls

    code, summary, _done = run(mocked, panel)
    assert (code, summary["stopped"], summary["reused"]) == (0, None, calls)
    assert mock.asked == all_cells and set(questions(mock).values()) == {1}


def test_a_bound_on_calls_counts_repairs_and_tries(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = lambda _index, _body: Answer(body=completion("I would rather chat."))
    code, summary, _done = run(mocked, panel, "--max-calls", "3")
    assert code == 4 and mock.asked == summary["requests"] == 3


@pytest.mark.slow
def test_bound_after_bound_asks_every_cell_once(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int
) -> None:
    codes = [run(mocked, panel, "--max-calls", "3")[0] for _ in range(-(-all_cells // 3))]
    assert set(codes[:-1]) == {4} and codes[-1] == 0
    assert mock.asked == all_cells and set(questions(mock).values()) == {1}
    assert run(mocked, panel, "--max-calls", "3")[0] == 0 and mock.asked == all_cells


@pytest.mark.slow
def test_tokens_are_bounded(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int
) -> None:
    size = plan(mocked, panel)["estimate"]
    bound = size["prompt_tokens"] // 2
    code, summary, done = run(mocked, panel, "--max-tokens", str(bound))
    assert (code, summary["stopped"]) == (4, "budget")
    assert summary["prompt_tokens"] + summary["completion_tokens"] <= bound
    assert 0 < summary["verdicts"] == mock.asked < all_cells
    assert f"--max-tokens {bound:,} is reached" in done.err
    assert run(mocked, panel)[0] == 0
    assert mock.asked == all_cells and set(questions(mock).values()) == {1}


@pytest.mark.parametrize("prompt", [0, 3000])
def test_counts_that_are_filled_with_zeros_leave_the_expected_cost_in_place(
    mocked: Space, mock: MockEndpoint, panel: Panel, prompt: int
) -> None:
    mocked.point_at(mock, PRICES)

    def face(_index: int, body: dict[str, Any]) -> Answer:
        counts = {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}
        return Answer(body=json.loads(json.dumps(reply_for(body) | {"usage": counts})))

    mock.face = face
    bound = 2.5 * one_at_worst(mocked, panel)
    code, summary, _done = run(mocked, panel, "--max-cost", str(bound))
    assert (code, summary["cost_usd"]) == (4, None) and mock.asked < 8


@pytest.mark.parametrize("counted", [True, False])
def test_replies_that_break_off_are_paid_for(
    mocked: Space,
    mock: MockEndpoint,
    panel: Panel,
    counted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As their stream counts them, or as was expected of them."""
    monkeypatch.setattr(health, "OWN_WAIT_CAP", 0.1)
    monkeypatch.setattr(health, "WAIT_CAP_SECONDS", 0.1)
    mocked.point_at(mock, PRICES)

    def face(_index: int, body: dict[str, Any]) -> Answer:
        whole = reply_for(body)
        piece = {"choices": [{"index": 0, "delta": {"content": '{"evidence": ["'}}]}
        chunk = piece | ({"usage": whole["usage"]} if counted else {})
        return Answer(body=f"data: {json.dumps(chunk)}\n\n")

    mock.face = face
    bound = 1.5 * one_at_worst(mocked, panel)
    code, _summary, _done = run(mocked, panel, "--max-cost", str(bound))
    assert code == 4 and (counted or mock.asked == 1)
    told = rows(mocked, panel, "SELECT count(cost_usd) AS told FROM attempts")[0]["told"]
    assert told == (mock.asked if counted else 0)


def test_a_bound_that_allows_no_request_at_all_asks_nothing(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    code, summary, _done = run(mocked, panel, "--max-tokens", "10")
    assert (code, summary["asked"], mock.asked) == (4, 0, 0)


def test_the_cost_is_bounded(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int
) -> None:
    mocked.point_at(mock, PRICES)
    bound = plan(mocked, panel)["estimate"]["cost_usd"] / 5
    code, summary, done = run(mocked, panel, "--max-cost", f"{bound:.6f}")
    assert (code, summary["stopped"]) == (4, "budget")
    assert 0 < summary["cost_usd"] <= bound and 0 < mock.asked < all_cells
    assert "--max-cost 0." in done.err and "is reached" in done.err


def test_a_bound_on_a_cost_that_nobody_knows_is_refused(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    done = panel("run", "--max-cost", "1", cwd=mocked.root)
    assert (done.code, mock.requests, mocked.journals) == (2, [], [])
    assert "the price of mock/mock-1 is not known" in done.err.replace("\n", " ")
    assert "[endpoints.mock.prices]" in done.err or "[endpoints.mock]" in done.err
    assert "Traceback" not in done.err and done.out == ""


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "bounds",
    [
        ("--max-calls", "1000"),
        ("--max-tokens", "100000000"),
        ("--max-cost", "1000"),
        ("--max-calls", "1000", "--max-tokens", "100000000", "--max-cost", "1000"),
    ],
)
def test_a_bound_that_suffices_changes_nothing(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int, bounds: tuple[str, ...]
) -> None:
    mocked.point_at(mock, PRICES)
    code, summary, _done = run(mocked, panel, *bounds)
    assert (code, summary["stopped"], summary["verdicts"]) == (0, None, all_cells)


def test_a_bound_of_just_the_calls_needed_suffices(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int
) -> None:
    assert run(mocked, panel, "--max-calls", str(all_cells))[0] == 0
    assert mock.asked == all_cells


def test_the_worst_case_of_the_plan_is_a_bound_that_suffices(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mocked.point_at(mock, PRICES)
    size = plan(mocked, panel)["estimate"]
    mock.face = lambda _index, _body: Answer(body=completion('{"verdict": "maybe"}' + " " * 400))
    worst = ("--max-cost", str(size["worst_cost_usd"]), "--max-tokens", str(size["worst_tokens"]))
    code, summary, _done = run(mocked, panel, *worst, "--max-calls", str(size["worst_calls"]))
    assert (code, summary["stopped"]) == (0, None)
    assert summary["abstains"] == summary["planned"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-calls", "0"), ("--max-tokens", "-1"), ("--max-cost", "-1"), ("--max-calls", "x")],
)
def test_a_bound_must_be_one(mocked: Space, panel: Panel, option: str, value: str) -> None:
    assert panel("run", option, value, cwd=mocked.root).code == 2


def test_a_server_that_counts_nothing_is_bounded_by_the_expectation(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int
) -> None:
    def face(_index: int, body: dict[str, Any]) -> Answer:
        reply = reply_for(body)
        del reply["usage"]
        return Answer(body=reply)

    mock.face = face
    bound = plan(mocked, panel)["estimate"]["prompt_tokens"] // 2
    code, summary, _done = run(mocked, panel, "--max-tokens", str(bound))
    assert code == 4 and 0 < mock.asked < all_cells
    assert summary["prompt_tokens"] is None


# --- what a plan says ---


def test_a_plan_tells_the_size_and_the_worst(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mocked.point_at(mock, PRICES)
    found = plan(mocked, panel)
    size, cells = found["estimate"], found["pending"]
    assert mock.requests == []
    assert size["calls"] == cells and size["worst_calls"] == 3 * cells
    assert size["completion_tokens"] == 1500 * cells  # the cap, for want of experience
    worst = size["worst_tokens"]
    assert worst > 3 * (size["prompt_tokens"] + size["completion_tokens"])
    expected = (2 * size["prompt_tokens"] + 10 * size["completion_tokens"]) / 1e6
    assert size["cost_usd"] == pytest.approx(expected)
    assert size["worst_cost_usd"] > 3 * size["cost_usd"]
    [why] = {cell["reason"] for cell in found["pending_cells"]}
    assert (why, found["reasons"], len(found["pending_cells"])) == ("new", {"new": cells}, cells)
    assert {"tool", "persona", "repeat", "reason", "fingerprint"} <= found["pending_cells"][
        0
    ].keys()
    said = panel("plan", cwd=mocked.root).out
    assert f"${size['worst_cost_usd']:,.4f}" in " ".join(said.split())


def test_a_cost_that_is_not_known_is_null_in_a_plan(mocked: Space, panel: Panel) -> None:
    size = plan(mocked, panel)["estimate"]
    assert (size["cost_usd"], size["worst_cost_usd"]) == (None, None)
    assert "cost unknown" in panel("plan", cwd=mocked.root).out


@pytest.mark.parametrize("ratio", [2, 4])
def test_a_run_teaches_the_next_plan(
    mocked: Space, mock: MockEndpoint, panel: Panel, ratio: int
) -> None:
    """Tokens a character and tokens a reply are taken from what the server counted."""

    def face(_index: int, body: dict[str, Any]) -> Answer:
        reply = reply_for(body)
        characters = sum(len(message["content"]) for message in body["messages"])
        counts = {"prompt_tokens": characters // ratio, "completion_tokens": 123}
        return Answer(body={**reply, "usage": counts})

    mock.face = face
    _code, summary, _done = run(mocked, panel, "--tool", "anvil")
    size = plan(mocked, panel, "--tool", "anvil", "--again")["estimate"]
    assert size["calls"] == summary["asked"]
    assert size["completion_tokens"] == 123 * size["calls"]
    assert size["prompt_tokens"] == pytest.approx(summary["prompt_tokens"], rel=0.01)


def test_another_models_experience_does_not_count(mocked: Space, panel: Panel) -> None:
    run(mocked, panel, "--tool", "anvil")
    size = plan(mocked, panel, "--model", "mock-2")["estimate"]
    assert size["completion_tokens"] == 1500 * size["calls"]


def test_another_model_of_the_endpoint_is_a_reason(mocked: Space, panel: Panel) -> None:
    run(mocked, panel, "--tool", "anvil")
    found = plan(mocked, panel, "--model", "mock-2")
    by_tool = {(cell["tool"], cell["reason"]) for cell in found["pending_cells"]}
    assert by_tool == {("anvil", "model changed"), ("bellows", "new")}
    assert set(found["reasons"]) == {"new", "model changed"}


# --- asking again ---


@pytest.mark.slow
def test_again_asks_new_repeats_and_keeps_the_old_ones(
    mocked: Space, mock: MockEndpoint, panel: Panel, all_cells: int
) -> None:
    run(mocked, panel)
    before = rows(mocked, panel, "SELECT * FROM verdicts ORDER BY fingerprint")
    found = plan(mocked, panel, "--again")
    assert found["reasons"] == {"forced": all_cells}
    assert {cell["repeat"] for cell in found["pending_cells"]} == {2}
    code, summary, _done = run(mocked, panel, "--again")
    assert (code, summary["asked"], mock.asked) == (0, all_cells, 2 * all_cells)
    after = rows(mocked, panel, "SELECT * FROM verdicts WHERE repeat = 1 ORDER BY fingerprint")
    assert after == before
    [count] = rows(mocked, panel, "SELECT count(*) AS n FROM verdicts")
    assert count["n"] == 2 * all_cells
    assert run(mocked, panel)[1]["asked"] == 0
    found = plan(mocked, panel, "--again", "--repeats", "2")
    assert {cell["repeat"] for cell in found["pending_cells"]} == {3, 4}


def test_again_of_some_numbers_its_repeats_by_them(mocked: Space, panel: Panel) -> None:
    run(mocked, panel, "--again", "--tool", "anvil")
    found = plan(mocked, panel, "--again", "--tool", "bellows")
    assert {cell["repeat"] for cell in found["pending_cells"]} == {1}


def mixed(mocked: Space, mock: MockEndpoint, panel: Panel) -> dict[str, Any]:
    """Run once so that two cells end in an error and three abstain."""

    def face(index: int, body: dict[str, Any]) -> Answer | None:
        if index in (1, 3):
            return Answer(418, {"error": {"message": "I am a teapot"}})
        reply = reply_for(body)
        refused = completion(None, usage=reply["usage"], refusal="No.")
        return Answer(body=refused) if index in (0, 4, 5) else None

    mock.face = face
    _code, summary, _done = run(mocked, panel)
    assert (summary["errors"], summary["abstains"]) == (2, 3)
    mock.face = None
    mock.requests.clear()
    return summary


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("options", "reasons", "errors", "abstains"),
    [
        (["--retry-errors"], {"previous error": 2}, 0, 3),
        (["--retry-abstained"], {"previous abstention": 3}, 2, 0),
        (
            ["--retry-errors", "--retry-abstained"],
            {"previous error": 2, "previous abstention": 3},
            0,
            0,
        ),
    ],
)
def test_only_what_is_named_is_asked_again(
    mocked: Space,
    mock: MockEndpoint,
    panel: Panel,
    options: list[str],
    reasons: dict[str, int],
    errors: int,
    abstains: int,
) -> None:
    mixed(mocked, mock, panel)
    mocked.tool("chisel")  # new cells are left alone
    assert plan(mocked, panel, *options)["reasons"] == reasons
    code, summary, _done = run(mocked, panel, *options)
    assert (code, summary["asked"]) == (0, sum(reasons.values()))
    assert sum(questions(mock).values()) == sum(reasons.values())
    outcomes = rows(mocked, panel, "SELECT outcome, count(*) AS n FROM verdicts GROUP BY 1")
    counted = {row["outcome"]: row["n"] for row in outcomes}
    assert (counted.get("error", 0), counted.get("abstain", 0)) == (errors, abstains)
    assert plan(mocked, panel, *options)["reasons"] == {}
    assert run(mocked, panel, *options)[1]["asked"] == 0


def test_a_plain_run_asks_errors_again_and_leaves_abstentions(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mixed(mocked, mock, panel)
    assert plan(mocked, panel)["reasons"] == {"previous error": 2}


def test_again_goes_with_no_retry(mocked: Space, mock: MockEndpoint, panel: Panel) -> None:
    for command in ("plan", "run"):
        done = panel(command, "--again", "--retry-errors", cwd=mocked.root)
        assert done.code == 2 and "--again" in done.err
    assert mock.requests == []


# --- the order ---


@pytest.mark.slow
def test_a_plan_says_in_which_order_it_asks_and_why(mocked: Space, panel: Panel) -> None:
    found, shown = plan(mocked, panel)["order"], panel("plan", cwd=mocked.root).out
    assert found["first"] == "persona" and found["block"] == 2
    assert found["persona_first_share"] == found["cached_share"] > found["tool_first_share"]
    share, other = (round(100 * found[name]) for name in ("cached_share", "tool_first_share"))
    assert (
        f"Order: persona by persona: {share} % of what is sent repeats the prompt before, which a "
        f"cache can serve (tool by tool: {other} %)." in " ".join(shown.split())
    )
    run(mocked, panel)
    assert plan(mocked, panel)["order"] is None
    again = plan(mocked, panel, "--repeats", "3")["order"]
    assert again["cached_share"] > found["cached_share"]  # a repeat has the very same prompt


def test_a_plan_prices_what_a_cache_would_serve_where_that_price_is_known(
    mocked: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mocked.point_at(mock, PRICES)
    assert plan(mocked, panel)["order"]["cost_if_cached_usd"] is None
    mocked.point_at(mock, f"{PRICES}cached = 0.2\n")
    found = plan(mocked, panel)
    full, cached = found["estimate"]["cost_usd"], found["order"]["cost_if_cached_usd"]
    most = found["order"]["cached_share"] * found["estimate"]["prompt_tokens"] * 1.8e-6
    assert 0 < full - cached <= most
    shown = panel("plan", cwd=mocked.root).out
    assert f"Where a cache serves what repeats, the cost is ${cached:,.4f}." in shown
