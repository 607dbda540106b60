"""What the tests of CI call: the programs that pyproject.toml promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fork_server import forked_programs
from tests.support.programs import promised, write_programs
from tests.support.sizes import LONG


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with the programs that pyproject.toml promises.

    In `make test-long` they are as pip would make them: each call is a start of Python.
    """
    folder = tmp_path_factory.mktemp("bin")
    if not LONG:
        with forked_programs(folder, promised()):
            yield folder
        return
    write_programs(folder)
    yield folder
