"""What the tests of the store begin with."""

from __future__ import annotations

import pytest

from panel.workspace.loading import load_workspace
from tests.support.space import Space
from tests.support.store_ledger import Ledger


@pytest.fixture
def ledger(space: Space) -> Ledger:
    """Make a ledger of the small workspace."""
    workspace = load_workspace(space.root)
    return Ledger(workspace.runs, workspace.prompts, workspace.tools, workspace.personas)
