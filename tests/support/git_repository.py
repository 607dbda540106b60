"""A git repository for tests, with none of the developer's own settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(root: Path, *words: str, check: bool = True) -> str:
    """Run git in a folder, heedless of the developer's own settings; returns its stdout."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ours = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": f"{who}@example.org".lower() for who in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")},
    }  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(root), *words],
        env=plain | ours, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def repository(root: Path) -> None:
    """Make a git repository of a folder, with everything but runs/ in its first commit."""
    (root / ".gitignore").write_text("runs/\n")
    git(root, "init", "-q", "-b", "main")
    commit(root, "first")


def commit(root: Path, message: str = "more") -> None:
    """Commit everything there is."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message, "--allow-empty")
