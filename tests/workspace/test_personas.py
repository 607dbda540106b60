"""Personas: one file each, and what is said of a wrong one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from panel.errors import Problem, WorkspaceError
from panel.workspace.personas import Persona, choose_personas, load_personas
from tests.support.space import ROOT

BEATS = "beats:\n  - {id: claim, label: The claim, ask: Say it.}\n"
TEXT = f"name: Critic\nmotto: m\norder: 5\n{BEATS}ship_bar: s\nskip_bar: k\n"


def write(folder: Path, old: str = "", new: str = "", name: str = "critic.md") -> Path:
    folder.mkdir(exist_ok=True)
    assert old in TEXT
    file = folder / name
    file.write_text(f"---\n{TEXT.replace(old, new) if old else TEXT}---\nSpeaks plainly.\n")
    return file


def refused(folder: Path) -> list[Problem]:
    with pytest.raises(WorkspaceError) as refusal:
        load_personas(folder)
    return refusal.value.problems


def test_the_shipped_panel_stands_in_order() -> None:
    personas = load_personas(ROOT / "personas")
    names = [persona.id for persona in personas]
    assert names == ["builder", "skeptic", "futurist", "business-analyst"]
    assert [beat.id for beat in personas[0].beats] == [
        "primitive",
        "dx_bet",
        "first_ten_minutes",
        "deciding_detail",
    ]


def test_a_fifth_persona_is_one_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "personas", tmp_path / "personas")
    write(tmp_path / "personas")
    fifth = load_personas(tmp_path / "personas")[4]
    assert (fifth.id, fifth.voice, fifth.avoid) == ("critic", "Speaks plainly.", ())


@pytest.mark.parametrize(
    ("old", "new", "field", "says"),
    [
        (", ask: Say it.", "", "beats.0.ask", "is missing"),
        ("id: claim, ", "", "beats.0.id", "is missing"),
        ("label: The claim", "label: ''", "beats.0.label", "is empty"),
        (BEATS, "beats: []\n", "beats", "is empty"),
        (BEATS, "", "beats", "is missing"),
        ("id: claim", "id: verdict", "beats.0.id", "is a field of every verdict"),
        ("id: claim", "id: evidence", "beats.0.id", "is a field of every verdict"),
        ("id: claim", "id: weak_point", "beats.0.id", "sorts after 'verdict'"),
        ("id: claim", "id: The-Claim", "beats.0.id", "is not a beat id"),
        ("order: 5", "order: first", "order", "whole number"),
        ("motto: m", "moto: m", "moto", "unknown key 'moto'"),
        ("ask: Say it.", "aks: x, ask: y", "beats.0.aks", "unknown key 'aks'"),
        ("name: Critic", "id: critic\nname: Critic", "id", "is the file's name"),
    ],
)
def test_a_wrong_field_is_named_with_line_and_remedy(
    tmp_path: Path, old: str, new: str, field: str, says: str
) -> None:
    write(tmp_path, old, new)
    found = {problem.field: problem for problem in refused(tmp_path)}
    assert says in found[field].message and found[field].remedy and found[field].line


def test_a_misspelt_key_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "label: The claim", "labl: The claim")
    assert "Did you mean 'label'?" in {problem.remedy for problem in refused(tmp_path)}


def test_a_beat_that_stands_twice_has_the_second_line(tmp_path: Path) -> None:
    write(tmp_path, BEATS, BEATS + BEATS.removeprefix("beats:\n"))
    (problem,) = refused(tmp_path)
    assert (problem.line, problem.message) == (7, "'claim' appears twice")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\n", "does not begin with front matter"),
        ("---\nname: x\n", "never ends"),
        ("---\nname: [x\n---\n", "is not valid YAML"),
        ("---\n- x\n---\nvoice", "is not a mapping"),
    ],
)
def test_broken_front_matter_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "critic.md").write_text(text)
    (problem,) = refused(tmp_path)
    assert says in problem.message and problem.line


def test_a_persona_without_voice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "critic.md").write_text(f"---\n{TEXT}---\n")
    assert [problem.field for problem in refused(tmp_path)] == ["voice"]


def test_a_file_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    write(tmp_path, name="The Critic.md")
    (problem,) = refused(tmp_path)
    assert "'The Critic'" in problem.message and "hyphens" in problem.remedy


def test_the_problems_of_all_personas_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, "motto: m\n", "")
    write(tmp_path, "order: 5\n", "", name="other.md")
    assert [problem.file.name for problem in refused(tmp_path)] == ["critic.md", "other.md"]


def test_no_persona_and_no_folder_are_problems(tmp_path: Path) -> None:
    assert "holds no persona" in refused(tmp_path)[0].message
    assert "is not a folder" in refused(tmp_path / "none")[0].message


def test_personas_are_chosen_in_the_order_asked_for() -> None:
    personas = load_personas(ROOT / "personas")
    chosen = choose_personas(personas, ["skeptic", "builder", "skeptic"])
    assert [persona.id for persona in chosen] == ["skeptic", "builder"]
    assert choose_personas(personas, []) == personas
    with pytest.raises(ValueError, match="Did you mean 'skeptic'"):
        choose_personas(personas, ["sceptic"])


def test_a_digest_changes_with_any_word() -> None:
    persona = load_personas(ROOT / "personas")[0]
    other = Persona.model_validate({**persona.record(), "voice": persona.voice + "!"})
    assert persona.digest() == Persona.model_validate(persona.record()).digest() != other.digest()
