"""What `make dist` builds: whole, without strangers, the same each time, enough to work with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.distributions import (
    Installed,
    archived,
    beside_these_libraries,
    build,
    contents,
    copy_checkout,
    get,
    hiding_the_checkout,
    tracked,
    unpacked,
    uv,
)
from tests.support.git_repository import git
from tests.support.github_runner import STEPS
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import ROOT, Space

pytestmark = pytest.mark.process

# What lies about in a checkout, and is nobody else's business.
STRANGERS = (
    *(".venv/bin/panel", ".cache/weights.gguf", ".env", "notes.txt", "dist/old.whl", "build/x"),
    *("runs/panel.duckdb", "runs/20261127T1200-aaaa/attempts.jsonl", "community/secret"),
    *("src/panel/__pycache__/text.cpython-311.pyc", "verdicts/anvil.json", "digests/a.eml"),
)
SHARED = ("panel.toml", "runs/.gitignore", "verdicts/.gitattributes")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
A, B = "mistral-8x22b-instruct-v2", "codestral-2-0"


@dataclass
class Built:
    """What was built of the commit after v9.8.7."""

    tree: Path
    source: Path
    wheel: Path
    version: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build both of a repository with a tag, a commit after it, and much that is not tracked."""
    folder = tmp_path_factory.mktemp("distribution")
    tree = copy_checkout(folder / "tree")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "Release it")
    git(tree, "tag", "v9.8.7")
    git(tree, "commit", "-q", "--allow-empty", "-m", "Go on")
    for name in STRANGERS:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("a stranger")
    source, wheel = build(tree, folder / "dist")
    revision = git(tree, "rev-parse", "--short", "HEAD").strip()
    return Built(tree, source, wheel, f"9.9.0.dev1+g{revision}")


# --- what is in them --------------------------------------------------------------------------


@pytest.mark.slow
def test_the_source_distribution_has_what_git_has_and_nothing_else(built: Built) -> None:
    """A new file at the top is named under [tool.hatch.build.targets.sdist]."""
    found = contents(built.source)
    assert set(found) == {*tracked(), "PKG-INFO", "src/panel/_version.py"}
    assert all(found[name] == (ROOT / name).read_bytes() for name in tracked())


@pytest.mark.slow
def test_the_wheel_has_the_package_the_sample_workspace_and_the_licences(built: Built) -> None:
    found = contents(built.wheel)
    sample = tuple(f"{name}/" for name in ("personas", "prompts", "probes", "tools", "experiments"))
    wanted = {
        name.removeprefix("src/"): name for name in tracked() if name.startswith("src/panel/")
    } | {
        f"panel/_workspace/{name}": name
        for name in tracked()
        if name.startswith(sample) or name in SHARED
    }
    about = {name for name in found if ".dist-info/" in name}
    assert set(found) - about == {*wanted, "panel/_version.py"}
    assert all(found[there] == (ROOT / name).read_bytes() for there, name in wanted.items())
    assert {"panel/py.typed", "panel/store/schema.sql"} <= set(found)
    licences = {name.partition("/licenses/")[2] for name in about if "/licenses/" in name}
    assert licences == set(PROJECT["project"]["license-files"])
    assert licences == {
        name for name in tracked() if Path(name).name in ("LICENSE", "THIRD_PARTY.md")
    }


def test_the_page_of_a_package_index_has_no_relative_link(built: Built) -> None:
    """README.md's links lead to the repository there, its picture to the file itself."""
    [about] = [text for name, text in contents(built.wheel).items() if name.endswith("/METADATA")]
    links = re.findall(r"\]\(([^)]*)\)", about.decode())
    assert any(link.endswith("/docs/editors.md") for link in links)
    assert all(link.startswith(("https://", "http://", "#")) for link in links)


def test_no_file_of_either_holds_a_path_of_the_machine_that_built_it(built: Built) -> None:
    for archive in (built.source, built.wheel):
        for name, content in contents(archive).items():
            assert str(built.tree).encode() not in content, name
            assert str(ROOT).encode() not in content, name


@pytest.mark.slow
def test_what_is_built_from_the_source_distribution_is_the_same_to_the_byte(
    built: Built, tmp_path: Path
) -> None:
    """Elsewhere, without git, in files that are nobody else's to read."""
    [tree] = unpacked(built.source, tmp_path).iterdir()
    for file in tree.rglob("*"):
        file.chmod(file.stat().st_mode & 0o700)
    source, wheel = build(tree, tmp_path / "dist")
    assert source.name == built.source.name and source.read_bytes() == built.source.read_bytes()
    assert wheel.name == built.wheel.name and wheel.read_bytes() == built.wheel.read_bytes()


# --- installed and at work --------------------------------------------------------------------


def main_job(program: Installed, folder: Path, mock: MockEndpoint) -> Path:
    """Do what the program is for, in a new workspace; return its root."""
    program.run("init", "reviews", cwd=folder)
    root = folder / "reviews"
    files = [file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()]
    parts = ("personas/", "prompts/", "tools/", "experiments/")
    shipped = [name for name in tracked() if name.startswith(parts) or name in SHARED]
    assert sorted(files) == sorted([".gitignore", *shipped])
    Space(root).point_at(mock)
    program.run("check", cwd=root)
    ran = program.run("run", "--tool", A, "--tool", B, "--json", cwd=root)
    assert json.loads(ran.stdout)["verdicts"] == mock.asked == 8
    assert "of 4 ship" in program.run("show", A, cwd=root).stdout
    program.run("compare", A, B, "--html", "page.html", cwd=root)
    assert "Codestral 2.0" in (root / "page.html").read_text(encoding="utf-8")
    program.run("publish", "site", "--drafts", cwd=root)
    return root


def servers(program: Installed, root: Path) -> None:
    """Look at a page of each server of the program."""
    with program.serving("serve", "site", "--port", "0", cwd=root) as address:
        page = get(address)
        assert "Codestral 2.0" in page
        for name in re.findall(r'(?:href|src)="([^":]+\.(?:css|js|svg|xml))"', page):
            assert get(f"{address}/{name}"), name
    words = ("desk", "--port", "0", "--no-browser", "--editor", "Ada")
    with program.serving(*words, cwd=root) as address:
        page = get(address)
        assert "Codestral 2.0" in page
        for name in re.findall(r'(?:href|src)="([^":]+\.(?:css|js))"', page):
            assert get(f"{address}{name}"), name


@pytest.fixture
def alone(tmp_path: Path) -> Installed:
    """Make an environment without the program, which finds the libraries of this one."""
    return beside_these_libraries(tmp_path, tmp_path / "guards.log")


@pytest.mark.slow
def test_the_wheel_alone_does_the_main_job_where_nothing_of_the_checkout_can_be_opened(
    built: Built, alone: Installed, mock: MockEndpoint, tmp_path: Path
) -> None:
    installed = uv(
        "pip", "install", "--offline", "--no-deps", "--python", alone.python, built.wheel
    )
    assert installed.returncode == 0, installed.stderr
    said = alone.run("--version", cwd=tmp_path).stdout
    assert said.strip() == f"panel {built.version.strip()}"
    (tmp_path / "elsewhere").mkdir()
    root = main_job(alone, tmp_path / "elsewhere", mock)
    assert f"<dd>{built.version}</dd>" in (root / "site/methodology.html").read_text()
    servers(alone, root)
    assert not alone.log.exists(), alone.log.read_text()


def test_the_guard_around_the_checkout_bites(alone: Installed, tmp_path: Path) -> None:
    script = f"open({str(ROOT / 'README.md')!r})"
    done = subprocess.run(
        [alone.python, "-c", script],
        env=alone.variables(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "CheckoutOpenedError" in done.stderr
    assert "README.md" in alone.log.read_text()


@pytest.mark.slow
def test_the_action_installs_the_program_from_an_archive_of_a_commit(
    built: Built, alone: Installed, tmp_path: Path
) -> None:
    """By its own command: no index, no download, no isolated build. GitHub gives it no git."""
    [script] = [step["run"] for step in STEPS if step["name"] == "Install the program"]
    [_libraries, command] = re.findall(
        r'"\$venv/bin/python" -m pip install (?:\\\n|[^\n])*', script
    )
    action = archived(built.tree, tmp_path / "action")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env={
            **alone.variables(),
            "venv": str(alone.environment),
            "GITHUB_ACTION_PATH": str(action),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert alone.run("--version", cwd=tmp_path).stdout == f"panel {built.version}\n"


# --- the true installation, by `make dist-check` ---------------------------------------------

PYTHONS = os.environ.get("PANEL_DIST_PYTHONS", "").split()


at_release = pytest.mark.skipif(not PYTHONS, reason="downloads every library: make dist-check")


@at_release
def test_a_version_that_is_released_has_its_entry_and_its_link_in_the_changelog() -> None:
    [wheel] = (ROOT / "dist").glob("*.whl")
    version = wheel.name.split("-")[1]
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if ".dev" not in version:
        assert re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
        assert f"\n[{version}]: " in text


@at_release
@pytest.mark.parametrize("version", PYTHONS or ["3.11"])
def test_the_wheel_in_dist_works_in_an_empty_environment(
    version: str, mock: MockEndpoint, tmp_path: Path
) -> None:
    """With what the index has today; first without extras, then with those of the servers."""
    if uv("venv", "--python", version, tmp_path / "environment").returncode:
        pytest.skip(f"this machine has no Python {version}")
    [wheel] = (ROOT / "dist").glob("*.whl")
    program = Installed(tmp_path / "environment", tmp_path, tmp_path / "guards.log")
    program.before = hiding_the_checkout()
    (tmp_path / "elsewhere").mkdir()
    for extras in ("", "[desk,site]"):
        done = uv("pip", "install", "--python", program.python, f"{wheel}{extras}")
        assert done.returncode == 0, done.stderr
        program.prepare()
        if not extras:
            root = main_job(program, tmp_path / "elsewhere", mock)
            refused = program.run("desk", "--editor", "Ada", cwd=root, code=2)
            assert "pip install 'reviewer-panel[desk]'" in refused.stderr
        else:
            servers(program, root)
    assert not program.log.exists(), program.log.read_text()
