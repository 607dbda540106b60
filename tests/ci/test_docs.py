"""docs/ci.md is correct: its YAML parses, its commands exist, its worked repository works."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from panel.cells.answers import Answer, Inputs
from panel.ci.gates import PLAIN, SHIP_BELOW, parse_gates
from panel.cli.main import COMMANDS, LazyGroup, app
from panel.frozen.files import CanaryCheck, CanaryCount, FrozenTool, FrozenVerdict
from panel.stats import SURE, ships_probability
from panel.workspace.settings import Settings
from tests.support.faces import always
from tests.support.git_repository import git
from tests.support.mock_endpoint import MockEndpoint
from tests.support.space import ROOT

TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def blocks(language: str) -> list[str]:
    return [body for name, body in BLOCKS if name == language]


def section(title: str) -> str:
    """Return the text below a heading, up to the next heading."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def commands() -> list[str]:
    """Return every call of panel on the page and in the files that are copied from here."""
    lines = [line for body in (*blocks("sh"), *blocks("console")) for line in body.splitlines()]
    for text in blocks("yaml"):
        lines += [
            line.strip().removeprefix("- ").removeprefix("entry: ") for line in text.splitlines()
        ]
    lines += re.findall(r"`(panel [a-z][^`\n]*)`", TEXT)
    lines += [hook["entry"] for hook in HOOKS]
    found = [line.removeprefix("$ ").partition("   #")[0] for line in lines]
    return sorted({line for line in found if line.startswith("panel ")})


def test_the_page_calls_the_commands_that_matter() -> None:
    named = {word for line in commands() for word in shlex.split(line)}
    assert {"freeze", "thaw", "diff", "run", "plan", "check", "--changed", "--accept"} <= named


@pytest.mark.parametrize("line", commands())
def test_every_command_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    group = typer.main.get_group(app)
    assert isinstance(group, LazyGroup)
    known = {name for each in group.params for name in each.opts}
    while words[0].startswith("-"):
        assert words[0] in known, line
        words = words[2:]
    name, *rest = words
    assert name in COMMANDS, line
    command = group.get_command(None, name)
    options = {opt: each for each in command.params for opt in each.opts if opt.startswith("-")}
    for word in rest:
        if word.startswith("-"):
            assert word in options, f"{word} of {line}"
    for flag, value in itertools.pairwise(rest):
        if flag == "--fail-on":
            parse_gates([value])


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_yaml_is_yaml_and_pins_what_it_uses(text: str) -> None:
    parsed = yaml.safe_load(text)
    assert isinstance(parsed, dict)
    for job in parsed.get("jobs", {}).values():
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            if "reviewer-panel" in step["uses"]:
                assert set(step["with"]) <= set(ACTION["inputs"])
                parse_gates([step["with"]["fail-on"]])
                assert step["with"]["commit"] in ("none", "push", "pull-request")
    for each in parsed.get("repos", []):
        for hook in each["hooks"]:
            assert hook["id"] in {known["id"] for known in HOOKS}


def test_the_page_has_workflows_for_pull_requests_and_nights_gitlab_and_pre_commit() -> None:
    parsed = [yaml.safe_load(text) for text in blocks("yaml")]
    events = [each[True] for each in parsed if True in each]  # YAML 1.1 reads 'on' as true
    assert events[0] == "pull_request" and "schedule" in events[1]
    assert any("panel" in each and "script" in each["panel"] for each in parsed)
    assert sum("repos" in each for each in parsed) == 2
    for each in parsed:
        if "jobs" in each:
            assert each["permissions"] == {"contents": "write", "pull-requests": "write"}


def test_every_input_and_output_of_the_action_is_on_the_page() -> None:
    told = section("On pull requests")
    for name in ACTION["inputs"]:
        assert f"`{name}`" in told, name
    for name in ACTION["outputs"]:
        assert f"`{name}`" in told, name


def test_a_commit_that_only_deletes_a_tool_runs_the_hook_too() -> None:
    """pre-commit chooses hooks by files that were added or changed, unless a hook always runs."""
    local = [hook for text in blocks("yaml") for each in yaml.safe_load(text).get("repos", [])
             for hook in each["hooks"] if "entry" in hook]  # fmt: skip
    assert len(local) == 1
    for hook in (*HOOKS, *local):
        assert hook["always_run"] is True and "files" not in hook
        assert hook["pass_filenames"] is False


@pytest.mark.parametrize(
    ("title", "models"),
    [("What a file holds", (FrozenTool, FrozenVerdict, Answer, CanaryCheck, CanaryCount))],
)
def test_every_field_of_a_file_is_described(title: str, models: tuple[Any, ...]) -> None:
    told = set(re.findall(r"`([a-z_]+)`", section(title)))
    for model in (*models, Inputs):
        names = getattr(model, "model_fields", None) or {item.name for item in fields(model)}
        assert set(names) <= told, set(names) - told


def test_the_votes_that_overturn_a_verdict_are_those_of_the_rule() -> None:
    rows = re.findall(r"^\| (\d) \| (\d) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 4
    for n, needed, probability in rows:
        assert f"{ships_probability(int(needed), int(n)):.3f}" == probability
        assert ships_probability(int(needed), int(n)) >= SURE
        assert ships_probability(int(needed) - 1, int(n)) < SURE
    assert all(ships_probability(n, n) < SURE for n in (1, 2, 3))
    assert f"{ships_probability(3, 3):.3f}" == "0.938"


def test_every_gate_is_on_the_page() -> None:
    told = set(re.findall(r"^\| `([a-z-]+)", section("Gates"), re.MULTILINE))
    assert told == {*PLAIN, SHIP_BELOW}


def test_what_panel_toml_says_of_ci_is_accepted_once_it_is_uncommented() -> None:
    text = (ROOT / "panel.toml").read_text()
    start = text.index("# [ci]")
    part = text[start : text.index("\n\n", start)]
    plain = "\n".join(line.removeprefix("# ") for line in part.splitlines())
    ci = Settings.model_validate(tomllib.loads(plain)).ci
    assert (ci.repeats, ci.canaries) == (5, ())
    assert ships_probability(ci.repeats, ci.repeats) >= SURE, "as the comment says"


def test_the_worked_repository_works(tmp_path: Path, mock: MockEndpoint, programs: Path) -> None:
    mock.face = always("ship")
    [settings] = blocks("toml")
    settings = settings.replace("https://llm.example.org/v1", mock.base_url)
    assert mock.base_url in settings

    def sh(script: str, folder: Path) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=os.environ
            | dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Ada")
            | dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "ada@example.org")
            | {"PATH": f"{programs}:{os.environ['PATH']}", "LAB_API_KEY": "sk-test-0123456789"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    make, first, edit = blocks("sh")
    sh(make, tmp_path)
    root = tmp_path / "reviews"
    (root / "panel.toml").write_text(settings)
    assert "14 files written" in sh(first, root)
    assert mock.asked == 14 * 4
    tracked = git(root, "ls-files").splitlines()
    assert len([name for name in tracked if name.startswith("verdicts/")]) == 14
    assert [name for name in tracked if name.startswith("runs/")] == ["runs/.gitignore"]
    mock.asked = 0
    told = sh(edit, root)
    assert mock.asked == 4 * 5 + 12 * 4
    assert "to ask: description changed" in told and "canaries, asked again" in told
    assert "No sign that the model has moved: 0 of 12 canaries" in told
    shown = git(root, "show", "--name-only", "--format=", "HEAD").split()
    assert shown == ["tools/fennmark.md", "verdicts/_canaries.json", "verdicts/fennmark.json"]
    assert git(root, "status", "--porcelain") == ""
    canaries = json.loads((root / "verdicts/_canaries.json").read_text())
    assert len(canaries["canaries"]) == 12
