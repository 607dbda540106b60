"""Which cells of the canaries are asked again: a bounded number, spread over tools and personas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import replace

from panel.cells.cells import Cell, CellKey, PairKey, Target
from panel.cells.plan import Known
from panel.workspace.loading import WorkspaceFiles


def canary_cells(
    workspace: WorkspaceFiles,
    target: Target,
    known: Mapping[CellKey, Known],
    pending: Container[CellKey] = (),
) -> list[Cell]:
    """Return the canaries' cells to ask again, at most ``[ci] canary_cells`` of them.

    Only cells whose present wording has an answer to be compared with, and none that is
    ``pending``. The first repeats go before the second ones; among them each tool has one persona
    before it has another, and neighbours have different ones.
    """
    settings = workspace.settings.ci
    wanted = set(settings.canaries)
    tools = [tool for tool in workspace.tools if tool.slug in wanted]
    repeats = max((key[2] for key in known if key[0] in wanted), default=1)
    by_pair: dict[PairKey, list[Cell]] = defaultdict(list)
    for cell in replace(target, tools=tools, personas=workspace.personas).lay_out(repeats):
        stored = known.get(cell.key)
        if stored is None or stored.asked is None or cell.key in pending:
            continue
        if cell.fingerprint in stored.settled:
            by_pair[cell.tool.slug, cell.persona.id].append(cell)
    many = len(workspace.personas)
    places = {
        (tool.slug, persona.id): ((column - row) % many, row)
        for row, tool in enumerate(tools)
        for column, persona in enumerate(workspace.personas)
    }
    turns = [
        (turn, *places[pair], cell)
        for pair, cells in by_pair.items()
        for turn, cell in enumerate(cells)
    ]
    turns.sort(key=lambda each: each[:3])
    return [cell for *_place, cell in turns[: settings.canary_cells]]
