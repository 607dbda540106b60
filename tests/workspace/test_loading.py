"""A workspace read as one, and what is chosen from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from panel.errors import UsageError, WorkspaceError
from panel.workspace.loading import WorkspaceFiles, check_rendering, find_root, load_workspace
from tests.support.space import ROOT, Space


def load(space: Space) -> WorkspaceFiles:
    return load_workspace(space.root)


def chosen(space: Space, slugs: list[str], categories: list[str] | None = None) -> list[str]:
    return [tool.slug for tool in load(space).select_tools(slugs, categories or [])]


def test_this_repository_is_a_workspace() -> None:
    workspace = load_workspace(ROOT)
    check_rendering(workspace)
    assert len(workspace.personas) == 4 and len(workspace.tools) >= 14
    assert workspace.runs == ROOT / "runs"


def test_the_problems_of_all_parts_come_at_once(space: Space) -> None:
    space.settings('[panle]\npersonas = ["x"]')
    space.tool("broken", description="")
    (space.root / "personas/extra.md").write_text("no front matter")
    (space.root / "prompts/review.md.j2").write_text("{{ tol.name }}")
    with pytest.raises(WorkspaceError) as refusal:
        load(space)
    names = [problem.file.name for problem in refusal.value.problems]
    assert names == ["panel.toml", "extra.md", "broken.md", "review.md.j2"]
    assert len(str(refusal.value).splitlines()) == 4


def test_the_panel_is_what_the_settings_say(space: Space) -> None:
    space.settings('[panel]\npersonas = ["skeptic", "builder"]')
    assert [persona.id for persona in load(space).personas] == ["skeptic", "builder"]
    space.settings('[panel]\npersonas = ["skeptik"]')
    with pytest.raises(WorkspaceError, match=r"no persona 'skeptik'. Did you mean 'skeptic'"):
        load(space)


def test_the_root_is_the_nearest_folder_with_settings(space: Space, tmp_path: Path) -> None:
    deep = space.root / "tools/a/b"
    deep.mkdir(parents=True)
    assert find_root(deep) == find_root(space.root) == space.root
    with pytest.raises(UsageError, match=r"no panel.toml in .* 'panel init DIR'"):
        find_root(tmp_path)


def test_tools_are_chosen_by_slug_name_and_category(space: Space) -> None:
    assert chosen(space, []) == ["anvil", "bellows"]
    assert chosen(space, ["Bellows", "bellows"]) == ["bellows"]
    assert chosen(space, [], ["Data"]) == ["bellows"]
    assert chosen(space, ["anvil"], ["Data"]) == []


@pytest.mark.parametrize(
    ("slugs", "categories", "says"),
    [
        (["belows"], [], "there is no tool 'belows'. Did you mean 'bellows'?"),
        ([], ["Dta"], "there is no category 'Dta'. Did you mean 'Data'?"),
    ],
)
def test_an_unknown_choice_names_the_nearest(
    space: Space, slugs: list[str], categories: list[str], says: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        load(space).select_tools(slugs, categories)
    assert str(refusal.value) == says


def test_a_slug_comes_before_the_name_of_another(space: Space) -> None:
    space.tool("zeta", name="anvil")
    assert chosen(space, ["anvil"]) == ["anvil"]


@pytest.mark.parametrize("word", ["patchwren", "PatchWren", "PATCH wren", "PatchWren 🐦"])
def test_case_and_signs_of_a_name_count_only_where_they_tell_tools_apart(
    space: Space, word: str
) -> None:
    space.tool("wren", name="PatchWren 🐦")
    assert chosen(space, [word]) == ["wren"]
    space.tool("other", name="Patch-Wren")
    if word != "PatchWren 🐦":
        with pytest.raises(UsageError, match="there is no tool"):
            chosen(space, [word])


def test_a_name_that_two_tools_share_is_not_guessed(space: Space) -> None:
    space.tool("hammer-one", name="Hammer")
    space.tool("hammer-two", name="Hammer")
    with pytest.raises(UsageError, match=r"2 tools are named 'Hammer'.* hammer-one, hammer-two"):
        chosen(space, ["Hammer"])
    assert chosen(space, ["hammer-two"]) == ["hammer-two"]


def test_personas_are_chosen_by_id(space: Space) -> None:
    workspace = load(space)
    assert [persona.id for persona in workspace.select_personas(["futurist"])] == ["futurist"]
    assert workspace.select_personas([]) == workspace.personas
    with pytest.raises(UsageError, match="Did you mean 'futurist'"):
        workspace.select_personas(["futurists"])


def test_every_rendering_is_tried_and_each_fault_told_once(space: Space) -> None:
    for name, word in (("system", "persona.nam"), ("review", "tool.nam"), ("repair", "fields.x")):
        (space.root / f"prompts/{name}.md.j2").write_text("\n{{ " + word + ".y }}")
    with pytest.raises(WorkspaceError) as refusal:
        check_rendering(load(space))
    places = [(problem.file.name, problem.line) for problem in refusal.value.problems]
    assert places == [("system.md.j2", 2), ("review.md.j2", 2), ("repair.md.j2", 2)]


@pytest.mark.parametrize(
    "name",
    [
        *("panel.toml", "tools/anvil.md", "tools/more.csv", "tools/more.yaml", "tools/more.jsonl"),
        *("personas/skeptic.md", "prompts/review.md.j2", "prompts/parts/bar.j2"),
    ],
)
def test_a_merge_that_is_not_resolved_is_named_with_file_and_line(space: Space, name: str) -> None:
    file = space.root / name
    file.parent.mkdir(exist_ok=True)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(before + "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> theirs\n", encoding="utf-8")
    with pytest.raises(WorkspaceError) as refusal:
        load_workspace(space.root)
    (problem,) = [one for one in refusal.value.problems if "merge" in one.message]
    assert (problem.file, problem.line) == (file, before.count("\n") + 1)


def test_many_unknown_canaries_in_a_large_catalog_are_told_of_at_once(space: Space) -> None:
    """Comparing each with every tool would take hours."""
    canaries = ", ".join(f'"{"abcdefgh" * 9}-{number}"' for number in range(300))
    space.ci(f"canaries = [{canaries}]")
    rows = "".join(f"{'hgfedcba' * 8} x{number},b,c,d,e\n" for number in range(5000))
    head = "name,tagline,category,pricing.entry,description\n"
    (space.root / "tools" / "all.csv").write_text(head + rows, encoding="utf-8")
    with pytest.raises(WorkspaceError) as error:
        load_workspace(space.root)
    assert 1 <= len(error.value.problems) <= 10
    assert "there is no tool" in str(error.value)


@pytest.mark.parametrize("folder", ["editorial", "editorial/tools", "editorial/pairs", "media"])
def test_no_folder_of_a_workspace_is_a_link_that_leads_out(
    space: Space, tmp_path: Path, folder: str
) -> None:
    """What lies elsewhere on this machine is neither read nor published."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "anvil.md").write_text("Private.", encoding="utf-8")
    (space.root / folder).parent.mkdir(exist_ok=True)
    (space.root / folder).symlink_to(outside, target_is_directory=True)
    with pytest.raises(WorkspaceError, match="leads out of its folder"):
        load_workspace(space.root)
