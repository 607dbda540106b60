"""Stated confidence reaches a page only where it foretells a cell's other repeats."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from panel.cells.journal import JournalWriter
from panel.cells.lines import Recorder, run_line
from panel.results.confidence import forecast_scores, may_be_shown, stated_confidence
from panel.stats.calibration import FEWEST_TOOLS
from panel.store.ingest import opened
from panel.workspace.personas import load_personas
from panel.workspace.prompts import load_prompts
from panel.workspace.tools import Tool
from tests.support.space import ROOT
from tests.support.store_ledger import Ledger


def journaled(
    runs: Path, knows: bool, repeats: int = 5, tools: int = 10, source: str | None = None
) -> str:
    """Write a run whose repeats state how often they ship, or always 95; returns the model.

    source: where they are told how often, too; None where they are not.
    """
    personas = load_personas(ROOT / "personas")
    fields = {
        "tagline": "t",
        "category": "Tools",
        "pricing": {"entry": "Free"},
        "description": "d.",
    }
    catalog = [
        Tool.model_validate({"slug": f"tool-{n}", "name": f"Tool {n}", **fields})
        for n in range(tools)
    ]
    ledger = Ledger(runs, load_prompts(ROOT / "prompts"), catalog, personas)
    draw = random.Random(7)
    cells = ledger.cells(repeats=repeats)
    leaning = {(c.tool.slug, c.persona.id): draw.choice((0.04, 0.5, 0.96)) for c in cells}
    writer = JournalWriter(runs, "20261124T090000Z-aaaaaa")
    recorder = Recorder(writer.run_id)
    lines = [run_line(personas, cells[0].model)]
    for cell in cells:
        p = leaning[cell.tool.slug, cell.persona.id]
        ship = draw.random() < p
        attempt = ledger.attempt(cell, "ship" if ship else "skip")
        assert attempt.verdict is not None
        sure = round(100 * (p if ship else 1 - p)) if knows else 95
        verdict = replace(attempt.verdict, confidence=sure)
        told = {"p_ship": p, "p_ship_mass": 1.0, "p_ship_source": source} if source else {}
        lines.append(recorder.attempt_lines(replace(attempt, verdict=verdict, **told)))
    writer.append(b"".join(lines))
    writer.close()
    return str(cells[0].model)


@pytest.mark.parametrize("knows", [True, False])
def test_it_may_be_shown_only_where_it_beats_the_base_rate(tmp_path: Path, knows: bool) -> None:
    model = journaled(tmp_path / "runs", knows)
    with opened(tmp_path / "runs") as connection:
        found = stated_confidence(connection, model)
        assert may_be_shown(connection, model) is knows
        assert not may_be_shown(connection, "another/model")
    assert found is not None and found.beats is knows
    assert (found.tools, found.cells, found.pairs) == (10, 40, 800)


def test_one_repeat_or_few_tools_show_nothing(tmp_path: Path) -> None:
    once, few = tmp_path / "once", tmp_path / "few"
    with_one = journaled(once, True, repeats=1)
    with_few = journaled(few, True, tools=FEWEST_TOOLS - 1)
    with opened(once) as connection:
        assert stated_confidence(connection, with_one) is None
        assert not may_be_shown(connection, with_one)
    with opened(few) as connection:
        found = stated_confidence(connection, with_few)
        assert found is not None and found.low is None
        assert not may_be_shown(connection, with_few)


def test_each_source_of_p_ship_is_scored_beside_the_stated_confidence(tmp_path: Path) -> None:
    model = journaled(tmp_path / "runs", knows=False, source="decisions")
    with opened(tmp_path / "runs") as connection:
        found = {(each.forecast, each.outcome): each for each in forecast_scores(connection, model)}
    stated = found["stated confidence", "another repeat"]
    own, other = (found["decisions", outcome] for outcome in ("own verdict", "another repeat"))
    assert len(found) == 3 and {each.n for each in found.values()} == {200}
    assert stated.against_base is not None and not stated.against_base.beats
    for each in (own, other):
        assert each.against_base is not None and each.against_base.beats and each.why is None
        assert each.log_loss is not None and each.base_log_loss is not None
        assert each.log_loss < each.base_log_loss and (each.auroc or 0) > 0.8
        assert each.reliability is not None and each.reliability.ece < each.reliability.null_high
    assert own.against_base and own.against_base.pairs == 200
    assert other.against_base and other.against_base.pairs == 800
    assert stated.reliability and stated.reliability.ece > stated.reliability.null_high


def test_what_cannot_be_scored_says_why(tmp_path: Path) -> None:
    model = journaled(tmp_path / "runs", knows=True, repeats=1, source="logprobs")
    with opened(tmp_path / "runs") as connection:
        stated, own, other = forecast_scores(connection, model)
        [nobody] = forecast_scores(connection, "another/model")
    assert own.n == 40 and own.against_base is not None
    for each in (stated, other):
        assert (each.n, each.against_base, each.why) == (0, None, "no cell has two of them")
    assert (nobody.n, nobody.why) == (0, "there are none")
