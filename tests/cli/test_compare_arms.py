"""``panel compare-arms``: two models or runs on the same tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.faces import always, voting
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import rows, run
from tests.support.space import Panel, Space
from tests.support.templates import Make

TOOLS = 9
A, B = "model:mock/mock-1", "model:mock/mock-2"


def named(space: Space, tools: int) -> None:
    for slug in space.tools:
        (space.root / "tools" / f"{slug}.md").unlink()
    space.tools.clear()
    for number in range(tools):
        space.tool(f"tool-{number:02}")


def most_skip(system: str, user: str) -> str:
    """Three of four reviewers skip; on the last tool two."""
    stays = "Builder" in system and "tool-08" in user
    return "ship" if stays or "Business" in system else "skip"


def broken_skipped(system: str, user: str) -> str:
    """Skip what is broken, but for one vote; one more vote turns elsewhere."""
    broken = "broken" in user and not ("Builder" in system and "tool-03" in user)
    return "skip" if broken or ("Skeptic" in system and "tool-08" in user) else "ship"


def two_models(space: Space, mock: MockEndpoint) -> None:
    """Nine tools: the first model ships all, the second lets three of four reviewers skip."""
    named(space, TOOLS)
    mock.face = always("ship")
    run(space, repeats=2)
    mock.face = voting(most_skip)
    run(space, model="mock-2", repeats=2)


def tools_changed(space: Space, mock: MockEndpoint) -> None:
    """Nine tools asked twice; four of them were edited in between, and lose every vote."""
    named(space, TOOLS)
    mock.face = always("ship")
    run(space)
    for slug in space.tools[:4]:
        space.tool(slug, description=f"{slug} is broken now.")
        space.tools.pop()
    mock.face = voting(broken_skipped)
    run(space, again=True)


def record(panel: Panel, space: Space, *words: str) -> dict[str, Any]:
    done = panel("compare-arms", *words, "--json", cwd=space.root)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.fixture
def models(copied: Callable[[Make], Space]) -> Space:
    return copied(two_models)


def runs_of(space: Space) -> list[str]:
    return [f"run:{name}" for (name,) in rows(space, "SELECT run_id FROM runs ORDER BY started_at")]


@pytest.mark.slow
def test_json_has_the_difference_what_decides_and_both_takes_of_a_flip(
    models: Space, panel: Panel
) -> None:
    found = record(panel, models, A, B, "--margin", "5")
    assert (found["n_tools"], found["difference"]["n"]) == (9, 9)
    assert found["difference"]["points"] == pytest.approx(-650 / 9)
    assert found["decision"]["p"] == pytest.approx(2 / 2**9)
    assert found["decision"]["shown"] is True
    assert found["equivalence"]["shown"] is False
    assert found["descriptive"] == found["descriptive"] | {"n": 36, "to_ship": 0, "to_skip": 26}
    assert found["flips"] == 8 and found["answers_in_both"] == 0
    assert found["flips_from_noise"]["tools"] < 1
    first = found["tools"][0]
    assert (first["tool"], first["flipped"], first["a_percent"]) == ("tool-00", True, 100)
    assert first["q"] == pytest.approx(first["p"] * 9 / 8) and first["p"] < 0.05
    assert {each["persona"] for each in first["changed"]} == {"builder", "skeptic", "futurist"}
    for each in first["changed"]:
        assert (each["a"]["verdict"], each["b"]["verdict"]) == ("ship", "skip")
        assert each["a"]["take"] and each["b"]["take"]


@pytest.mark.slow
def test_the_report_says_what_decides_and_what_only_describes(models: Space, panel: Panel) -> None:
    done = panel("compare-arms", A, B, cwd=models.root)
    said = " ".join(done.out.split())
    assert done.code == 0
    assert f"A {A}, B {B}: 9 tools in common, 36 cells." in said
    assert re.search(r"Difference -7\d\.\d points, 95 % interval -\d\d\.\d to -\d\d\.\d", said)
    assert "(t over tools, n = 9)" in said
    assert "Decides sign-flip test over tools, exact, two-sided: p = 0.0039" in said
    assert "Descriptive McNemar over 36 of 36 cells: 0 to ship, 26 to skip" in said
    assert re.search(
        r"8 of 8 panel majorities \(1 left out, tied on a side\); noise alone makes 0\.\d of 9 ",
        said,
    )
    assert "tool-00: 100 % → 25 % Builder, A: SHIP" in said
    assert f"Shown: {B} ships less often than {A} (sign-flip p = 0.004)." in said


@pytest.mark.slow
def test_an_expectation_is_tested_on_its_side_alone(models: Space, panel: Panel) -> None:
    assert record(panel, models, A, B, "--expect", "more")["decision"]["p"] == 1
    fewer = record(panel, models, A, B, "--expect", "fewer")
    assert fewer["decision"]["p"] == pytest.approx(1 / 2**9)
    assert "one-sided" in fewer["sentence"]
    wrong = panel("compare-arms", A, B, "--expect", "less", cwd=models.root)
    assert wrong.code == 2 and "'less' is neither more nor fewer" in " ".join(wrong.err.split())


def test_what_cannot_be_compared_is_refused_in_one_line(models: Space, panel: Panel) -> None:
    for words, said in (
        ((A, A), "is compared with itself"),
        ((A, "model:mock/none"), "holds no answers of 'model:mock/none'"),
        ((A, "x:y"), "'x:y' names no votes"),
        ((A, B, "--margin", "0"), "the margin 0.0 is not between 0 and 100 points"),
        ((A, B, "--canary", "anvil"), "the canary 'anvil' is not among the tools"),
        ((A, B, "--canary", "tool-00"), "1 unchanged tool cannot say"),
    ):
        done = panel("compare-arms", *words, cwd=models.root)
        assert done.code == 2 and said in done.err and not done.out, words


@pytest.mark.slow
def test_five_tools_are_too_few(mocked: Space, mock: MockEndpoint, panel: Panel) -> None:
    named(mocked, 5)
    mock.face = always("ship")
    run(mocked)
    run(mocked, model="mock-2")
    done = panel("compare-arms", A, B, cwd=mocked.root)
    assert done.code == 2
    assert "the smallest two-sided p of the sign-flip test is 2/32 = 0.0625" in done.err


@pytest.mark.slow
def test_a_shift_is_split_into_the_models_part_and_that_of_the_change(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(tools_changed)
    before, after = runs_of(space)
    parts = record(panel, space, before, after)["whose_change"]
    assert parts["canaries"] == space.tools[4:]
    assert (parts["model"]["points"], parts["model"]["n"]) == (-5, 5)
    assert (parts["rest"]["points"], parts["rest"]["n"]) == (-88.75, 4)
    said = panel("compare-arms", before, after, cwd=space.root).out
    assert "Whose change is it? 5 tools are unchanged, 4 are changed." in said
    assert "A shift of the model is not shown; one by the change itself is shown." in said
    named_ones = [word for slug in space.tools[4:8] for word in ("--canary", slug)]
    chosen = record(panel, space, before, after, *named_ones)["whose_change"]
    assert chosen["canaries"] == space.tools[4:8]


def test_where_every_review_is_the_same_there_is_nothing_to_split(
    models: Space, panel: Panel
) -> None:
    found = record(panel, models, A, B)
    assert found["whose_change"] is None
    assert "both sides saw the same text of every tool" in found["whose_change_not_estimable"]
    assert "the rules (prompts/system.md.j2)" in found["whose_change_not_estimable"]


@pytest.mark.slow
def test_where_a_template_changed_every_review_no_tool_is_unchanged(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel
) -> None:
    space = copied(two_models)
    template = space.root / "prompts" / "review.md.j2"
    template.write_text(f"Read on.\n{template.read_text()}", encoding="utf-8")
    run(space)
    first, _, last = runs_of(space)
    said = record(panel, space, first, last)["whose_change_not_estimable"]
    assert "a changed prompts/review.md.j2 changes all" in said and "--canary" in said


def test_a_set_that_holds_the_other_is_refused(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(two_models)
    [first, _] = runs_of(space)
    for words in ((first, A), (A, first), ("house", B)):
        done = panel("compare-arms", *words, cwd=space.root)
        assert (done.code, done.out) == (2, ""), words
        assert "on the tools in common is also one of" in done.err


def one_persona_edited(space: Space, mock: MockEndpoint) -> None:
    """Nine tools; the builder was rewritten and asked anew, the others were not."""
    named(space, TOOLS)
    mock.face = always("ship")
    run(space)
    file = space.root / "personas" / "builder.md"
    file.write_text(file.read_text(encoding="utf-8") + "\nBe brief.\n", encoding="utf-8")
    mock.face = voting(lambda system, _user: "skip" if "Builder" in system else "ship")
    run(space)


@pytest.mark.slow
def test_answers_that_are_in_both_are_told_of(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(one_persona_edited)
    [first, _] = runs_of(space)
    done = panel("compare-arms", first, A, "--json", cwd=space.root)
    assert json.loads(done.out)["answers_in_both"] == 27
    assert "27 answers are in both" in done.err


@pytest.mark.slow
def test_a_pool_that_shares_answers_with_the_other_set_is_refused(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(one_persona_edited)
    [first, _] = runs_of(space)
    run(space, model="mock-2")
    done = panel("compare-arms", first, "house", cwd=space.root)
    assert done.code == 2 and not done.out
    said = "'house' adds up the votes of 2 models, and 27 of them are also in the other set"
    assert said in done.err


@pytest.mark.slow
def test_ties_are_no_majority_and_their_number_is_said(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel
) -> None:
    space = copied(split_builder)
    found = record(panel, space, A, B)
    assert (found["descriptive"]["n"], found["descriptive"]["tied"]) == (27, 9)
    assert (found["flips"], found["flips_of"]) == (0, 9)
    said = " ".join(panel("compare-arms", A, B, cwd=space.root).out.split())
    assert "McNemar over 27 of 36 cells (9 left out, tied on a side)" in said
    assert "0 of 9 panel majorities;" in said


def split_builder(space: Space, mock: MockEndpoint) -> None:
    """Nine tools asked twice: the builder says ship once and skip once."""
    named(space, TOOLS)
    mock.face = always("ship")
    run(space)
    mock.face = voting(lambda system, _user: "skip" if "Builder" in system else "ship")
    run(space, again=True)
    mock.face = always("ship")
    run(space, model="mock-2", repeats=2)
