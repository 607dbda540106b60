"""Measures what grows with the takes of a catalog, and with the folders below runs/.

Usage: python -m bench.scale [PART ...] [--tools 10000] [--folders 5000], in the project's folder

Parts: folders, lint, desk; all of them where none is named. Prints wall and CPU seconds
of each step, once; nothing is asserted. That work grows in line with the catalog is what the tests
check, by counting it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measuring import PANEL
from tests.support.large_catalogs import many_takes, written_takes
from tests.support.space import Space, new_space
from tests.support.store_ledger import Ledger

from panel.cells.cells import Cell
from panel.cells.lines import Attempt
from panel.checks import OtherTools, Subject, check_catalog, check_take
from panel.decisions import Decision
from panel.desk.bulk import BulkPlan
from panel.desk.session import Desk
from panel.store.connection import FILE
from panel.store.ingest import ingest
from panel.workspace.loading import WorkspaceFiles, load_workspace
from panel.workspace.tools import Tool

NEW = 30  # run folders that come to a store with many answers


@dataclass(frozen=True)
class Sizes:
    """How much is made."""

    tools: int
    folders: int


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print what a block took: wall seconds, and CPU seconds of this process and its children."""
    began, used = time.perf_counter(), sum(os.times()[:4])
    yield
    seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - used
    print(f"{what:60} {seconds:7.2f} s wall {cpu:7.2f} s CPU", flush=True)


@contextmanager
def a_space() -> Iterator[Space]:
    """Make a small workspace, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="panel-scale-") as folder:
        yield new_space(Path(folder) / "space")


class TalkativeLedger(Ledger):
    """Writes answers whose takes are given."""

    def speak(self, subjects: list[Subject]) -> None:
        """Take the words of the answers from these takes, by tool and persona."""
        self.takes = {(one.tool.slug, one.persona.id): one for one in subjects}

    def attempt(self, cell: Cell, said: str) -> Attempt:
        """Make an answer of as many parts as the persona has beats."""
        made = super().attempt(cell, said)
        assert made.verdict is not None
        take = self.takes.get(cell.pair)
        words = take.text.split() if take else []
        many = -(-len(words) // len(cell.persona.beats))
        beats = {
            beat.id: " ".join(words[place * many : (place + 1) * many]) or "Nothing more."
            for place, beat in enumerate(cell.persona.beats)
        }
        quotes = (take.evidence if take else ()) or (cell.tool.description[40:120],)
        return replace(made, verdict=replace(made.verdict, beats=beats, evidence=quotes))


def a_ledger(space: Space) -> Ledger:
    """Return a ledger of what stands in a workspace."""
    files = load_workspace(space.root)
    return Ledger(files.runs, files.prompts, files.tools, files.personas)


def answered_catalog(space: Space, made: list[Tool], subjects: list[Subject]) -> WorkspaceFiles:
    """Fill a workspace with these tools, and a take of each persona on each."""
    space.settings(
        '[panel]\nendpoint = "mock"\n[endpoints.mock]\n'
        'base_url = "http://127.0.0.1:9/v1"\nmodel = "mock-1"\n'
    )
    for tool in made:
        space.tool(tool.slug, name=tool.name, description=tool.description)
    files = load_workspace(space.root)
    ledger = TalkativeLedger(files.runs, files.prompts, files.tools, files.personas)
    ledger.speak(subjects)
    ledger.run([(cell, "ship") for cell in ledger.cells()])
    ingest(files.runs)
    return files


def measure_folders(sizes: Sizes) -> None:
    """Measure many small run folders, and a few more beside many answers."""
    with a_space() as space:
        ledger = a_ledger(space)
        ledger.tools = ledger.tools[:1]
        cells = ledger.cells()
        for turn in range(sizes.folders):
            ledger.run([(cell, "skip" if turn % 3 else "ship") for cell in cells])
        with measured(f"read {sizes.folders:,} run folders, no database"):
            ingest(ledger.runs)
        (ledger.runs / FILE).unlink()
        panels = [[persona.id for persona in ledger.personas[:many]] for many in (2, 3, 4)]
        for turn in range(sizes.folders):
            ledger.run([(cells[0], "ship")], panel=panels[turn % 3])
        with measured(f"read {2 * sizes.folders:,}, half of them of other panels"):
            ingest(ledger.runs)
    with a_space() as space:
        ledger = a_ledger(space)
        made, _subjects = many_takes(sizes.tools // 2)
        ledger.tools = made
        cells = ledger.cells()
        ledger.run([(cell, "ship") for cell in cells])
        ingest(ledger.runs)
        for turn in range(NEW):
            ledger.tools = made[turn : turn + 1]
            ledger.run(
                [(cell, "skip") for cell in ledger.cells()],
                panel=[persona.id for persona in ledger.personas[: 2 + turn % 3]],
            )
        with measured(f"read {NEW} new run folders beside {len(cells):,} answers"):
            ingest(ledger.runs)


def measure_lint(sizes: Sizes) -> None:
    """Measure the checks on many takes, alone and by the command.

    On takes as a capable model writes them, and on random words, of which a take has ten findings.
    """
    for kind, make in (("recorded", written_takes), ("random", many_takes)):
        made, subjects = make(sizes.tools // 2)
        many = f"{len(subjects):,} {kind} takes"
        found = 0
        with measured(f"check {many}, one by one"):
            others = OtherTools(made)
            for subject in subjects:
                found += len(check_take(subject, others))
        with measured(f"compare {many}, {found / len(subjects):.1f} findings each"):
            check_catalog(subjects)
        with a_space() as space:
            answered_catalog(space, made, subjects)
            with measured(f"panel lint, {many}"):
                subprocess.run(
                    [*PANEL, "lint"], cwd=space.root, stdout=subprocess.DEVNULL, check=False
                )


def measure_desk(sizes: Sizes) -> None:
    """Measure how long the desk takes to look at its queue."""
    with a_space() as space:
        files = answered_catalog(space, *many_takes(sizes.tools))
        desk, takes = Desk(space.root, "Ada"), f"{4 * sizes.tools:,} takes"
        with measured(f"the desk's first look at {takes}"):
            desk.snapshot()
        with measured("the desk's next look, nothing changed"):
            desk.snapshot()
        pairs = [entry.pair for entry in desk.snapshot().entries[:10]]
        with measured(f"{len(pairs)} decisions, with a look after each"):
            for pair in pairs:
                entry = desk.snapshot().entry(*pair)
                assert entry is not None and entry.answer is not None
                attempt, text = entry.answer.attempt_id, entry.text
                desk.decide_all([Decision(*pair, "reject", "Ada", attempt_id=attempt, text=text)])
        with measured("1,000 approvals at once"):
            desk.decide_all(BulkPlan(desk.snapshot().entries[10:1010], {}).decisions("Ada"))
        edited = files.tools[len(files.tools) // 2]
        space.tool(edited.slug, name=edited.name, description="It does another thing now.")
        with measured("the desk's next look, one tool's file changed"):
            desk.snapshot()
        ledger = a_ledger(space)
        ledger.tools, ledger.ticks = ledger.tools[:1], 10**6
        ledger.run([(cell, "skip") for cell in ledger.cells()])
        with measured("the desk's next look, one more run"):
            desk.snapshot()
        persona = space.root / "personas" / f"{files.personas[0].id}.md"
        persona.write_text(persona.read_text("utf-8") + "\nBe brief.\n", "utf-8")
        with measured("the desk's next look, one persona's file changed"):
            desk.snapshot()
        desk.close()


PARTS: dict[str, Callable[[Sizes], None]] = {
    "folders": measure_folders,
    "lint": measure_lint,
    "desk": measure_desk,
}


def main() -> None:
    """Measure what is asked for, once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--tools", type=int, default=10_000)
    parser.add_argument("--folders", type=int, default=5_000)
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no part is named {', '.join(sorted(unknown))}")
    for part in chosen.parts or PARTS:
        PARTS[part](Sizes(chosen.tools, chosen.folders))


if __name__ == "__main__":
    main()
