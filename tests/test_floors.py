"""The floors of docs/architecture.md hold: import-linter itself refuses what breaks them."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.space import ROOT

SOURCE = ROOT / "src" / "panel"
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
UNNAMED = {"utils", "util", "helpers", "helper", "common", "misc", "models", "manager", "managers"}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds a copy of the package's Python files."""
    folder = tmp_path_factory.mktemp("floors")
    for file in SOURCE.rglob("*.py"):
        copy = folder / "panel" / file.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return folder


def lint(folder: Path) -> tuple[int, str]:
    """Hold the copy in ``folder`` against the project's own contracts."""
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_package_as_it_is_breaks_no_contract(copied: Path) -> None:
    code, told = lint(copied)
    assert code == 0, told
    assert "0 broken" in told


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        pytest.param(
            "newroom.py",
            "import smtplib\n\nimport starlette\n\nimport panel.cli\n",
            [
                "not listed as layers:\n\n- panel.newroom",
                "panel.newroom -> smtplib",
                "panel.newroom -> starlette",
            ],
            id="a file without a floor, importing what rooms keep to themselves",
        ),
        pytest.param(
            "cells/wrong.py",
            "import panel.store\n",
            ["panel.cells.wrong -> panel.store"],
            id="a file that imports from a floor above its own",
        ),
        pytest.param(
            "site/wrong.py",
            "import typer\n",
            ["panel.site.wrong -> typer"],
            id="a library used outside its room",
        ),
        pytest.param(
            "results/wrong.py",
            "import scipy.stats\n\nfrom panel.research.extras import needed\n",
            ["panel.results.wrong -> scipy", "panel.results.wrong -> panel.research.extras"],
            id="a library of research, imported elsewhere at once and late",
        ),
        pytest.param(
            "site/wrong.py",
            "def late() -> None:\n    import panel.store\n",
            ["panel.site.wrong -> panel.store"],
            id="a room beside its own, imported inside a function",
        ),
        pytest.param(
            "checks/wrong.py",
            "from typing import TYPE_CHECKING\n\n"
            "if TYPE_CHECKING:\n    from panel.desk.app import make_app\n",
            ["panel.checks.wrong -> panel.desk.app"],
            id="a floor above, imported for the type checker only",
        ),
        pytest.param(
            "checks/findings.py",
            "\nfrom typing import TYPE_CHECKING\n\n"
            "if TYPE_CHECKING:\n    from panel.checks.take import check_take\n",
            ["No cycles are allowed in panel.checks", ".findings -> .take"],
            id="a circle inside a room, for the type checker only",
        ),
    ],
)
def test_an_import_against_the_floors_fails_and_is_named(
    copied: Path, file: str, text: str, named: list[str]
) -> None:
    wrong = copied / "panel" / file
    before = wrong.read_text(encoding="utf-8") if wrong.exists() else None
    wrong.write_text((before or "") + text, encoding="utf-8")
    try:
        code, told = lint(copied)
    finally:
        if before is None:
            wrong.unlink()
        else:
            wrong.write_text(before, encoding="utf-8")
    assert code == 1, told
    for each in named:
        assert each in told, told


def test_the_page_on_the_architecture_shows_the_floors_of_the_contract() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| rooms, top floor first |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([`\w, ]+) \|", table, re.MULTILINE)
    shown = [room for cell in cells for room in re.findall(r"`(\w+)`", cell)]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [floors] = [each for each in settings["tool"]["importlinter"]["contracts"] if "layers" in each]
    rooms = [set(floor.split(" | ")) for floor in floors["layers"] if "_" not in floor]
    assert [{shown.pop(0) for _ in floor} for floor in rooms] == rooms
    assert not shown


def test_the_page_for_contributors_says_of_each_room_what_the_architecture_says() -> None:
    def rooms(file: Path) -> list[tuple[str, str]]:
        text = file.read_text(encoding="utf-8")
        return re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+?) \|", text, re.MULTILINE)

    shown = rooms(ROOT / "CONTRIBUTING.md")
    assert shown and shown == rooms(ROOT / "docs" / "architecture.md")


def test_the_ground_floor_stays_small() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= 8, "a new file belongs into a room"


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [file for file in SOURCE.rglob("*") if file.stem in UNNAMED]


@pytest.mark.parametrize(
    "package",
    sorted(file.parent for file in SOURCE.rglob("__init__.py") if file.parent != SOURCE),
    ids=lambda folder: folder.relative_to(SOURCE).as_posix(),
)
def test_every_room_says_in_one_line_what_lives_there(package: Path) -> None:
    told = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert told and "\n" not in told, told
