"""One real question, asked before a model is written into panel.toml: what came back is shown."""

from __future__ import annotations

from collections.abc import Sequence

from panel.cli.output import note, say
from panel.cli.remarks import remark
from panel.engines.base import load_engine
from panel.runs.run import MEMORY, ProgressReporter, execute, refuse_unready
from panel.runs.selection import Prepared, Selection, prepare
from panel.scorecard import NOT_JUDGEMENT
from panel.store.ingest import opened
from panel.store.queries import answers_by_pair
from panel.text import in_words, unwrapped
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import WorkspaceFiles


def tried(workspace: WorkspaceFiles, endpoint: str) -> bool:
    """Ask one real question, show what came back, and return whether it was an answer.

    A review of a tool where there is one, whose answer is kept; else whether the server answers.
    """
    if not workspace.tools:
        found = resolve_endpoint(workspace.settings, workspace.root, endpoint)
        seen = load_engine("local").diagnose(found, workspace.runs / MEMORY)
        note(seen.fault or f"{found.model} answers; structured output: {seen.structured_output}.")
        return seen.fault is None
    tool, persona = workspace.tools[0], workspace.personas[0]
    prepared = prepare(
        workspace, Selection([tool.slug], [persona.id], endpoint=endpoint, trial=True)
    )
    target = prepared.target
    refuse_unready(prepared)
    if target.endpoint.demo:
        note(NOT_JUDGEMENT)
    doing = "Asking" if prepared.asking else "Answered before by"
    note(f"{doing} {target.model}: {persona.name} on {tool.name} ...")
    silent = ProgressReporter(lambda _stats: None, note)
    summary, stats = execute(workspace, prepared, silent)
    if summary.stopped == "interrupted":
        raise KeyboardInterrupt
    remark(endpoint, summary, stats)
    return _shown(workspace, prepared, sorted(stats.reasons))


def _shown(workspace: WorkspaceFiles, prepared: Prepared, reasons: Sequence[str]) -> bool:
    """Show the answer to the question that was tried; returns whether there is one."""
    [pair] = [cell.pair for cell in prepared.target.lay_out()]
    with opened(workspace.runs) as connection:
        answers = answers_by_pair(connection, prepared.target.model).get(pair, [])
    verdicts = [each for each in answers if each.outcome == "verdict"]
    if not verdicts:
        note(f"No verdict came back: {', '.join(map(in_words, reasons)) or 'nothing'}.")
        return False
    say(f"{(verdicts[-1].verdict or '').upper()}: {unwrapped(verdicts[-1].take or '')}")
    return True
