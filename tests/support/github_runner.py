"""A simulated GitHub runner, which runs the steps of action.yml for real.

Only the runner is simulated: files for outputs, summary and PATH, the expressions that
action.yml uses, the state of steps, the caches. The scripts, the program, git, the endpoint and
GitHub's API are real processes and real sockets on loopback.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import yaml

from tests.support.github_api import REPOSITORY, Forge
from tests.support.space import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
TOKENS = re.compile(r"\s*('(?:[^']|'')*'|==|!=|&&|\|\||!|\(|\)|[A-Za-z_][\w.-]*)")
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class Expressions:
    """Evaluates what action.yml uses of GitHub's expressions; refuses everything else."""

    def __init__(self, contexts: dict[str, Any], ok: bool) -> None:
        self.contexts, self.ok = contexts, ok
        self.asked_state = False  # whether a function of state was called

    def value(self, text: str) -> Any:
        """Return the value of one expression."""
        self.tokens = TOKENS.findall(text)
        assert "".join(self.tokens) == re.sub(r"\s(?=(?:[^']*'[^']*')*[^']*$)", "", text), text
        found = self._or()
        assert not self.tokens, f"cannot read {text!r}"
        return found

    def _or(self) -> Any:
        left = self._and()
        while self.tokens[:1] == ["||"]:
            self.tokens.pop(0)
            right = self._and()
            left = left or right
        return left

    def _and(self) -> Any:
        left = self._equal()
        while self.tokens[:1] == ["&&"]:
            self.tokens.pop(0)
            right = self._equal()
            left = left and right
        return left

    def _equal(self) -> Any:
        left = self._one()
        while self.tokens[:1] in (["=="], ["!="]):
            sign, right = self.tokens.pop(0), self._one()
            left = (str(left).lower() == str(right).lower()) == (sign == "==")
        return left

    def _one(self) -> Any:
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self.tokens[:2] == ["(", ")"]:
            del self.tokens[:2]
            self.asked_state = True
            return {"always": True, "success": self.ok, "failure": not self.ok}[token]
        value: Any = self.contexts
        first, *names = token.split(".")
        assert first in self.contexts, f"no context {first!r}"
        for name in (first, *names):  # what is not there is empty, as with GitHub
            value = value.get(name, "") if isinstance(value, dict) else ""
        return value

    def filled(self, text: str) -> str:
        """Replace the expressions in a text with their values."""
        return EXPRESSION.sub(lambda found: str(self.value(found[1])), text)


@dataclass
class Done:
    """The result of a job: how each step ended, its log, and the files it wrote."""

    ok: bool = True
    steps: dict[str, str] = field(default_factory=dict)  # name → success, failure, skipped, used
    seconds: dict[str, float] = field(default_factory=dict)  # of each script
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    used: dict[str, dict[str, str]] = field(default_factory=dict)  # step → what it was given

    @property
    def folder(self) -> Path:
        """Where the job keeps its report."""
        return Path(self.outputs["report"]).parent

    @property
    def junit(self) -> Xml.Element:
        """The one suite of the JUnit file."""
        [suite] = Xml.parse(self.outputs["junit"]).getroot()
        return suite

    @property
    def diff(self) -> dict[str, Any]:
        """The diff as JSON, from the artifact."""
        told: dict[str, Any] = json.loads((self.folder / "diff.json").read_text())
        return told


@dataclass
class Runner:
    """A runner: where the workspace is checked out, and where it puts its files.

    caches: what jobs have kept, by path and key, oldest first. artifacts: the names that the
    job has used. secrets: environment variables of the step that uses the action.
    """

    root: Path
    temp: Path
    bin: Path
    forge: Forge
    caches: dict[tuple[str, str], Path] = field(default_factory=dict)
    artifacts: set[str] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)
    jobs: int = 0

    def job(self, event: str, told: dict[str, Any], ref: str = "main", **inputs: str) -> Done:
        """Run the action as the only step of a job, on a machine without earlier answers."""
        shutil.rmtree(self.temp, ignore_errors=True)
        self.temp.mkdir()
        self.artifacts.clear()
        self.jobs += 1
        for runs in self.root.rglob("runs"):
            shutil.rmtree(runs)
        return self.step(event, told, ref, **inputs)

    def step(self, event: str, told: dict[str, Any], ref: str = "main", **inputs: str) -> Done:
        """Run every step of action.yml for one event, as a runner does."""
        payload = self.temp / "event.json"
        payload.write_text(json.dumps(told))
        given = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        given |= {"install": "false", "token": "the-token"}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() == ACTION["inputs"].keys()
        contexts: dict[str, Any] = {
            "inputs": given,
            "steps": {},
            "github": {
                "run_id": str(self.jobs),
                "run_attempt": "1",
                "job": "panel",
                "token": "the-token",
            },
            "runner": {"temp": str(self.temp)},
        }
        self.path, self.env = (
            str(self.bin),
            {
                "GITHUB_EVENT_NAME": event,
                "GITHUB_EVENT_PATH": str(payload),
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_API_URL": self.forge.url,
                "GITHUB_REF_NAME": ref,
                "GITHUB_ACTION_PATH": str(ROOT),
                "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"),
                "RUNNER_TEMP": str(self.temp),
                "GIT_CONFIG_GLOBAL": os.devnull,
            },
        )
        done = Done()
        for step in STEPS:
            done.steps[step["name"]] = self._step(step, contexts, done)
        summary = self.temp / "summary.md"
        done.summary = summary.read_text() if summary.exists() else ""
        at_end = Expressions(contexts, done.ok)
        done.outputs = {
            name: at_end.filled(each["value"]) for name, each in ACTION["outputs"].items()
        }
        return done

    def _step(self, step: dict[str, Any], contexts: dict[str, Any], done: Done) -> str:
        asked = Expressions(contexts, done.ok)
        condition = str(step.get("if", "success()")).strip()
        wanted = asked.value(condition.removeprefix("${{").removesuffix("}}"))
        if not wanted or not (done.ok or asked.asked_state):
            return "skipped"
        if "uses" in step:
            given = {name: asked.filled(str(text)) for name, text in step["with"].items()}
            done.used[step["name"]] = given
            self._use(step["uses"].partition("@")[0], given)
            return "used"
        code, outputs = self._bash(step, asked, done)
        contexts["steps"][step.get("id", step["name"])] = {"outputs": outputs}
        done.ok = done.ok and code == 0
        return "success" if code == 0 else "failure"

    def _use(self, action: str, given: dict[str, str]) -> None:
        """Do what GitHub's own actions do: keep and bring back caches, refuse a name used twice."""
        if action == "actions/upload-artifact":
            assert given["name"] not in self.artifacts or given.get("overwrite") == "True"
            self.artifacts.add(given["name"])
            return
        folder, key = self.root / given["path"], (given["path"], given["key"])
        if action == "actions/cache/save":
            if folder.is_dir() and key not in self.caches:
                self.caches[key] = self.temp.parent / f"cache-{len(self.caches)}"
                shutil.copytree(folder, self.caches[key])
            return
        assert action == "actions/cache/restore", action
        wanted = (given["key"], *given["restore-keys"].split())
        for path, kept in reversed(self.caches):
            if path == given["path"] and kept.startswith(wanted):
                shutil.copytree(self.caches[path, kept], folder, dirs_exist_ok=True)
                return

    def _bash(
        self, step: dict[str, Any], asked: Expressions, done: Done
    ) -> tuple[int, dict[str, str]]:
        assert step["shell"] == "bash"
        files = {f"GITHUB_{name}": self.temp / f"set_{name.lower()}" for name in
                 ("OUTPUT", "PATH", "ENV")}  # fmt: skip
        script = self.temp / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        for file in files.values():
            file.write_text("")
        ours = {name: asked.filled(str(text)) for name, text in step.get("env", {}).items()}
        keep = ("PYTHONPATH", "PANEL_TEST_GUARD_LOG", "LANG", "PANEL_CACHE", "TMPDIR")
        plain = {name: os.environ[name] for name in keep if name in os.environ}
        began = time.perf_counter()
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.root / asked.filled(step.get("working-directory", ".")),
            env=plain | self.env | self.secrets | ours
            | {name: str(file) for name, file in files.items()}
            | {"PATH": f"{self.path}:/usr/bin:/bin", "HOME": str(self.temp)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        done.seconds[step["name"]] = time.perf_counter() - began
        done.log += f"## {step['name']}\n{ended.stdout}{ended.stderr}"
        for line in files["GITHUB_PATH"].read_text().splitlines():
            self.path = f"{line}:{self.path}"
        self.env |= _pairs(files["GITHUB_ENV"])
        return ended.returncode, _pairs(files["GITHUB_OUTPUT"])


def _pairs(file: Path) -> dict[str, str]:
    lines = file.read_text().splitlines()
    assert all(re.fullmatch(r"[\w-]+=.*", line) for line in lines), lines
    return dict(line.split("=", 1) for line in lines)
