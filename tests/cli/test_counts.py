"""How often a command does the dear things: laying out a cell, opening the database, ingesting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panel.cells.cells import Cell, Target
from panel.frozen import files
from panel.store import ingest as ingest_room
from tests.support.space import Panel, Result, Space
from tests.support.templates import Make, everything_frozen

CELLS = 8  # two tools, four personas


class Counted:
    """What was done since the last look."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[str, str]] = Counter()  # fingerprint, revision of the prompts
        self.read = self.written = self.ingests = self.frozen = 0

    @property
    def most_often(self) -> int:
        """How often the cell was laid out that was laid out most often."""
        return max(self.cells.values(), default=0)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """Count, and do what is counted all the same."""
    seen = Counted()
    lay_out, reading, writing = Target.lay_out, ingest_room.reading, ingest_room.writing
    catch_up, read_frozen = ingest_room.opened, files.read_frozen

    def laid(target: Target, *words: Any, **options: Any) -> list[Cell]:
        cells = lay_out(target, *words, **options)
        seen.cells.update((cell.fingerprint, str(target.prompts.folder)) for cell in cells)
        return cells

    def read(*words: Any, **options: Any) -> Any:
        seen.read += 1
        return reading(*words, **options)

    def written(*words: Any, **options: Any) -> Any:
        seen.written += 1
        return writing(*words, **options)

    monkeypatch.setattr(Target, "lay_out", laid)
    monkeypatch.setattr(ingest_room, "reading", read)
    monkeypatch.setattr(ingest_room, "writing", written)
    yield seen
    assert catch_up is ingest_room.opened and read_frozen is files.read_frozen


@pytest.fixture
def prepared(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace where everything is asked and frozen, and nothing approved."""
    return copied(everything_frozen)


def done(result: Result, code: int = 0) -> None:
    assert result.code == code, result.err


@pytest.mark.sample(7)
@pytest.mark.parametrize(
    ("words", "cells"),
    [
        (("show",), CELLS),
        (("show", "anvil"), CELLS // 2),
        (("show", "--panel"), CELLS),
        (("compare", "anvil", "bellows"), CELLS),
        (("lint", "--fail-on", "error"), 0),  # the takes are checked, not their questions
        (("publish", "site", "--drafts"), CELLS),
        (("publish", "site"), CELLS),
        (("digest", "--since", "2026-01-01"), CELLS),
        (("freeze",), CELLS),
        (("thaw",), 0),
        (("plan",), CELLS),
        (("run",), CELLS),
        (("run", "--changed"), CELLS),
        (("run", "--dry-run"), CELLS),
        (("export",), 0),
        (("sql", "SELECT 1"), 0),
        (("reparse",), 0),
        (("check", "--frozen"), CELLS),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_command_lays_out_each_cell_once_and_opens_the_database_once(
    prepared: Space, panel: Panel, counted: Counted, words: tuple[str, ...], cells: int
) -> None:
    result = panel(*words, cwd=prepared.root)
    assert "Traceback" not in result.err and result.code in (0, 1), result.err
    assert sum(counted.cells.values()) == cells
    assert counted.most_often <= 1
    opened = 0 if words[0] == "check" else 1
    assert (counted.read, counted.written) == (opened, 0), "nothing is new, so nothing is ingested"


def test_a_command_after_news_ingests_them_once(
    prepared: Space, panel: Panel, counted: Counted, tmp_path: Path
) -> None:
    """Open to see what is there, write the news in one transaction, open to read."""
    copied = prepared.root / "runs" / "panel.duckdb"
    copied.unlink()
    done(panel("sql", "SELECT 1", cwd=prepared.root))  # the database is made again
    before = counted.read, counted.written
    assert before[1] > 0
    prepared.tool("anvil", description="anvil, another edition. MIT licence.")
    done(panel("run", cwd=prepared.root))
    reads, writes = counted.read - before[0], counted.written - before[1]
    # One opening to plan, and one to sum up; what is new is looked for where it is written.
    assert reads == 2 and writes == 1


def test_a_fresh_clone_is_thawed_ingested_once_and_read_once(
    prepared: Space, panel: Panel, counted: Counted
) -> None:
    for file in sorted((prepared.root / "runs").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    done(panel("show", cwd=prepared.root))
    assert counted.most_often == 1 and sum(counted.cells.values()) == CELLS
    assert counted.read == 1
