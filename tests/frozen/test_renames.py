"""Tools and personas that are renamed keep their answers and decisions; nothing is stolen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from panel.cells.journal import JournalWriter, new_run_id
from panel.cells.lines import rename_line
from panel.cells.renames import Kind, Rename
from panel.frozen.files import FOLDER, FrozenTool, read_frozen
from panel.frozen.renames import all_renames
from panel.frozen.staleness import altered_names
from panel.store.ingest import ingest, opened, rebuild
from panel.store.renames import known_renames
from panel.workspace.loading import load_workspace
from tests.support.counting import Walked
from tests.support.editors import do, entry
from tests.support.frozen_verdicts import freeze, status
from tests.support.journals import renamed_run
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import pending, rows, run
from tests.support.space import Panel, Space, edit, write_tool
from tests.support.templates import Make, everything_asked

CSV = "name,tagline,category,description,pricing.entry\n"
ROW = "{name},Does one thing,Developer Tools,It reads JSON lines and writes Parquet.,Free\n"
BUILDER = ("crane", "builder")


def approved_and_frozen(space: Space, mock: MockEndpoint) -> None:
    """Ask everything, approve one take, freeze."""
    everything_asked(space, mock)
    do(space, "approve")
    freeze(space)


@pytest.fixture
def published(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace with a verdict on every cell, one of them approved, all frozen."""
    return copied(approved_and_frozen)


def rename(space: Space, was: str = "anvil", now: str = "crane") -> None:
    """Rename a tool's file."""
    (space.root / f"tools/{was}.md").rename(space.root / f"tools/{now}.md")


def lines(space: Space) -> list[dict[str, str]]:
    """Return the lines of all journals that tell of renames."""
    read = [json.loads(line) for file in space.journals for line in file.read_text().splitlines()]
    return [line for line in read if line["kind"] == "rename"]


@pytest.mark.slow
def test_a_renamed_file_asks_nothing_again_and_keeps_its_approval(
    published: Space, mock: MockEndpoint
) -> None:
    before = entry(published)
    rename(published)
    assert pending(published) == []
    assert run(published).asked == 0 and mock.asked == 0
    after = entry(published, BUILDER)
    assert (after.state, after.stale, after.published_stale) == ("approved", False, False)
    assert after.review.published == before.review.published
    (line,) = lines(published)
    assert (line["of"], line["was"], line["now"]) == ("tool", "anvil", "crane")


@pytest.mark.slow
def test_a_plan_says_what_was_renamed_until_a_model_is_asked(
    published: Space, panel: Panel
) -> None:
    rename(published)
    for _again in range(2):
        said = panel("plan", cwd=published.root)
        assert "tool crane: renamed from anvil" in said.out and "Nothing to ask." in said.out
    told = json.loads(panel("plan", "--json", cwd=published.root).out)
    assert told["renamed"] == [{"of": "tool", "was": "anvil", "now": "crane"}]
    edit(published.root / "tools/crane.md", "Parquet", "Arrow")
    assert run(published).asked == 4
    assert "renamed" not in panel("plan", cwd=published.root).out


@pytest.mark.slow
def test_a_database_made_again_has_the_same_names(published: Space) -> None:
    rename(published)
    assert pending(published) == []
    tables = [
        *("SELECT tool, persona, fingerprint FROM attempts", "SELECT tool, persona FROM decisions"),
        *("SELECT tool, persona, text FROM published", "SELECT tool, n FROM ship_percentages"),
    ]
    before = [sorted(rows(published, sql)) for sql in tables]
    assert {row[0] for table in before for row in table} == {"crane", "bellows"}
    rebuild(published.root / "runs")
    assert [sorted(rows(published, sql)) for sql in tables] == before


@pytest.mark.slow
def test_a_file_may_be_renamed_twice_and_back_and_its_name_given_to_another(
    published: Space, mock: MockEndpoint
) -> None:
    for was, now in (("anvil", "crane"), ("crane", "derrick"), ("derrick", "anvil")):
        rename(published, was, now)
        assert pending(published) == []
        assert entry(published, (now, "builder")).state == "approved"
    rename(published)
    assert pending(published) == []
    text = " ".join(f"word{number}" for number in range(30))
    write_tool(published.root, "anvil", name="Something Else", description=text)
    assert {(tool, reason) for tool, _p, _r, reason in pending(published)} == {("anvil", "new")}
    run(published)
    rebuild(published.root / "runs")
    assert pending(published) == []
    assert entry(published, BUILDER).state == "approved"
    assert entry(published, ("anvil", "builder")).state == "draft"


@pytest.mark.slow
def test_a_name_edited_in_a_table_keeps_decisions_as_stale_and_says_whence(
    mocked: Space, panel: Panel
) -> None:
    table = mocked.root / "tools/more.csv"
    table.write_text(CSV + ROW.format(name="Winch"), encoding="utf-8")
    run(mocked)
    do(mocked, "approve", ("winch", "builder"))
    table.write_text(CSV + ROW.format(name="Winch Pro"), encoding="utf-8")
    asked = pending(mocked)
    assert {(tool, reason) for tool, _persona, _repeat, reason in asked} == {
        ("winch-pro", "description changed")
    }
    assert "tool winch-pro: renamed from winch" in panel("plan", cwd=mocked.root).out
    after = entry(mocked, ("winch-pro", "builder"))
    assert after.review.published is not None and after.published_stale


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "edits", [[("Does one thing", "Does two things")], [("JSON lines", "JSON lines and YAML")]]
)
def test_a_file_renamed_and_edited_at_once_keeps_what_was_decided(
    published: Space, edits: list[tuple[str, str]]
) -> None:
    rename(published)
    for old, new in edits:
        edit(published.root / "tools/crane.md", old, new)
    assert {row[3] for row in pending(published)} == {"description changed"}
    after = entry(published, BUILDER)
    assert after.review.published is not None and after.published_stale


def test_a_copy_takes_nothing_from_what_is_there(published: Space) -> None:
    shutil.copy(published.root / "tools/anvil.md", published.root / "tools/crane.md")
    assert {(row[0], row[3]) for row in pending(published)} == {("crane", "new")}
    assert entry(published).state == "approved" and lines(published) == []


def test_of_two_copies_of_what_is_gone_neither_is_it(published: Space) -> None:
    rename(published)
    shutil.copy(published.root / "tools/crane.md", published.root / "tools/derrick.md")
    assert {(row[0], row[3]) for row in pending(published)} == {
        ("crane", "new"),
        ("derrick", "new"),
    }
    assert lines(published) == []


def test_another_tool_in_the_place_of_one_that_is_gone_is_new(published: Space) -> None:
    (published.root / "tools/anvil.md").unlink()
    write_tool(published.root, "crane")
    assert {(row[0], row[3]) for row in pending(published)} == {("crane", "new")}
    assert lines(published) == []


@pytest.mark.slow
def test_a_renamed_persona_keeps_its_answers_and_approvals(
    published: Space, mock: MockEndpoint
) -> None:
    personas = published.root / "personas"
    (personas / "builder.md").rename(personas / "maker.md")
    assert pending(published) == [] and mock.asked == 0
    assert entry(published, ("anvil", "maker")).state == "approved"
    found = rows(published, "SELECT ship_percent IS NOT NULL, n FROM ship_percentages "
                 "WHERE level = 'panel' AND tool = 'anvil'")  # fmt: skip
    assert found == [(True, 4)]
    counted = rows(published, "SELECT * FROM ship_percentages ORDER BY ALL")
    rebuild(published.root / "runs")
    assert rows(published, "SELECT * FROM ship_percentages ORDER BY ALL") == counted
    assert [each.status for each in status(published)] == ["renamed"]
    freeze(published)
    assert status(published) == []
    assert set(read_frozen(published.root / FOLDER)["anvil"].personas) >= {"maker"}


def test_the_frozen_file_goes_along_at_the_next_freeze(published: Space, panel: Panel) -> None:
    before = read_frozen(published.root / FOLDER)["anvil"]
    rename(published)
    assert [(each.tool, each.status) for each in status(published)] == [("crane", "renamed")]
    said = panel("check", "--frozen", cwd=published.root)
    assert said.code == 1 and "renamed: crane: renamed from anvil" in said.out
    assert "8 of 8 verdicts" in said.err and "'panel freeze'" in said.err
    assert pending(published, changed=True) == []
    assert freeze(published).renamed == {"anvil": "crane"}
    after = read_frozen(published.root / FOLDER)
    assert set(after) == {"bellows", "crane"} and after["crane"].formerly == ("anvil",)
    assert after["crane"].personas == before.personas
    assert status(published) == [] and freeze(published).written == []


@pytest.mark.slow
def test_on_a_fresh_clone_a_renamed_tool_is_known_by_the_verdicts_on_file(
    published: Space, mock: MockEndpoint
) -> None:
    shutil.rmtree(published.root / "runs")
    rename(published)
    assert [(each.tool, each.status) for each in status(published)] == [("crane", "renamed")]
    assert pending(published, changed=True) == [] and pending(published) == []
    assert mock.asked == 0 and entry(published, BUILDER).state == "approved"
    freeze(published)
    assert status(published) == []


def test_a_frozen_name_edited_on_a_fresh_clone_is_stale_and_not_missing(mocked: Space) -> None:
    table = mocked.root / "tools/more.csv"
    table.write_text(CSV + ROW.format(name="Winch"), encoding="utf-8")
    run(mocked)
    freeze(mocked)
    shutil.rmtree(mocked.root / "runs")
    table.write_text(CSV + ROW.format(name="Winch Pro"), encoding="utf-8")
    found = {(each.tool, each.status) for each in status(mocked)}
    assert found == {("winch-pro", "stale"), ("winch-pro", "renamed")}


@pytest.mark.slow
def test_answers_that_arrive_late_under_the_old_name_go_on_under_the_new_one(
    published: Space, tmp_path: Path
) -> None:
    """A journal of before the rename that is brought from another machine."""
    rename(published)
    assert pending(published) == []
    answered = [file for file in published.journals if '"kind":"attempt"' in file.read_text()]
    [asked] = [file.parent for file in answered]  # names of one second have no order
    away = tmp_path / "away"
    shutil.move(asked, away)
    rebuild(published.root / "runs")
    assert len(pending(published)) == 8
    shutil.move(away, asked)
    assert pending(published) == [] and len(lines(published)) == 1


@pytest.mark.slow
def test_renames_are_followed_in_time_in_whatever_order_their_journals_are_read(
    published: Space,
) -> None:
    """Journals of one second have no order by their names, and one may come from elsewhere."""
    for was, now in (("anvil", "crane"), ("crane", "derrick"), ("derrick", "hoist")):
        rename(published, was, now)
        assert pending(published) == []
    told = [file.parent for file in published.journals if '"rename"' in file.read_text()]
    first, _second, third = sorted(told, key=lambda each: (each / "attempts.jsonl").stat().st_mtime)
    for folder, name in ((third, "20200101T000000Z-000000"), (first, "20300101T000000Z-000000")):
        renamed_run(folder, name)
    rebuild(published.root / "runs")
    assert pending(published) == [] and len(lines(published)) == 3
    late = published.root / "runs/20300101T000000Z-000000"
    late.rename(published.root / "late")
    rebuild(published.root / "runs")
    (published.root / "late").rename(late)
    assert pending(published) == [] and entry(published, ("hoist", "builder")).state == "approved"


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("field", ["of", "was", "now", "renamed_at"])
def test_a_rename_without_a_part_is_left_out_and_counted(published: Space, field: str) -> None:
    line = {"kind": "rename", "format": 2, "of": "tool", "was": "anvil", "now": "crane"}
    line |= {"renamed_at": "2026-11-24T09:00:00"}
    del line[field]
    folder = published.root / "runs/20300101T000000Z-000000"
    folder.mkdir()
    (folder / "attempts.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert pending(published) == [] and entry(published).state == "approved"
    assert ingest(published.root / "runs").unreadable == 0, "read once"
    assert rebuild(published.root / "runs").unreadable == 1


def test_the_tools_of_the_workspace_are_not_walked_through_for_each_rename(
    published: Space,
) -> None:
    workspace = load_workspace(published.root)
    tools = Walked(workspace.tools)
    empty = FrozenTool(tool="anvil", personas={})
    frozen = {f"new-{n}": empty.named(f"new-{n}", (f"old-{n}",), None) for n in range(20)}
    with opened(workspace.runs) as connection:
        found = all_renames(replace(workspace, tools=tools), frozen, connection)
    assert {each.now for each in found} == frozen.keys()
    assert tools.walks == 1


def test_names_that_were_taken_out_of_a_file_by_hand_are_altered() -> None:
    """Whoever takes out the digest as well makes no file of one that never had it."""
    plain = FrozenTool(tool="crane", personas={})
    named = plain.named("crane", ("anvil",), "b2:1")
    assert altered_names({"crane": named, "bellows": plain.named("bellows", (), None)}) == []
    for bare in (plain, named.model_copy(update={"formerly": ()})):
        [found] = altered_names({"crane": bare})
        assert (found.tool, found.status) == ("crane", "altered")


@pytest.mark.parametrize("of", ["tool", "persona"])
@pytest.mark.parametrize("was", ["../../old", "Anvil", "a/b", "", "é" * 140, "x" * 250])
def test_a_rename_of_what_is_no_slug_or_id_is_left_out(tmp_path: Path, of: Kind, was: str) -> None:
    """A journal from elsewhere may hold one; it would come into names of files, and into others."""
    with JournalWriter(tmp_path, new_run_id()) as writer:
        writer.append(rename_line(Rename(of, was, "crane")))
        writer.append(rename_line(Rename("tool", "anvil", "crane")))
    with opened(tmp_path) as connection:
        assert known_renames(connection) == [Rename("tool", "anvil", "crane")]
