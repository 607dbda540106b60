"""``panel stats``: from journals to sentences, tables and JSON."""

from __future__ import annotations

import json
import sys
from itertools import cycle
from typing import Any

import pytest

from panel.workspace.loading import load_workspace
from tests.support.space import Panel, Space
from tests.support.store_ledger import Ledger

# One tool a row, one persona a column, over three repeats: ships of three; "." abstains.
ROWS = [
    "3333",
    "3313",
    "0000",
    "0100",
    "2130",
    "3023",
    "0000",
    "3333",
    "3332",
    "1000",
    "333.",
    "0030",
]


def answered(space: Space, rows: list[str], *models: str) -> Ledger:
    """Answer three repeats of so many tools, each model the same way; returns the ledger."""
    for slug in space.tools:
        (space.root / "tools" / f"{slug}.md").unlink()
    space.tools.clear()
    for number in range(len(rows)):
        space.tool(f"tool-{number:02}")
    files = load_workspace(space.root)
    ledger = Ledger(files.runs, files.prompts, files.tools, files.personas)
    order = [persona.id for persona in files.personas]
    for model in models or ("mock-1",):
        said = []
        for cell in ledger.cells(model=model, repeats=3):
            vote = rows[int(cell.tool.slug[-2:])][order.index(cell.persona.id)]
            ships = vote != "." and cell.repeat <= int(vote)
            said.append((cell, "abstain" if vote == "." else "ship" if ships else "skip"))
        ledger.run(said)
    return ledger


@pytest.fixture
def voted(space: Space) -> Space:
    answered(space, ROWS)
    return space


def record(panel: Panel, space: Space, *words: str) -> dict[str, Any]:
    done = panel("stats", "--json", *words, cwd=space.root)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_three_questions_are_named_and_answered_in_sentences(
    voted: Space, panel: Panel
) -> None:
    done = panel("stats", cwd=voted.root)
    assert (done.code, done.err) == (0, "")
    lines = lines_of(done.out)
    assert "141 votes of 4 personas on 12 tools; 3 abstained and 0 errors are no votes." in lines
    [one] = [line for line in lines if line.startswith("1. ")]
    assert one.startswith(
        "1. This tool by this panel, prompt and model (only the noise of asking again): of 12 "
    )
    assert one.endswith("points wide (Wilson, personas of equal weight).")
    assert (
        "2. Over prompts and models, of which those asked are a sample: not estimable, since it "
        "takes two models or two prompts, and there is one of each." in lines
    )
    assert (
        "3. The catalog, of which the tools are a sample: 52.8 % ship (95 % "
        "interval 25.9 to 79.6 %, "
        "12 tools; mean of tool means; t interval over tools)." in lines
    )


def test_every_part_has_its_table_with_n_and_method(voted: Space, panel: Panel) -> None:
    lines = lines_of(panel("stats", cwd=voted.root).out)
    heads = [
        "How often it ships value 95 % interval n",
        "Agreement of majorities value 95 % interval n",
        "Repeats and independence value 95 % interval n",
        "Variance of a vote share SD in points variance 95 % interval",
        "What more would buy repeats SE of the catalog SE of one tool",
        "Tools whose majority changes value 95 % interval n",
        "Pull on the majority (Shapley) value 95 % interval n",
    ]
    assert [line for line in lines if line in heads] == heads
    for begin in ("raw agreement 0.", "Krippendorff's alpha 0.", "Gwet's AC1 0."):
        [line] = [line for line in lines if line.startswith(begin)]
        assert line.endswith("12 tools")
    assert "Method: jackknife over tools, t interval." in lines
    assert any(line.startswith("Of all 47 majorities 51 % ship.") for line in lines)
    assert any(line.startswith("4 personas count as: ") for line in lines)
    assert "model — — — —" in lines
    assert any(line.startswith("model: there is one model") for line in lines)


def test_json_has_every_figure_with_its_n_its_method_and_its_interval(
    voted: Space, panel: Panel
) -> None:
    found = record(panel, voted)
    [arm] = found["arms"]
    [shown] = arm["panels"]
    assert (found["source"], arm["arm"]) == ("house", "")
    assert (shown["tools"], shown["votes"], shown["abstains"]) == (12, 141, 3)
    assert shown["catalog"]["value"] == pytest.approx(100 * 19 / 36)
    assert shown["catalog"]["estimates"] == "the catalog: tools are the sample"
    assert arm["catalog"]["value"] is None and arm["catalog"]["why"]
    rates = {each["persona"]: each["rate"] for each in shown["base_rates"]}
    assert rates["builder"]["value"] == pytest.approx(100 * 21 / 36)
    assert len(arm["tools"]) == 12

    def estimates(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [each for inner in value for each in estimates(inner)]
        if not isinstance(value, dict):
            return []
        own = [value] if "estimates" in value and "method" in value else []
        return own + estimates(list(value.values()))

    known = estimates(found)
    assert len(known) > 30
    for each in known:
        assert each["interval"] is not None or each["why"], each
        assert each["interval"] is None or len(each["interval"]) == 2
        assert each["value"] is None or each["method"]


def test_two_models_are_told_apart_and_over_them_stands_an_estimate_of_its_own(
    space: Space, panel: Panel
) -> None:
    ledger = answered(space, ROWS)
    turned = cycle(["ship", "skip", "ship"])
    ledger.run([(cell, next(turned)) for cell in ledger.cells(model="mock-2", repeats=3)])
    [arm] = record(panel, space)["arms"]
    assert [each["model"] for each in arm["panels"]] == ["mock/mock-1", "mock/mock-2"]
    assert [each["votes"] for each in arm["panels"]] == [141, 144]
    assert arm["catalog"]["of"] == "models" and arm["catalog"]["n"] == 2
    assert arm["variance"] is not None
    lines = lines_of(panel("stats", cwd=space.root).out)
    assert "house: mock/mock-1, prompt" in " ".join(lines) and any(
        "mock/mock-2" in x for x in lines
    )
    assert any(line.startswith("2. Over prompts and models: those asked are") for line in lines)
    assert "Tools over prompts and models value 95 % interval n" in lines
    only = record(panel, space, "--model", "mock-2")["arms"][0]
    assert [each["model"] for each in only["panels"]] == ["mock/mock-2"]
    assert record(panel, space, "model:mock/mock-1")["arms"][0]["panels"][0]["votes"] == 141


def test_a_panel_that_ships_everything_is_an_alarm(space: Space, panel: Panel) -> None:
    answered(space, ["3333"] * 6)
    lines = lines_of(panel("stats", cwd=space.root).out)
    alarm = "Base-rate alarm: Builder ships every one of 6 tools: it tells none from another."
    assert alarm in lines
    assert len([line for line in lines if line.startswith("Base-rate alarm: ")]) == 5
    assert "Krippendorff's alpha — — 6 tools" in lines
    assert any(line.startswith("Krippendorff's alpha: only one category") for line in lines)


def test_a_tool_can_be_named_and_a_run_can_be_the_source(voted: Space, panel: Panel) -> None:
    [run] = [file.parent.name for file in voted.journals]
    [arm] = record(panel, voted, f"run:{run}", "--tool", "tool-04")["arms"]
    [line] = arm["tools"]
    assert line["tool"] == "tool-04"
    assert line["panels"][0]["ship_percent"] == pytest.approx(50)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run:none"], "the store holds no answers of 'run:none'"),
        (["model:"], "'model:' names no votes"),
        (["--model", "mok-1"], "house has no answers of a model 'mok-1'"),
        (["--tool", "tool-99"], "house has no answers on a tool 'tool-99'"),
    ],
)
def test_what_does_not_exist_is_one_line_and_exit_code_2(
    voted: Space, panel: Panel, words: list[str], said: str
) -> None:
    done = panel("stats", *words, cwd=voted.root)
    assert (done.code, done.out) == (2, "")
    assert said in done.err and len(done.err.splitlines()) == 1


def test_an_empty_store_is_told_what_it_lacks(space: Space, panel: Panel) -> None:
    done = panel("stats", cwd=space.root)
    assert done.code == 2 and "the store holds no answers of 'house'" in done.err


def test_without_the_extra_one_line_says_what_to_install(
    voted: Space, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    done = panel("stats", cwd=voted.root)
    assert done.code == 2
    said = "which is not installed: pip install 'reviewer-panel[research]'."
    assert done.err == f"panel: this needs 'numpy', {said}\n"


def test_a_model_whose_name_would_act_on_a_terminal_is_shown_harmless(
    space: Space, panel: Panel
) -> None:
    answered(space, ["3300"] * 3, "evil\x1b[31m-1")
    done = panel("stats", cwd=space.root)
    assert done.code == 0 and "\x1b" not in done.out
