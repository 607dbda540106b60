"""What every test stands on: a guard around the network, small workspaces, the command line."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from panel.cli.main import main
from tests.browser import browser, new_page, page  # noqa: F401 - fixtures
from tests.mock_endpoint import MockEndpoint

# Enough examples to find a fault in a suite of minutes; HYPOTHESIS_PROFILE=thorough looks longer.
settings.register_profile("suite", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

ROOT = Path(__file__).parents[1]
GUARD = Path(__file__).parent / "guard"
sys.path.insert(0, str(GUARD))
import sitecustomize as guard  # noqa: E402

if not hasattr(guard, "BeyondLoopbackError"):  # another sitecustomize came first
    import importlib.util

    spec = importlib.util.spec_from_file_location("panel_guard", GUARD / "sitecustomize.py")
    assert spec and spec.loader
    guard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guard)


@pytest.fixture(autouse=True)
def _no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail any test that reaches beyond loopback, itself or through a process it starts."""
    log = tmp_path / ".network"
    monkeypatch.setenv(guard.LOG, str(log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(GUARD), str(ROOT / "src"), str(ROOT)]))
    yield
    assert not log.exists(), f"reached beyond loopback: {log.read_text()}"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's keys and terminal out of the tests."""
    for name in list(os.environ):
        if name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Result:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Panel = Callable[..., Result]


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Panel:
    """Run the command line in this process: ``panel("run", "--json", cwd=folder)``."""

    def run(*words: str | Path, cwd: Path) -> Result:
        capfd.readouterr()
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["panel", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


TOOL = """---
name: {name}
tagline: {tagline}
category: {category}
pricing:
  entry: Free
---
{description}
"""


def write_tool(root: Path, slug: str, **fields: Any) -> Path:
    """Write ``tools/<slug>.md``; returns the file."""
    known = {
        "name": slug.replace("-", " ").title(),
        "tagline": "Does one thing",
        "category": "Developer Tools",
        "description": f"{slug} reads JSON lines and writes Parquet. It is under the MIT licence.",
    }
    file = root / "tools" / f"{slug}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(TOOL.format(**(known | fields)), encoding="utf-8")
    return file


@dataclass
class Space:
    """A workspace in a temporary folder, with the project's own personas and prompts."""

    root: Path
    tools: list[str] = field(default_factory=list)

    def settings(self, text: str) -> None:
        """Replace panel.toml."""
        (self.root / "panel.toml").write_text(text, encoding="utf-8")

    def tool(self, slug: str, **fields: Any) -> Path:
        """Write a tool; returns the file."""
        self.tools.append(slug)
        return write_tool(self.root, slug, **fields)

    def point_at(self, mock: MockEndpoint, more: str = "") -> None:
        """Make the mock endpoint the workspace's endpoint."""
        self.settings(
            '[panel]\nendpoint = "mock"\n[endpoints.mock]\n'
            f'base_url = "{mock.base_url}"\nmodel = "mock-1"\nconcurrency = 4\n{more}'
        )

    @property
    def journals(self) -> list[Path]:
        """The journals written so far, oldest first."""
        return sorted((self.root / "runs").glob("*/attempts.jsonl"))


@pytest.fixture
def space(tmp_path: Path) -> Space:
    """Make a workspace with two tools: ``anvil`` and ``bellows``."""
    root = tmp_path / "space"
    for part in ("personas", "prompts"):
        shutil.copytree(ROOT / part, root / part)
    made = Space(root)
    made.settings("")
    made.tool("anvil")
    made.tool("bellows", tagline="Blows air", category="Data")
    return made


@pytest.fixture
def mock() -> Iterator[MockEndpoint]:
    """Start an endpoint on loopback that answers every question well."""
    with MockEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def mocked(space: Space, mock: MockEndpoint) -> Space:
    """Make a workspace whose endpoint is the mock."""
    space.point_at(mock)
    return space
