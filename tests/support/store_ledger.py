"""Journals written by hand, for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from panel.cells.cells import Cell, Target, identify
from panel.cells.journal import JournalWriter, journal_line
from panel.cells.lines import Attempt, Recorder, cell_fields
from panel.store.connection import FILE, reading
from panel.workspace.endpoint_settings import Sampling
from panel.workspace.endpoints import Endpoint
from panel.workspace.personas import Persona
from panel.workspace.prompts import Prompts
from panel.workspace.tools import Tool
from panel.workspace.verdict import Verdict

VIEWS = (
    "attempts",
    "verdicts",
    "takes",
    "decisions",
    "published",
    "ship_percentages",
    "ship_percentages_by_panel",
    "model_differences",
    "observations",
    "superseded",
    "runs",
    "tools",
    "personas",
    "labels",
    "probabilities",
    "batches",
)

Said = tuple[Cell, str]  # ship, skip, abstain, error, or begun: a failed try before the end


@dataclass
class Ledger:
    """Writes journals as runs do, with a clock of its own: a second for every event."""

    runs: Path
    prompts: Prompts
    tools: list[Tool]
    personas: list[Persona]
    ticks: int = 0

    def now(self) -> str:
        self.ticks += 1
        moment = datetime(2026, 11, 24, 9) + timedelta(seconds=self.ticks)  # noqa: DTZ001
        return moment.isoformat(timespec="microseconds")

    def cells(self, model: str = "mock-1", repeats: int = 1, **sampling: Any) -> list[Cell]:
        endpoint = Endpoint(
            "mock", None, "http://127.0.0.1:9/v1", model, sampling=Sampling(**sampling)
        )
        fresh = replace(self.prompts, _systems={}, _reviews={})
        identity = identify(endpoint, None)
        return Target(fresh, endpoint, identity, self.tools, self.personas).lay_out(repeats)

    def run(
        self,
        said: Sequence[Said],
        *,
        panel: Sequence[str] | None = None,
        adopted: Iterable[Cell] = (),
        ended: bool = True,
    ) -> Path:
        """Write the journal of one run; returns the file."""
        self.ticks += 1
        writer = JournalWriter(self.runs, f"20261124T090000Z-{self.ticks:06}")
        self.write(writer, said, panel, adopted)
        if ended:
            writer.append(journal_line("end", {"finished_at": self.now(), "stopped": None}))
        writer.close()
        return writer.file

    def write(
        self,
        writer: JournalWriter,
        said: Sequence[Said],
        panel: Sequence[str] | None = None,
        adopted: Iterable[Cell] = (),
    ) -> None:
        model = said[0][0].model if said else self.cells()[0].model
        start = {
            "started_at": self.now(),
            "version": "0.0",
            "endpoint": model.endpoint,
            "model": model.model,
            "model_identity": str(model),
            "panel": [p.id for p in self.personas] if panel is None else panel,
            "planned": len(said),
            "reused": 0,
        }
        lines = [journal_line("run", start)]
        for kind, items in (("tool", self.tools), ("persona", self.personas)):
            for item in items:
                line = {"digest": item.digest(), "record": item.record(), "seen_at": self.now()}
                lines.append(journal_line(kind, line))
        lines += [
            journal_line("adopt", {**cell_fields(cell), "adopted_at": self.now()})
            for cell in adopted
        ]
        recorder = Recorder(writer.run_id)
        lines += [recorder.attempt_lines(self.attempt(cell, outcome)) for cell, outcome in said]
        writer.append(b"".join(lines))

    def attempt(self, cell: Cell, said: str) -> Attempt:
        voted = said in ("ship", "skip")
        beats = {beat.id: f"About {cell.tool.name}." for beat in cell.persona.beats}
        return Attempt(
            cell,
            1,
            cell.messages,
            "json_schema",
            repair=False,
            started_at=self.now(),
            finished_at=self.now(),
            seconds=1.0,
            final=said != "begun",
            outcome="verdict" if voted else "error" if said == "begun" else said,
            reason=None if voted else "timeout",
            verdict=Verdict(("a quote",), beats, said, 70) if voted else None,  # type: ignore[arg-type]
            reply="{}",
            body=b"{}",
            prompt_tokens=10,
            completion_tokens=5,
            cost_usd=0.001,
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with reading(self.runs / FILE) as connection:
            return connection.execute(sql).fetchall()

    def views(self) -> dict[str, list[str]]:
        """Every view in full, rows sorted."""
        return {view: sorted(map(repr, self.ask(f"SELECT * FROM {view}"))) for view in VIEWS}


def edited(persona: Persona, voice: str) -> Persona:
    """Return a persona with another voice."""
    return persona.model_copy(update={"voice": voice})


def a_long_history(ledger: Ledger) -> None:
    """Errors then verdicts, abstentions, repeats, two models, an edit, a revert, a cut run."""
    cells = ledger.cells(repeats=2)
    outcomes = ["ship", "skip", "abstain", "error"] * 4
    ledger.run([*zip(cells, outcomes, strict=True)])
    ledger.run([(cell, "skip") for cell in cells[3::4]])
    ledger.run([(cell, "ship") for cell in ledger.cells(model="mock-2")], ended=False)
    before = ledger.personas
    ledger.personas = [edited(before[0], "Another voice."), *before[1:]]
    changed = [cell for cell in ledger.cells(repeats=2) if cell.persona is ledger.personas[0]]
    ledger.run([(cell, "skip") for cell in changed])
    ledger.personas = before
    ledger.run([], adopted=cells[:2])
    ledger.run([(cells[1], "error"), (cells[5], "begun")], panel=[p.id for p in before[:3]])
