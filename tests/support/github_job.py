"""The environment in which action.yml calls ``panel-github``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.git_repository import git


@dataclass
class Job:
    """The environment of a job: its folder, its outputs, and a way to run a step."""

    root: Path
    outputs: Path
    step: Callable[..., int]

    def output(self) -> dict[str, str]:
        """Return the outputs as a runner reads them, and forget them."""
        lines = self.outputs.read_text().split("\n")
        self.outputs.write_text("")
        assert lines.pop() == "", "the last line is whole"
        assert all("=" in line for line in lines)
        pairs = [line.split("=", 1) for line in lines]
        assert len({name for name, _value in pairs}) == len(pairs)
        return dict(pairs)


def head(root: Path, revision: str = "HEAD") -> str:
    """Return the commit of a revision."""
    return git(root, "rev-parse", revision).strip()
