"""docs/ci.md is correct: its YAML parses, its commands exist, its worked repository works."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import typer
import yaml

from panel.cells.answers import Inputs
from panel.ci.gates import PLAIN, SHIP_BELOW, parse_gates
from panel.cli.main import COMMANDS, LazyGroup, app
from panel.frozen.canaries import CanaryCheck
from panel.frozen.files import FrozenTool
from panel.frozen.verdicts import FrozenAnswer, FrozenVerdict
from panel.stats import SURE, ships_probability
from panel.workspace.settings import CiSettings, Settings
from tests.support.faces import always
from tests.support.git_repository import commit, git, repository
from tests.support.git_server import git_served
from tests.support.mock_endpoint import MockEndpoint
from tests.support.page_commands import as_shown
from tests.support.space import ROOT, Space, edit
from tests.support.templates import Make, all_ship

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
        for step in (step for step in job["steps"] if "run" not in step):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            if "reviewer-panel" in step["uses"]:
                assert set(step["with"]) <= set(ACTION["inputs"])
                parse_gates([step["with"].get("fail-on", "")])
                assert step["with"].get("commit", "none") in ("none", "push", "pull-request")
            else:
                assert step["with"]["persist-credentials"] is False, "the action pushes by itself"
    for each in parsed.get("repos", []):
        for hook in each["hooks"]:
            assert hook["id"] in {known["id"] for known in HOOKS}


def test_the_page_has_workflows_for_pull_requests_and_nights_gitlab_and_pre_commit() -> None:
    parsed = [yaml.safe_load(text) for text in blocks("yaml")]
    events = [each[True] for each in parsed if True in each]  # YAML 1.1 reads 'on' as true
    assert events[:2] == ["pull_request", "pull_request"] and "schedule" in events[2]
    assert any("panel" in each and "script" in each["panel"] for each in parsed)
    assert sum("repos" in each for each in parsed) == 2
    for each in parsed:
        assert not each.get("permissions"), "permissions are those of a job"
        for job in each.get("jobs", {}).values():
            commits = any("commit" in step.get("with", {}) for step in job["steps"])
            contents = "write" if commits else "read"
            assert job["permissions"] == {"contents": contents, "pull-requests": "write"}


def test_the_page_begins_with_a_quick_start_of_fifteen_lines() -> None:
    begin = TEXT.index("## Quick start")
    assert TEXT[:begin].strip() == "# Verdicts in git, and in CI"
    assert 0 < len(blocks("yaml")[0].splitlines()) <= 15


def test_no_workflow_puts_text_from_outside_into_a_script() -> None:
    for text in blocks("yaml"):
        for job in yaml.safe_load(text).get("jobs", {}).values():
            assert not any("${{" in step.get("run", "") for step in job["steps"])


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
    [("What a file holds", (FrozenTool, FrozenVerdict, FrozenAnswer, CanaryCheck))],
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
    assert (ci.repeats, ci.most_repeats, ci.canaries) == (4, 12, ())
    assert ci.canary_cells == CiSettings().canary_cells
    assert ships_probability(ci.repeats, ci.repeats) >= SURE, "as the comment says"


@dataclass
class GitLab:
    """GitLab's job of the page on a branch ``work``, with a server that wants the job's token."""

    root: Path
    origin: Path
    variables: dict[str, str]

    def job(self, calls: int = 400, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the job's script as a runner does, on a fresh clone with the cache of runs/."""
        [job] = [made["panel"] for made in map(yaml.safe_load, blocks("yaml")) if "panel" in made]
        assert job["cache"]["when"] == "always" and "pip install" in job["script"][0]
        given = os.environ | self.variables | variables
        for name, text in job["variables"].items():
            given[name] = re.sub(r"\$(\w+)", lambda found: given.get(found[1], ""), text)
        kept = self.root.parent / "runs"
        fresh = self.root.parent / "fresh"
        if self.root.exists():
            shutil.rmtree(kept, ignore_errors=True)
            (self.root / "runs").rename(kept)
            shutil.rmtree(self.root)
        git(self.root.parent, "clone", "-q", "-b", "work", str(self.origin), str(fresh))
        fresh.rename(self.root)
        git(self.root, "switch", "-q", "--detach")
        if kept.exists():
            shutil.copytree(kept, self.root / "runs", dirs_exist_ok=True)
        script = "\n".join(["set -eo pipefail", *job["script"][1:]])
        assert "--max-calls 400" in script
        script = script.replace("--max-calls 400", f"--max-calls {calls}")
        return subprocess.run(
            ["bash", "-c", script], cwd=self.root, env=given,
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def gitlab(
    copied: Callable[[Make], Space], mock: MockEndpoint, tmp_path: Path, programs: Path
) -> Iterator[GitLab]:
    space = copied(all_ship)
    mock.face = always("ship")
    space.point_at(mock)
    repository(space.root)
    base = git(space.root, "rev-parse", "HEAD").strip()
    git(space.root, "switch", "-qc", "work")
    edit(space.root / "tools/anvil.md", "reads JSON", "eats JSON")
    commit(space.root, "Say it otherwise")
    origin = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(space.root), str(origin))
    git(origin, "config", "http.receivepack", "true")
    word = b64encode(b"panel:glpat-1").decode()
    with git_served(tmp_path, f"Basic {word}") as url:
        variables = {
            "PATH": f"{programs}:{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": os.devnull,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "work",
            "CI_SERVER_PROTOCOL": "http", "CI_SERVER_FQDN": url.removeprefix("http://"),
            "CI_SERVER_HOST": "gitlab.example", "CI_PROJECT_PATH": "origin",
            "PANEL_TOKEN": "glpat-1", "GIT_TERMINAL_PROMPT": "0",
        }  # fmt: skip
        yield GitLab(tmp_path / "checkout", origin, variables)


@pytest.mark.slow
def test_gitlabs_job_gives_its_verdicts_back_and_then_asks_nothing(
    gitlab: GitLab, mock: MockEndpoint, tmp_path: Path
) -> None:
    mock.asked = 0
    hook = gitlab.origin / "hooks/pre-receive"  # somebody else is faster, once
    hook.write_text(f"""#!/bin/sh
[ -e {tmp_path}/once ] && exit 0
touch {tmp_path}/once
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
new=$(git -c user.name=o -c user.email=o@x commit-tree work^{{tree}} -p work -m theirs)
git update-ref refs/heads/work $new
""")
    hook.chmod(0o755)
    done = gitlab.job()
    assert done.returncode == 0, done.stdout + done.stderr
    assert mock.asked == 4
    log = git(gitlab.origin, "log", "--format=%s", "-3", "work").splitlines()
    assert log == ["Freeze the panel's verdicts", "theirs", "Say it otherwise"]
    assert git(gitlab.origin, "show", "--name-only", "--format=", "work").split() == (
        ["verdicts/anvil.json"]
    )
    assert "4 reworded" in (gitlab.root / "panel.md").read_text()
    again = gitlab.job()
    assert again.returncode == 0 and mock.asked == 4, again.stderr
    assert git(gitlab.origin, "log", "--format=%s", "-3", "work").splitlines() == log


@pytest.mark.slow
def test_gitlabs_job_that_is_stopped_reports_and_the_next_one_goes_on(
    gitlab: GitLab, mock: MockEndpoint
) -> None:
    mock.asked = 0
    stopped = gitlab.job(calls=2)
    assert stopped.returncode == 1 and mock.asked == 2
    [suite] = Xml.parse(gitlab.root / "junit.xml").getroot()
    assert (suite.get("errors"), suite.get("skipped")) == ("1", "4")
    assert "2 were left unasked" in (gitlab.root / "panel.md").read_text()
    assert git(gitlab.origin, "log", "--format=%s", "-1", "work") == "Say it otherwise\n"
    assert gitlab.job(calls=2).returncode == 0 and mock.asked == 4
    assert "verdicts" in git(gitlab.origin, "log", "--format=%s", "-1", "work")


def test_gitlabs_job_without_a_token_leaves_its_verdicts_in_the_artifact(gitlab: GitLab) -> None:
    done = gitlab.job(PANEL_TOKEN="")
    assert done.returncode == 0, done.stderr
    assert git(gitlab.root, "status", "--porcelain", "verdicts") == " M verdicts/anvil.json\n"
    assert git(gitlab.origin, "log", "--format=%s", "-1", "work") == "Say it otherwise\n"


@pytest.mark.slow
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
    assert mock.asked == 14 * 4 * 4
    tracked = git(root, "ls-files").splitlines()
    assert len([name for name in tracked if re.fullmatch(r"verdicts/[\w-]+.json", name)]) == 14
    assert "verdicts/.gitattributes" in tracked
    assert [name for name in tracked if name.startswith("runs/")] == ["runs/.gitignore"]
    mock.asked = 0
    told = sh(edit, root)
    assert mock.asked == 4 * 4 + 12 * 4 and "16 + 48 = 64 requests" in TEXT
    [shown] = blocks("text")
    assert as_shown(f"...\n{shown}", told)
    check, *shown = sorted(git(root, "show", "--name-only", "--format=", "HEAD").split())[1:]
    assert shown == ["verdicts/fennmark.json"]
    assert git(root, "status", "--porcelain") == ""
    assert re.fullmatch(r"verdicts/_canaries/[\w-]+\.json", check)
    assert len(json.loads((root / check).read_text())["canaries"]) == 12
