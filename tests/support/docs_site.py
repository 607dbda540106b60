"""The docs site: its pages from README.md and docs/, and the site that zensical builds of them.

``make docs`` calls ``python -m tests.support.docs_site``, which builds it in build/. README.md is
its first page. A link to a page of the site stays one; a link to any other file of the repository
leads to it at the address of pyproject.toml.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.support.space import ROOT

SETTINGS = ROOT / "docs" / "zensical.toml"
# Pages beside docs/ → their names on the site.
BESIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "bench/README.md": "benchmarks.md",
}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def placed() -> dict[str, Path]:
    """Return every file of the site by its name there."""
    docs = {file.name: file for file in (ROOT / "docs").iterdir() if file != SETTINGS}
    return {name: ROOT / path for path, name in BESIDE.items()} | docs


def repository() -> str:
    """Return the address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["urls"]["Source"])


def navigation() -> list[str]:
    """Return the pages that the site's navigation names, in its order."""
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))

    def below(entry: Any) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        parts = entry.values() if isinstance(entry, dict) else entry
        return [page for part in parts for page in below(part)]

    return below(settings["project"]["nav"])


def rewritten(text: str, page: Path, names: dict[Path, str]) -> str:
    """Return a page's Markdown with its links as they are on the site."""

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(page.parent / found[1]))
        inside = target.relative_to(ROOT).as_posix()
        return names.get(target) or f"{repository()}/blob/main/{inside}"

    return _LINK.sub(link, text)


def assemble(folder: Path) -> Path:
    """Put pages and settings into a folder, without what it held of them; return the settings."""
    files = placed()
    names = {file: name for name, file in files.items()}
    pages = folder / "docs"
    for old in (pages, folder / "site"):
        shutil.rmtree(old, ignore_errors=True)
    pages.mkdir(parents=True)
    for name, file in files.items():
        if file.suffix == ".md":
            text = rewritten(file.read_text(encoding="utf-8"), file, names)
            (pages / name).write_text(text, encoding="utf-8")
        else:
            shutil.copy(file, pages / name)
    return Path(shutil.copy(SETTINGS, folder))


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site in a folder; a warning fails it. Empties the folder's .cache, too."""
    words = ["build", "--strict", "--clean", "--config-file", str(assemble(folder))]
    return subprocess.run(
        [sys.executable, "-m", "zensical", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


if __name__ == "__main__":
    done = build(ROOT / "build")
    print(done.stdout, end="")
    sys.exit(done.returncode)
