"""``panel lint``: the checks on each take, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from panel.checks import (
    SEVERITIES,
    Finding,
    Subject,
    check_catalog,
    checking,
    in_order,
    worn_elsewhere,
)
from panel.cli.main import ExitCode
from panel.cli.options import Categories, EndpointName, Json, Personas, StoredModel, ToolNames
from panel.cli.output import note, print_json, print_lines
from panel.cli.workspace import open_tools
from panel.results.records import finding_record
from panel.results.scorecards import subjects
from panel.runs.selection import Selection, opened_for
from panel.text import counted, harmless, in_quotes

app = typer.Typer(rich_markup_mode=None)

NAMED = 3  # tools
STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


class FailOn(StrEnum):
    """From which severity on a finding makes the command fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for an error, 1 for a warning, 2 for a note."""
        return SEVERITIES.index(self.value)


@dataclass(frozen=True, slots=True)
class _Checked:
    subject: Subject
    findings: list[Finding]


@app.command()
def lint(
    tool: ToolNames = None,
    persona: Personas = None,
    category: Categories = None,
    endpoint: EndpointName = None,
    model: StoredModel = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Exit 1 when a finding is this severe or more.")
    ] = FailOn.ERROR,
    notes: Annotated[
        bool, typer.Option("--notes", help="Print the notes, too; --fail-on note does as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the takes for what an editor should look at, without a model."""
    workspace = open_tools()
    selection = Selection(tool or [], persona or [], category or [], endpoint, model)
    loud = notes or fail_on is FailOn.NOTE
    with ExitStack() as stack:
        with opened_for(workspace, selection) as (target, connection):
            wanted = {(one.slug, who.id) for one, who in target.pairs}
            check = stack.enter_context(
                checking(workspace.tools, workspace.personas, takes=len(wanted))
            )
            # Near-duplicates and worn openings show only across the whole catalog.
            every = subjects(workspace, target, connection)
            demo = target.endpoint.demo
        chosen = {
            index: subject
            for index, subject in enumerate(every)
            if (subject.tool.slug, subject.persona.id) in wanted
        }
        found = check(list(chosen.values()))
        across = check_catalog(every)
        checked = list[_Checked]()

        def each() -> Iterator[_Checked]:
            for (index, subject), findings in zip(chosen.items(), found, strict=True):
                checked.append(_Checked(subject, in_order(findings + across.get(index, []))))
                yield checked[-1]

        if as_json:
            print_json([_record(one) for one in each()])
        else:
            _print(each(), shown=SEVERITIES if loud else SEVERITIES[:2])
    _sum_up(checked, demo, hidden=not (loud or as_json))
    _point_at_worn(every, worn_elsewhere(every, across, chosen))
    if (language := workspace.settings.panel.language).split("-")[0].lower() != "en":
        note(
            f"The takes are in {language!r}, and the checks read English: quotes and figures are "
            "compared all the same, but licences, claims of own use, closings and worn words pass."
        )
    if any(finding.rank <= fail_on.rank for one in checked for finding in one.findings):
        raise typer.Exit(ExitCode.FAILED)


_Line = list[tuple[str, str]]  # pieces of a line, each with its style


def _print(checked: Iterable[_Checked], shown: tuple[str, ...]) -> None:
    """Print the findings of each take; they are made into lines while others are checked."""
    print_lines(line for one in checked for line in _told(one, shown))


def _told(one: _Checked, shown: tuple[str, ...]) -> Iterator[_Line]:
    if findings := [finding for finding in one.findings if finding.severity in shown]:
        yield _head(one.subject)
        for finding in findings:
            yield from _lines(finding)


def _head(subject: Subject) -> _Line:
    tool, persona = harmless(subject.tool.name), harmless(subject.persona.name)
    return [(f"{tool} · {persona}: {subject.verdict}", "bold")]


def _lines(finding: Finding) -> Iterator[_Line]:
    quote = f"{in_quotes(harmless(' '.join(finding.quote.split())))}: " if finding.quote else ""
    yield [
        (f"  {finding.severity:8}", STYLES[finding.severity]),
        (quote + harmless(finding.message), ""),
        (f" [{finding.check}]", "dim"),
    ]
    yield [(" " * 10 + harmless(finding.remedy), "dim")]


def _sum_up(checked: list[_Checked], demo: bool, hidden: bool) -> None:
    """Say how much was found; hidden: the notes were not printed."""
    counts = Counter(finding.severity for one in checked for finding in one.findings)
    clean = sum(not one.findings for one in checked)
    whose = " of a demo model" if demo else ""
    unseen = " (shown with --notes)" if hidden and counts["note"] else ""
    note(
        f"{counted(len(checked), 'take')}{whose}: {counted(counts['error'], 'error')}, "
        f"{counted(counts['warning'], 'warning')}, {counted(counts['note'], 'note')}{unseen}; "
        f"{clean:,} without any finding."
    )


def _point_at_worn(every: Sequence[Subject], told: Mapping[int, Sequence[Finding]]) -> None:
    """Say what these takes share with an earlier one, on which it is told."""
    many = sum(map(len, told.values()))
    tools = list(dict.fromkeys(harmless(every[index].tool.name) for index in sorted(told)))
    if many:
        more = f" and {len(tools) - NAMED:,} more" if len(tools) > NAMED else ""
        note(
            f"Besides, {counted(many, 'worn phrase')} of these takes "
            f"{'is' if many == 1 else 'are'} told on the first take that has "
            f"{'it' if many == 1 else 'them'} ({', '.join(tools[:NAMED])}{more}). 'panel lint' "
            "without a name shows all."
        )


def _record(one: _Checked) -> dict[str, Any]:
    return {
        "tool": one.subject.tool.slug,
        "persona": one.subject.persona.id,
        "verdict": one.subject.verdict,
        "take": one.subject.text,
        "findings": [finding_record(finding) for finding in one.findings],
    }
