"""What the tests of CI call: the programs that pyproject.toml promises."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fork_server import forked_programs
from tests.support.sizes import LONG
from tests.support.space import ROOT


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with the programs that pyproject.toml promises.

    In `make test-long` they are as pip would make them: each call is a start of Python.
    """
    folder = tmp_path_factory.mktemp("bin")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    if not LONG:
        with forked_programs(folder, scripts):
            yield folder
        return
    for name, entry in scripts.items():
        module, function = entry.split(":")
        file = folder / name
        file.write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
        file.chmod(0o755)
    yield folder
