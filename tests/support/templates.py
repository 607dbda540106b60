"""Workspaces made once in a process, for every test that needs such a one to copy.

Asking a workspace costs half a second of work, copying it a hundredth of that. A template is
never changed: ``Templates.copy`` gives each test files of its own. The address of the endpoint
is no part of a fingerprint, so a copy may point at another mock.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.faces import always
from tests.support.frozen_verdicts import freeze
from tests.support.mock_endpoint import MockEndpoint
from tests.support.runs import run
from tests.support.space import Space, new_space
from tests.support.threads import elsewhere

Make = Callable[[Space, MockEndpoint], object]


@dataclass
class Templates:
    """The templates made so far, each in a folder of its own under ``folder``."""

    folder: Path
    made: dict[Make, Space] = field(default_factory=dict)

    def copy(self, make: Make, root: Path) -> Space:
        """Copy what ``make`` makes of a small workspace to ``root``; it is called once."""
        if make not in self.made:
            elsewhere(lambda: self._make(make))
        template = self.made[make]
        shutil.copytree(template.root, root)
        return Space(root, [*template.tools])

    def _make(self, make: Make) -> None:
        space = new_space(self.folder / str(len(self.made)))
        with MockEndpoint() as mock:
            space.point_at(mock)
            make(space, mock)
        self.made[make] = space


def everything_asked(space: Space, _mock: MockEndpoint) -> None:
    """Ask every cell: eight verdicts."""
    assert run(space).verdicts == 4 * len(space.tools)


def everything_frozen(space: Space, mock: MockEndpoint) -> None:
    """Ask every cell and freeze the answers."""
    everything_asked(space, mock)
    freeze(space)


def all_ship(space: Space, mock: MockEndpoint) -> None:
    """Ask every cell, each answer a ship, and freeze the answers."""
    mock.face = always("ship")
    everything_frozen(space, mock)


def surely_ship(space: Space, mock: MockEndpoint) -> None:
    """Ask every cell so often that its ship is sure, and freeze the answers."""
    mock.face = always("ship")
    assert run(space, repeats=4).verdicts == 4 * 4 * len(space.tools)
    freeze(space)


def thirty_frozen(space: Space, mock: MockEndpoint) -> None:
    """Ask thirty tools and freeze the answers."""
    for number in range(28):
        space.tool(f"tool-{number:02}")
    everything_frozen(space, mock)
