"""What an experiment's report confirms: what was registered blind, and asked to the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.faces import voting
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run, run_experiment
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make
from tests.support.weather import error

PLAN = """
question = "Does rubric two ship less?"
repeats = 2
seed = 7

[select]
personas = ["builder", "skeptic"]

[arms.control]

[arms.rubric]
prompts = "rubric/prompts"

[[compare]]
a = "control"
b = "rubric"
"""
TOOLS = 7
CELLS = 2 * 2 * 2 * TOOLS
RUBRIC = "experiments/rubric/prompts/system.md.j2"


def written(space: Space, _mock: MockEndpoint) -> None:
    """Write seven tools and an experiment on them, with an arm whose prompt differs."""
    for slug in space.tools:
        (space.root / "tools" / f"{slug}.md").unlink()
    space.tools.clear()
    for number in range(TOOLS):
        space.tool(f"tool-{number}")
    over = space.root / RUBRIC
    over.parent.mkdir(parents=True)
    system = (space.root / "prompts" / "system.md.j2").read_text(encoding="utf-8")
    over.write_text(system.replace("A famous name", "Fame"), encoding="utf-8")
    (space.root / "experiments" / "strict.toml").write_text(PLAN, encoding="utf-8")


def answered(space: Space, mock: MockEndpoint) -> None:
    """Ask it all: the house's prompt ships, the other one skips."""
    written(space, mock)
    mock.face = FLIPS
    run_experiment(space, "strict")


FLIPS = voting(lambda system, _user: "skip" if "Fame" in system else "ship")


@pytest.fixture
def strict(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    mock.face = FLIPS
    return copied(answered)


@pytest.fixture
def plain(copied: Callable[[Make], Space], mock: MockEndpoint) -> Space:
    mock.face = FLIPS
    return copied(written)


def report(panel: Panel, space: Space, name: str = "strict") -> dict[str, Any]:
    done = panel("experiment", "report", name, "--json", cwd=space.root)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def file_of(space: Space, name: str = "strict") -> Path:
    return space.root / "experiments" / f"{name}.toml"


def add(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "experiment plan strict",
        "experiment report strict",
        "compare-arms strict/control strict/rubric --margin 5",
        "stats strict",
        "takes strict/control",
        "report strict",
        "power --from strict --calls 200",
        "export --tidy --format json",
    ],
)
def test_every_command_of_the_wing_prints_json_where_tools_flip(
    strict: Space, panel: Panel, words: str
) -> None:
    more = () if "--format" in words else ("--json",)
    done = panel(*words.split(), *more, cwd=strict.root)
    assert done.code == 0, done.err
    assert json.loads(done.out, parse_constant=no_constant)


@pytest.mark.slow
def test_a_report_gives_both_takes_of_what_flipped(strict: Space, panel: Panel) -> None:
    found = report(panel, strict)
    assert found["confirmatory"] is True and found["complete"] is True
    [compared] = found["comparisons"]
    assert compared["found"]["decision"]["shown"] is True
    assert compared["found"]["flips"] == TOOLS
    for tool in compared["found"]["tools"]:
        assert [each["persona"] for each in tool["changed"]] == ["builder", "skeptic"]
        for each in tool["changed"]:
            assert (each["a"]["verdict"], each["b"]["verdict"]) == ("ship", "skip")
            assert each["a"]["take"] and each["b"]["take"]


@pytest.mark.slow
@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("experiments/strict.toml", "repeats = 2", "repeats = 3", "repeats 2 → 3 (all arms)"),
        (
            *("experiments/strict.toml", "[select]", '[select]\ntools = ["tool-*"]'),
            "",
        ),
        (
            *("experiments/strict.toml", '"builder", ', ""),
            "personas 2 → 1, without builder (all arms)",
        ),
        (
            *(
                "experiments/strict.toml",
                'rubric/prompts"',
                'rubric/prompts"\nsampling.top_p=0.5',
            ),
            "top_p none → 0.5 (rubric)",
        ),
        (RUBRIC, "Fame", "Fame (or a name)", "prompts (rubric)"),
        ("tools/tool-1.md", "MIT", "BSD", "texts of tools (all arms)"),
        ("personas/skeptic.md", "motto: ", "motto: Truly, ", "texts of personas (all arms)"),
    ],
)
def test_what_is_changed_after_a_look_only_explores(
    strict: Space, panel: Panel, file: str, old: str, new: str, told: str
) -> None:
    if not told:  # tools are dropped after the fact
        names = ", ".join(f'"tool-{number}"' for number in range(6))
        new, told = f"[select]\ntools = [{names}]", "tools 7 → 6, without tool-6 (all arms)"
    edit(strict.root / file, old, new)
    before = report(panel, strict)
    assert before["confirmatory"] is True and before["unregistered"] == [told]
    run_experiment(strict, "strict")
    found = report(panel, strict)
    assert found["confirmatory"] is False and found["unregistered"] == []
    assert "rubric − control was changed on " in found["why"] and told in found["why"]
    [change] = found["changes"]
    assert (change["answers"], change["what"]) == (CELLS, [told])
    said = panel("experiment", "report", "strict", cwd=strict.root).out
    assert (
        said.startswith("Exploratory. ")
        and f", after {CELLS} answers to its cells until then: {told}." in said
    )


@pytest.mark.slow
def test_what_is_changed_back_is_registered_again_and_stands_as_at_first(
    strict: Space, panel: Panel
) -> None:
    edit(file_of(strict), "repeats = 2", "repeats = 3")
    run_experiment(strict, "strict")
    edit(file_of(strict), "repeats = 3", "repeats = 2")
    assert run_experiment(strict, "strict").cells == CELLS
    assert run_experiment(strict, "strict").models == ()  # it is registered, not again and again
    found = report(panel, strict)
    assert [arm["enrolled"] for arm in found["arms"]] == [CELLS // 2] * 2
    assert found["confirmatory"] is True
    assert [each["what"] for each in found["changes"]] == [
        ["repeats 2 → 3 (all arms)"],
        ["repeats 3 → 2 (all arms)"],
    ]


@pytest.mark.slow
def test_what_does_not_touch_an_answer_leaves_a_report_confirmatory(
    strict: Space, panel: Panel
) -> None:
    edit(file_of(strict), "seed = 7", "seed = 8  # another order")
    add(file_of(strict), "[arms.later.sampling]\ntemperature = 0.4\n")
    run_experiment(strict, "strict")
    found = report(panel, strict)
    assert found["confirmatory"] is True
    assert [each["what"] for each in found["changes"]] == [["the arm later is new"]]


@pytest.mark.slow
def test_of_comparisons_registered_beforehand_only_the_last_one_is_confirmed(
    plain: Space, panel: Panel
) -> None:
    """To register several, look, and then choose one of them is to explore."""
    file = plain.root / "experiments" / "strict.toml"
    first = file.read_text("utf-8")
    other = first + 'expect = "more"\n'
    panel("experiment", "run", "strict", "--max-calls", "1", cwd=plain.root)
    file.write_text(other, "utf-8")
    panel("experiment", "run", "strict", cwd=plain.root)
    assert report(panel, plain)["confirmatory"] is True
    file.write_text(first, "utf-8")
    done = panel("experiment", "run", "strict", cwd=plain.root)
    assert done.code == 0 and "The design is another one than was registered before" in done.err
    found = report(panel, plain)
    assert found["confirmatory"] is False
    assert "were in force when the answers came" in found["why"]
    assert found["comparisons"][0]["sentence"].startswith("Explored, not confirmed: ")
    file.write_text(other, "utf-8")
    assert report(panel, plain)["confirmatory"] is True


@pytest.mark.slow
def test_an_arm_that_is_reworded_before_its_first_answer_is_confirmed(
    plain: Space, mock: MockEndpoint, panel: Panel
) -> None:
    mock.face = lambda _index, body: (
        error(400, "no") if "Fame" in body["messages"][0]["content"] else FLIPS(0, body)
    )
    run_experiment(plain, "strict")
    edit(plain.root / RUBRIC, "Fame", "Fame alone")
    mock.face = FLIPS
    run_experiment(plain, "strict")
    found = report(panel, plain)
    assert found["confirmatory"] is True, found["why"]
    assert f"when {CELLS // 2} of {CELLS} cells had an answer (control 28)" in found["why"]
    assert [each["what"] for each in found["changes"]] == [["prompts (rubric)"]]


@pytest.mark.slow
def test_only_the_comparison_is_said_to_have_changed_where_only_it_has(
    strict: Space, panel: Panel
) -> None:
    add(file_of(strict), "margin = 5\n")
    run_experiment(strict, "strict")
    found = report(panel, strict)
    assert found["confirmatory"] is False and "comparisons were changed" in found["why"]
    assert [each["what"] for each in found["changes"]] == [["margin of rubric − control none → 5"]]


@pytest.mark.slow
def test_without_a_comparison_there_is_nothing_to_confirm(strict: Space, panel: Panel) -> None:
    text = PLAN.split("[[compare]]", maxsplit=1)[0]
    (strict.root / "experiments" / "bare.toml").write_text(text, encoding="utf-8")
    run_experiment(strict, "bare")
    found = report(panel, strict, "bare")
    assert found["confirmatory"] is False and "registers no comparison" in found["why"]


@pytest.mark.slow
def test_answers_that_both_sides_had_before_confirm_nothing(strict: Space, panel: Panel) -> None:
    (strict.root / "experiments" / "again.toml").write_text(PLAN, encoding="utf-8")
    assert run_experiment(strict, "again").asked == 0
    found = report(panel, strict, "again")
    assert found["confirmatory"] is False
    assert "Both sides of rubric − control had answers of their own before" in found["why"]


@pytest.mark.slow
def test_a_control_that_was_asked_before_is_counted_and_confirms(
    plain: Space, panel: Panel
) -> None:
    run(plain, personas=("builder", "skeptic"), repeats=2)
    run_experiment(plain, "strict")
    found = report(panel, plain)
    assert found["confirmatory"] is True
    assert f"when 28 of {CELLS} cells had an answer (control 28), but of no" in found["why"]


@pytest.mark.slow
def test_answers_that_both_sides_share_say_nothing_of_their_difference(
    plain: Space, panel: Panel
) -> None:
    over = plain.root / "experiments" / "fixed" / "tools"
    over.mkdir(parents=True)
    text = (plain.root / "tools" / "tool-1.md").read_text("utf-8")
    (over / "tool-1.md").write_text(text.replace("MIT", "BSD"), "utf-8")
    edit(file_of(plain), 'prompts = "rubric/prompts"', 'tools = "fixed/tools"')
    run(plain, personas=("builder", "skeptic"), repeats=2)
    assert run_experiment(plain, "strict").asked == 4
    found = report(panel, plain)
    assert found["confirmatory"] is True, found["why"]
    assert "(control 28, rubric 24)" in found["why"]


@pytest.mark.slow
def test_an_incomplete_run_says_so_first_decides_nothing_and_names_its_remedy(
    plain: Space, panel: Panel
) -> None:
    add(file_of(plain), "margin = 5\n")
    asked = panel("experiment", "run", "strict", "--max-calls", "54", "--json", cwd=plain.root)
    assert asked.code == 4 and "another one than was registered" not in asked.err
    side = panel("compare-arms", "strict/control", "strict/rubric", cwd=plain.root).out
    assert "An interim look, which decides nothing: cells are not asked yet," in side
    told = json.loads(asked.out)
    assert (told["cells"], told["reused"], told["asked"], told["left"]) == (CELLS, 0, 54, 2)
    assert told["runs"][0]["left"] == 2
    done = panel("experiment", "report", "strict", cwd=plain.root)
    assert done.out.startswith(
        f"Incomplete: 2 of {CELLS} cells are not asked yet, and nothing is decided before they "
    )
    assert "\nInterim look. " in done.out and "Confirmatory" not in done.out
    assert "Not decided: whether" in done.out and "Shown" not in done.out
    found = report(panel, plain)
    assert (found["complete"], found["confirmatory"]) == (False, False)
    own = found["comparisons"][0]["found"]
    assert own["decision"]["shown"] is False and own["decision"]["p"] < 0.05
    assert panel("experiment", "run", "strict", cwd=plain.root).code == 0
    found = report(panel, plain)
    assert (found["complete"], found["confirmatory"]) == (True, True)
    assert found["comparisons"][0]["found"]["decision"]["shown"] is True


@pytest.mark.slow
def test_too_few_tools_of_an_incomplete_run_are_remedied_by_finishing_it(
    plain: Space, panel: Panel
) -> None:
    panel("experiment", "run", "strict", "--max-calls", "8", cwd=plain.root)
    for words in (("experiment", "report"), ("compare-arms", "strict/rubric")):
        target = "strict" if words[0] == "experiment" else "strict/control"
        done = panel(*words, target, cwd=plain.root)
        said = done.out + done.err
        assert "still to be asked: 'panel experiment run strict'" in said
        assert "Ask more tools" not in said


@pytest.mark.slow
def test_an_arm_whose_server_is_down_says_why_and_what_to_do(plain: Space, panel: Panel) -> None:
    add(plain.root / "panel.toml", '[endpoints.down]\nbase_url = "http://127.0.0.1:9/v1"\n')
    edit(file_of(plain), 'prompts = "rubric/prompts"', 'endpoint = "down"\nmodel = "mock-1"')
    done = panel("experiment", "run", "strict", cwd=plain.root)
    assert done.code == 3
    assert f"Asking {CELLS} cells of " in done.err
    assert "Stopped asking 'down': " in done.err and "correct base_url" in done.err
    assert "cells are still to be asked. 'panel experiment run strict' goes on." in done.out
    assert f"{CELLS} cells: 0 answered before, " in done.out
    told = report(panel, plain)
    assert told["complete"] is False and told["comparisons"][0]["found"] is None
    assert "'panel experiment run strict'" in told["comparisons"][0]["sentence"]


@pytest.mark.slow
def test_an_arm_that_did_not_come_about_is_not_decided_and_not_in_the_family(
    plain: Space, mock: MockEndpoint, panel: Panel
) -> None:
    add(
        file_of(plain),
        '[arms.cool.sampling]\ntemperature = 0.2\n[[compare]]\na = "control"\nb = "cool"\n',
    )
    refused = error(400, "Unsupported parameter: 'temperature' is not supported with this model.")
    mock.face = lambda index, body: refused if "temperature" in body else FLIPS(index, body)
    assert panel("experiment", "run", "strict", cwd=plain.root).code == 0
    first, second = report(panel, plain)["comparisons"]
    assert first["found"]["decision"]["comparisons"] == 1  # Holm's family is the valid one alone
    assert first["found"]["decision"]["shown"] is True
    assert first["p_adjusted"] == first["found"]["decision"]["p"] == pytest.approx(2 / 2**TOOLS)
    assert second["p_adjusted"] is None and second["found"]["decision"]["shown"] is False
    assert second["sentence"].startswith("Not decided: whether cool and control")
    assert "Not realised" in second["sentence"] and "temperature" in second["sentence"]


def test_a_plan_says_what_is_compared_and_what_cannot_be_decided(
    plain: Space, panel: Panel
) -> None:
    add(file_of(plain), 'margin = 5\nexpect = "fewer"\n')
    done = panel("experiment", "plan", "strict", cwd=plain.root)
    assert (
        "Compares whether rubric ships less often than control (one-sided), and whether" in done.out
    )
    assert "within ±5 points (TOST)." in done.out
    assert "--margin 5 --arms 2 --calls 56'" in " ".join(done.out.split())
    assert "cannot be decided" not in done.out
    edit(file_of(plain), "[select]", '[select]\ntools = ["tool-1", "tool-2"]')
    told = "rubric − control cannot be decided: 2 tools in common, and a comparison takes 6."
    done = panel("experiment", "plan", "strict", cwd=plain.root)
    assert done.code == 0 and told in " ".join(done.out.split())
    asked = panel("experiment", "run", "strict", cwd=plain.root)
    assert asked.code == 0 and told in " ".join(asked.err.split())


def test_arms_that_ask_the_same_questions_are_told_of_and_not_compared(
    plain: Space, mock: MockEndpoint, panel: Panel
) -> None:
    add(file_of(plain), "[arms.twin]\n")
    done = panel("experiment", "plan", "strict", cwd=plain.root)
    assert done.code == 0 and "twin asks the very same questions as control." in done.out
    add(file_of(plain), '[[compare]]\na = "twin"\nb = "control"\n')
    for command in ("plan", "run"):
        done = panel("experiment", command, "strict", cwd=plain.root)
        assert done.code == 2 and "strict.toml:18: compare.1: 'twin' and 'control' ask" in done.err
    assert mock.asked == 0
