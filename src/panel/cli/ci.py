"""``panel freeze``, ``panel thaw`` and ``panel diff``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from panel.ci.context import Context
from panel.ci.diff import compare
from panel.ci.gates import Asked, failures, parse_gates
from panel.ci.outcome import read_checked, read_outcome
from panel.ci.places import find_places, tools_to_place
from panel.ci.snapshots import snapshots
from panel.cli.main import ExitCode
from panel.cli.options import (
    Categories,
    EndpointName,
    Json,
    Model,
    Personas,
    Tools,
    stdin_for_dash,
)
from panel.cli.output import DiffFormat, note, one_of, print_json, say
from panel.cli.report import Report
from panel.cli.streams import to_stdout
from panel.cli.workspace import open_workspace
from panel.frozen.files import FOLDER, read_frozen
from panel.frozen.freeze import FreezeOptions, Freezing, Kept
from panel.frozen.freeze import freeze as freeze_verdicts
from panel.frozen.renames import opened_renamed
from panel.frozen.thaw import thaw as thaw_verdicts
from panel.frozen.thaw import thaw_if_fresh
from panel.runs.selection import Selection, resolve
from panel.runs.since import opened_base
from panel.store.ingest import opened
from panel.text import counted
from panel.workspace.loading import find_root

app = typer.Typer(rich_markup_mode=None)

NAMED = 12  # things named one by one


@app.command()
def freeze(
    tool: Tools = None,
    persona: Personas = None,
    category: Categories = None,
    endpoint: EndpointName = None,
    model: Model = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what is on file of tools that are gone.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Publish what was answered last, however few the votes."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="Where a text was changed back to that of this git revision, restore its verdict.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the verdicts into verdicts/<slug>.json, to be kept in git beside the tools.

    A published verdict stands until newer answers overturn it beyond the panel's own noise.
    """
    workspace = open_workspace()
    selection = Selection(tool or [], persona or [], category or [], endpoint, model)
    frozen = read_frozen(workspace.root / FOLDER)
    with opened_base(workspace.root, since) as base:
        options = FreezeOptions(prune, accept, base.frozen if base else None)
    with opened_renamed(workspace, selection, frozen, options.since) as connection:
        target = resolve(workspace, selection, connection)
        done = freeze_verdicts(workspace, target, frozen, connection, options)
    if as_json:
        print_json(asdict(done))
    else:
        _print_freezing(done, endpoint, model)


def _print_freezing(done: Freezing, endpoint: str | None, model: str | None) -> None:
    say(
        f"{FOLDER}/: {counted(len(done.written), 'file')} written, {done.unchanged:,} as they were."
    )
    if done.drafts and not done.approved:
        note(
            f"No take is approved: {counted(done.drafts, 'verdict is', 'verdicts are')} on file as "
            "drafts, with the votes, so that git and CI can compare them. Approve takes with "
            "'panel desk' and freeze again; 'panel publish' shows approved ones only."
        )
    elif done.drafts:
        note(
            f"On file: {counted(done.approved, 'approved take')}, and "
            f"{counted(done.drafts, 'draft')} that 'panel publish' does not show."
        )
    for was, now in done.renamed.items():
        say(f"{was}.json is {now}.json now: the tool was renamed.")
    if done.pruned:
        say(f"Removed: {_named(done.pruned)}.")
    for kept in done.kept[:NAMED]:
        other = "skip" if kept.published == "ship" else "ship"
        votes = kept.n - kept.ships if kept.published == "ship" else kept.ships
        say(
            f"{kept.tool} × {kept.persona}: {kept.published} stays published; {votes} of {kept.n} "
            f"say {other}, too few to overturn it."
        )
    if len(done.kept) > NAMED:
        say(f"... and {len(done.kept) - NAMED:,} more kept; --json lists them all.")
    if done.kept:
        words = _asking_more(done.kept[:NAMED], endpoint, model)
        note(f"Ask more ('panel run {words}'), or publish with --accept.")
    if done.unasked:
        note(_unanswered(done.unasked - done.outdated, done.outdated))
    if done.orphaned:
        note(f"On file, and gone: {_named(done.orphaned)}. 'panel freeze --prune' removes them.")


def _unanswered(never: int, outdated: int) -> str:
    """Say how many questions have no answer at all, and how many one to earlier words."""
    parts = []
    if never:
        parts.append(f"{counted(never, 'question has', 'questions have')} no answer yet")
    if outdated:
        words = counted(outdated, "verdict answers", "verdicts answer")
        parts.append(f"{words} earlier words than the files have now")
    return f"{'; '.join(parts)}: 'panel run' asks."


def _asking_more(kept: list[Kept], endpoint: str | None, model: str | None) -> str:
    """Return the options that ask so often that the answers could overturn what is kept."""
    named = [("endpoint", endpoint), ("model", model)]
    named += [("tool", tool) for tool in dict.fromkeys(each.tool for each in kept)]
    named += [("persona", who) for who in dict.fromkeys(each.persona for each in kept)]
    words = [f"--{name} {shlex.quote(word)}" for name, word in named if word]
    return " ".join([f"--repeats {max(each.repeats for each in kept)}", *words])


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@app.command()
def thaw(as_json: Json = False) -> None:
    """Bring answers in verdicts/ into the store, where it does not hold them.

    Done by itself where nothing has been asked yet, as on a fresh clone.
    """
    workspace = open_workspace()
    frozen = read_frozen(workspace.root / FOLDER)
    done = thaw_if_fresh(workspace)
    with opened(workspace.runs) as connection:
        done = done or thaw_verdicts(workspace, frozen, connection)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"{counted(done.answers, 'answer')} on file, {done.brought_in:,} of them brought in.")
        if done.altered:
            note(
                f"Left out: {counted(done.altered, 'answer')} on file, changed by hand; "
                "'panel check --frozen' names them."
            )


@app.command()
def diff(
    base: Annotated[
        str, typer.Argument(metavar="BASE", help="A git revision, a run, or a folder of verdicts.")
    ],
    head: Annotated[
        str | None, typer.Argument(metavar="HEAD", help="Likewise; the workspace as it is now.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="Of stdout: text, markdown, json, junit, sarif or github (workflow commands).",
            callback=one_of(DiffFormat),
        ),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file in place of stdout; - is stdout.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write Markdown into this file, besides; or to stdout: -.")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Write JSON into this file, besides; or to stdout: -."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write JUnit XML into this file, besides; or to stdout: -.")
    ] = None,
    sarif: Annotated[
        Path | None, typer.Option(help="Write SARIF into this file, besides; or to stdout: -.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            help="flip, change, decision, stale, drift, abstain, ship-below=PCT: exit 1.",
        ),
    ] = None,
    warn_on: Annotated[
        list[str] | None,
        typer.Option("--warn-on", help="The same words: said in the report, and exit 0."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="What 'panel run --json' has printed: its cost, what it left unasked; - is stdin.",
            callback=stdin_for_dash,
        ),
    ] = None,
    checked: Annotated[
        Path | None,
        typer.Option(
            help="What 'panel check --frozen --json' has printed, not to check anew; - is stdin.",
            callback=stdin_for_dash,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Tells several reports on one pull request apart.")
    ] = "",
    endpoint: EndpointName = None,
    model: Model = None,
) -> None:
    """Say what changed in the inputs, which verdicts flipped, and whether the model moved."""
    files = {
        DiffFormat.MARKDOWN: markdown,
        DiffFormat.JSON: json_file,
        DiffFormat.JUNIT: junit,
        DiffFormat.SARIF: sarif,
    }
    stdout = [file for file in (*files.values(), output) if file is not None and to_stdout(file)]
    if len(stdout) > 1:
        raise typer.BadParameter("two forms want stdout (-), which takes one. Name a file.")
    gates, warnings = parse_gates(fail_on or []), parse_gates(warn_on or [])
    outcome = read_outcome(run) if run is not None else None
    asked = Asked(endpoint, model, read_checked(checked) if checked is not None else None)
    root = find_root(Path.cwd())
    with snapshots(root, base, head) as (before, after):
        found = compare(root, before, after)
        shut = failures(found, after, gates, asked)
        warned = failures(found, after, warnings.besides(gates), asked)
        places = find_places(root, before, after, tools_to_place(found, [*shut, *warned]))
    report = Report(found, shut, Context(name, warned, outcome, places))
    for kind, file in files.items():
        if file is not None:
            report.write(kind, file)
    if output is not None or not stdout:
        report.write(DiffFormat(form), output)
    for failure in (*shut, *warned):
        note(f"{failure.gate}: {failure.sentence}")
    if report.context.trouble:
        note(report.context.trouble)
    if shut:
        raise typer.Exit(ExitCode.FAILED)
