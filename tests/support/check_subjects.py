"""A take to check, written in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from panel.checks import Finding, Subject, check_take
from panel.workspace.personas import Persona, load_personas
from panel.workspace.tools import Tool, slugify

PERSONAS = {one.id: one for one in load_personas(Path(__file__).parents[2] / "personas")}
BUILDER = PERSONAS["builder"]

DESCRIPTION = (
    "Anvilo reads JSON lines and writes typed Parquet. It is one binary under Apache 2.0, needs "
    "4 GB of memory and handles files of up to 128K rows. On 1,200 labelled pages 94.1% of cells "
    "were exact. Unlike Tablecrow, it never guesses. Support answers within 24 hours; the Team "
    "plan costs $0.30 per seat and month. Its successor is planned for June 2027."
)


def a_tool(name: str = "Anvilo", description: str = DESCRIPTION, **more: Any) -> Tool:
    """Make a tool."""
    fields = {"tagline": "Rows out of lines", "category": "Data", "pricing": {"entry": "Free"}}
    return Tool.model_validate(
        {"slug": slugify(name), "name": name, "description": description, **fields, **more}
    )


def a_take(text: str, tool: Tool | None = None, persona: Persona = BUILDER, **more: Any) -> Subject:
    """Make an editor's take (no beats, no evidence)."""
    return Subject(tool or a_tool(), persona, text, **{"verdict": "ship", **more})


def found(
    text: str, check: str, tool: Tool | None = None, others: Sequence[Tool] = (), **more: Any
) -> list[Finding]:
    """Return the findings of one check on a take."""
    findings = check_take(a_take(text, tool, **more), others)
    return [finding for finding in findings if finding.check == check]


def said(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Return (severity, quote) of findings."""
    return [(finding.severity, finding.quote) for finding in findings]
