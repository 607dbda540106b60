"""A workspace in a temporary folder, and what a command said: shared by every test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.mock_endpoint import MockEndpoint

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


@dataclass
class Result:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Panel = Callable[..., Result]


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


def edit(file: Path, old: str, new: str) -> None:
    """Replace one piece of a file, which must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


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

    def ci(self, text: str) -> None:
        """Add a ``[ci]`` table to panel.toml."""
        file = self.root / "panel.toml"
        file.write_text(file.read_text(encoding="utf-8") + f"[ci]\n{text}\n", encoding="utf-8")

    @property
    def journals(self) -> list[Path]:
        """The journals written so far, oldest first."""
        return sorted((self.root / "runs").glob("*/attempts.jsonl"))


def new_space(root: Path) -> Space:
    """Make a workspace with two tools: ``anvil`` and ``bellows``."""
    for part in ("personas", "prompts"):
        shutil.copytree(ROOT / part, root / part)
    made = Space(root)
    made.settings('[panel]\nendpoint = "embedded"\n')
    made.tool("anvil")
    made.tool("bellows", tagline="Blows air", category="Data")
    return made
