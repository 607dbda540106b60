"""Remarks at a line of a file: where they stand, and that foreign text in them does nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from panel.ci.annotations import annotate, render_commands, render_sarif
from panel.ci.context import Context
from panel.ci.gates import Failure
from panel.ci.outcome import RunOutcome
from panel.ci.places import Place
from tests.support.faces import always
from tests.support.frozen_diffs import SKIPS, answer, difference, flips, published, sure
from tests.support.frozen_verdicts import freeze
from tests.support.git_repository import commit, git, repository
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, all_ship, surely_ship

KEY = ("anvil", "builder")
AT = Context(places={"anvil": Place("tools/anvil.md", 9)})


def results(sarif: str) -> list[dict[str, Any]]:
    [run] = json.loads(sarif)["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {each["ruleId"] for each in run["results"]} == rules
    found: list[dict[str, Any]] = run["results"]
    return found


def place(result: dict[str, Any]) -> tuple[str, int]:
    [location] = result["locations"]
    at = location["physicalLocation"]
    return at["artifactLocation"]["uri"], at["region"]["startLine"]


def test_a_flip_is_a_warning_at_its_line_and_an_error_where_it_stops_the_merge() -> None:
    diff = flips([KEY], "The old take.", "The new take.")
    [told] = render_commands(annotate(diff, [], AT)).splitlines()
    assert told == (
        "::warning file=tools/anvil.md,line=9,title=anvil × builder%3A ship → skip::"
        "0 of 4 ship, description changed%0Abefore, ship: The old take."
        "%0Aafter, skip: The new take."
    )
    shut = Failure("flip", "1 verdict flipped.", frozenset({KEY}))
    [told] = render_commands(annotate(diff, [shut], AT)).splitlines()
    assert told.startswith("::error file=tools/anvil.md,line=9,")


def test_a_contested_verdict_is_a_notice_and_a_reworded_take_is_nothing() -> None:
    old = published(answer(take="Old."))
    leaning = published(answer("skip", "Doubt.", tool="t2"), over=old)
    both = {KEY: leaning, ("anvil", "skeptic"): published(answer(take="Other."))}
    found = annotate(difference(dict.fromkeys(both, old), both), [], AT)
    assert [(each.level, each.rule) for each in found] == [("notice", "contested")]


def test_a_verdict_that_changed_without_a_flip_is_a_notice_until_a_gate_is_about_it() -> None:
    """One that few answers had left open, and one that few answers have changed."""
    few, unsure = ("anvil", "builder"), ("anvil", "skeptic")
    now = published(*SKIPS)
    diff = difference(
        {few: published(answer()), unsure: sure()},
        {few: now, unsure: published(answer("skip", "Hasty.", tool="t2"))},
    )
    found = annotate(diff, [], AT)
    assert [(each.level, each.rule, each.title) for each in found] == [
        ("notice", "settled", "anvil × builder: ship → skip, which few answers had left open"),
        ("notice", "contested", "anvil × skeptic: ship → skip, on too few answers"),
    ]
    change = Failure("change", "2 verdicts changed.", frozenset({few, unsure}))
    assert [each.level for each in annotate(diff, [change], AT)] == ["error"] * 2
    warned = Context(warned=[change], places=AT.places)
    assert [each.level for each in annotate(diff, [], warned)] == ["warning"] * 2


def test_a_reason_is_remarked_at_each_tool_it_is_about() -> None:
    stale = Failure("stale", "3 verdicts do not hold.", frozenset(
        {KEY, ("anvil", "skeptic"), ("bellows", "builder")}))  # fmt: skip
    drift = Failure("drift", "The model moved.")
    found = annotate(difference({}, {}), [drift], Context(warned=[stale], places=AT.places))
    assert [(each.level, each.place) for each in found] == [
        ("error", None), ("warning", Place("tools/anvil.md", 9)), ("warning", None),
    ]  # fmt: skip
    assert "anvil: builder, skeptic." in found[1].message


def test_a_stopped_run_is_an_error() -> None:
    run = RunOutcome(planned=4, asked=1, requests=1, stopped="budget")
    told = render_commands(annotate(difference({}, {}), [], Context(run=run)))
    assert told.startswith("::error title=Not every cell has been asked::") and "3 were" in told


def test_a_runner_is_told_no_more_than_it_shows_and_sarif_holds_everything() -> None:
    found = annotate(flips([(f"tool-{n}", "builder") for n in range(25)]), [])
    lines = render_commands(found).splitlines()
    assert len(lines) == 11 and lines[-1] == "15 more remarks are in the report."
    assert len(results(render_sarif(found))) == 25


@pytest.mark.parametrize(
    "text",
    ["a\n::error::forged", "a\r::stop-commands::x", "a::b,line=1", "100%25", "\x1b[31m\x85x",
     "\u2028::error::x", "[click](https://evil.example)", "\udcff", "##[error]x"],
)  # fmt: skip
def test_foreign_text_is_neither_a_command_nor_a_link(text: str) -> None:
    old = published(answer(take=text))
    new = published(*(answer("skip", text, n, tool="t2") for n in range(1, 5)), over=old)
    diff = difference({("t", text): old}, {("t", text): new})
    shut = [Failure("flip", text, frozenset({("t", text)})), Failure("drift", text)]
    found = annotate(diff, shut, Context(places={"t": Place(f"tools/{text}.md", 1)}))
    told = render_commands(found)
    assert told.encode() and told.count("\n") == 2
    for line in told.splitlines():
        fields = re.fullmatch(r"::error ((?:[a-z]+=[^,:]*,?)+)::(.*)", line)
        assert fields and "\x1b" not in line and "\x85" not in line
        assert set(re.findall(r"(?:^|,)([a-z]+)=", fields[1])) <= {"file", "line", "title"}
    for each in results(render_sarif(found, text)):
        assert not re.search(r"(?<!\\)[\[\]]", each["message"]["text"])


# With real files


def flip(space: Space, mock: MockEndpoint, *tools: str) -> None:
    mock.face = always("skip")
    run(space, tools=list(tools), repeats=4)
    freeze(space)


@pytest.mark.slow
def test_one_diff_writes_every_form_and_names_the_line_that_was_edited(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    space = copied(surely_ship)
    repository(space.root)
    file = space.root / "tools/anvil.md"
    edit(file, "reads JSON", "eats JSON")
    line = 1 + file.read_text().splitlines().index(
        next(each for each in file.read_text().splitlines() if "eats JSON" in each)
    )
    flip(space, mock, "anvil")
    written = {form: tmp_path / form for form in ("markdown", "json", "junit", "sarif")}
    files = [f"--{form}={file}" for form, file in written.items()]
    done = panel("diff", "HEAD", "--format", "github", "--fail-on", "flip", *files, cwd=space.root)
    assert done.code == 1
    commands = done.out.splitlines()
    assert len(commands) == 4
    assert all(each.startswith(f"::error file=tools/anvil.md,line={line},") for each in commands)
    sarif = results(written["sarif"].read_text())
    assert [place(each) for each in sarif] == [("tools/anvil.md", line)] * 4
    [suite] = Xml.parse(written["junit"]).getroot()
    placed = {case.get("classname"): (case.get("file"), case.get("line")) for case in suite}
    assert placed == {"anvil": ("tools/anvil.md", str(line)), "bellows": (None, None)}
    assert "4 flipped" in written["markdown"].read_text()
    told = json.loads(written["json"].read_text())
    assert [each["gate"] for each in told["failures"]] == ["flip"]
    for form in ("markdown", "json", "junit", "sarif"):
        alone = panel("diff", "HEAD", "--format", form, "--fail-on", "flip", cwd=space.root)
        assert alone.out == written[form].read_text(), "the same as on stdout"


@pytest.mark.slow
def test_a_tool_of_a_table_in_a_folder_of_the_repository_has_its_own_line(
    copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel, tmp_path: Path
) -> None:
    space = copied(all_ship)
    table = space.root / "tools/more & others.yaml"
    table.write_text(
        "- name: Crank\n  slug: crank\n  tagline: t\n  category: Data\n  pricing: {entry: Free}\n"
        "  description: Turns.\n"
        "- name: Dibber\n  slug: dibber\n  tagline: t\n  category: Data\n"
        "  pricing: {entry: Free}\n  description: Digs.\n"
    )
    rows = space.root / "tools/rows.csv"
    rows.write_text(
        "name,tagline,category,description,pricing.entry\n"
        "Ewer,t,Data,Pours.,Free\nFlail,t,Data,Threshes.,Free\n"
    )
    mock.face = always("ship")
    space.point_at(mock)
    run(space)
    freeze(space)
    outer = tmp_path / "outer"
    outer.mkdir()
    inner = outer / "reviews"
    space.root.rename(inner)
    repository(outer)
    (outer / ".gitignore").write_text("runs/\n")
    edit(inner / "tools/more & others.yaml", "Digs.", "Digs holes.")
    edit(inner / "tools/rows.csv", "Pours.", "Pours water.")
    edit(inner / "tools/rows.csv", "Threshes.", "Threshes rye.")
    moved = Space(inner, [*space.tools])
    flip(moved, mock, "dibber", "flail")
    commit(outer, "flip")
    done = panel("diff", "HEAD~1", "HEAD", "--format", "sarif", cwd=inner)
    assert done.code == 0, done.err
    places = {place(each) for each in results(done.out)}
    assert places == {
        ("reviews/tools/more%20%26%20others.yaml", 7), ("reviews/tools/rows.csv", 3),
    }  # fmt: skip
    assert git(outer, "status", "--porcelain") == ""


def test_what_is_stale_is_a_warning_that_stops_nothing(
    copied: Callable[[Make], Space], panel: Panel
) -> None:
    space = copied(all_ship)
    repository(space.root)
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    words = ("diff", "HEAD", "--format", "github", "--warn-on", "stale")
    done = panel(*words, cwd=space.root)
    assert done.code == 0 and done.out.startswith("::warning file=tools/anvil.md,line=")
    assert "stale: 4 verdicts" in done.err
    both = panel(*words, "--fail-on", "stale", cwd=space.root)
    assert both.code == 1 and both.out.count("\n") == 1 and both.out.startswith("::error")
