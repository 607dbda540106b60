"""``panel init``, ``panel new`` and ``panel check``."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from panel.cli.main import ExitCode
from panel.cli.options import Json
from panel.cli.output import note, print_json, say
from panel.errors import Problem, UsageError, WorkspaceError
from panel.frozen.check import frozen_status
from panel.frozen.thaw import opened_thawed
from panel.results.media import check_media
from panel.store.connection import FILE, MOVE, Connection, unfit_path
from panel.text import counted
from panel.workspace.endpoints import check_endpoint
from panel.workspace.loading import (
    NO_TOOLS,
    WorkspaceFiles,
    check_rendering,
    find_root,
    load_workspace,
    refuse_empty,
)
from panel.workspace.scaffold import NOT_INVENTED, create, others_can_read
from panel.workspace.tool_files import new_tool

app = typer.Typer(rich_markup_mode=None)


def open_workspace() -> WorkspaceFiles:
    """Load the workspace at or above the current folder."""
    return load_workspace(find_root(Path.cwd()))


def open_tools() -> WorkspaceFiles:
    """Load it for a command that has nothing to do without a tool; raises UsageError."""
    return refuse_empty(open_workspace())


def open_store() -> AbstractContextManager[Connection]:
    """Open the store of the workspace at or above the current folder, thawed on a fresh clone."""
    return opened_thawed(find_root(Path.cwd()))


@app.command()
def init(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to make it in; '.' is this one.")
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Without the invented sample tools and experiments.")
    ] = False,
) -> None:
    """Make a workspace: panel.toml, personas, prompts and sample tools."""
    if directory is None:
        raise UsageError("name a folder: 'panel init DIR'; 'panel init .' makes it here.")
    files = create(directory, empty)
    say(f"Wrote {counted(len(files), 'file')} to {str(directory)!r}.")
    step = "" if directory.resolve() == Path.cwd() else f"cd {shlex.quote(str(directory))} && "
    if empty:
        note(
            f"Next: {step}panel new NAME. It makes a file for a tool; 'panel import FILE' takes in "
            "a table of them."
        )
        return
    note(f"The sample tools are invented, except {' and '.join(NOT_INVENTED.values())}.")
    tools, personas = (
        sum(file.match(f"{part}/*.md") for file in files) for part in ("tools", "personas")
    )
    note(
        f"Next: {step}panel run --tool {next(iter(NOT_INVENTED))}. It asks "
        f"{counted(personas, 'question')} of a model that runs on this machine, or says how to "
        f"have one. 'panel run' asks about all {tools} tools: {tools * personas} questions, which "
        "can take hours without a graphics card."
    )


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tool's name.")],
    tagline: Annotated[str | None, typer.Option(help="One line on what it is.")] = None,
    category: Annotated[str | None, typer.Option(help="Its category.")] = None,
    price: Annotated[
        str | None, typer.Option(help="The cheapest way in, as the vendor writes it.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Its address.")] = None,
) -> None:
    """Make the file of one tool, with a commented example of each field that it needs."""
    given = {"tagline": tagline, "category": category, "url": url}
    fields: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if price is not None:
        fields["pricing"] = {"entry": price}
    file = new_tool(find_root(Path.cwd()), name, fields)
    say(str(file))
    note("Next: fill it in; 'panel check' names what is missing.")


@app.command()
def check(
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen", help="And that verdicts/ holds a verdict on every cell as it is now."
        ),
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="With --frozen: another endpoint than panel.toml's.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="With --frozen: another model.")] = None,
    as_json: Json = False,
) -> None:
    """Check every file of the workspace, without a model. Exit 2 when something is wrong.

    With --frozen, exit 1 when a verdict in verdicts/ is stale, missing, renamed, altered or
    orphaned.
    """
    workspace = _checked(as_json)
    if frozen:
        _check_frozen(workspace, endpoint, model, as_json)
    elif as_json:
        print_json({"problems": []})
    else:
        say(
            f"{counted(len(workspace.tools), 'tool')}, "
            f"{counted(len(workspace.personas), 'persona')}, 4 templates: all in order."
        )
        if not workspace.tools:
            note(f"Next: {NO_TOOLS}")
        if others_can_read(workspace.runs):
            note(
                f"Other users of this machine can read {workspace.runs}, where prompts, replies "
                f"and decisions are: 'chmod o-rwx {shlex.quote(str(workspace.runs))}'."
            )


def problem_records(problems: list[Problem]) -> list[dict[str, Any]]:
    """Return problems as JSON has them."""
    return [asdict(problem) | {"file": str(problem.file)} for problem in problems]


def _check_frozen(
    workspace: WorkspaceFiles, endpoint: str | None, model: str | None, as_json: bool
) -> None:
    status = frozen_status(workspace, endpoint, model)
    if as_json:
        print_json(status.record())
    else:
        for each in status.found:
            pair = each.tool if each.persona is None else f"{each.tool} × {each.persona}"
            say(f"{each.status}: {pair}: {each.reason}")
        wrong = ("stale", "missing", "altered")
        fallen = [each for each in status.found if each.persona and each.status in wrong]
        holds = status.pairs - len(fallen)
        hold = "holds" if holds == 1 else "hold"
        note(f"{holds:,} of {counted(status.pairs, 'verdict')} of {status.model} {hold}.")
        if any(each.status == "altered" for each in status.found):
            note("What is altered was not written by 'panel freeze', which writes it anew.")
        if fallen:
            note("'panel run --changed' asks what has no answer; 'panel freeze' writes it.")
        if any(each.status == "renamed" for each in status.found):
            note("'panel freeze' writes what is renamed under its new name, and asks nothing.")
        if any(each.status == "orphaned" for each in status.found):
            note("'panel freeze --prune' removes what is orphaned.")
    if status.found:
        raise typer.Exit(ExitCode.FAILED)


def _checked(as_json: bool) -> WorkspaceFiles:
    """Check the files that people write; prints what is wrong with them and exits."""
    root = find_root(Path.cwd())
    # Every command imports this file, and few need the wing.
    from panel.research.experiments import check_experiments  # noqa: PLC0415

    try:
        workspace = load_workspace(root)
        check_rendering(workspace)
        check_endpoint(workspace.settings, root)
        check_experiments(workspace)
        check_media(workspace)
        if unfit := unfit_path(workspace.runs / FILE):
            raise WorkspaceError.single(root, None, "", unfit, MOVE)
    except WorkspaceError as error:
        if as_json:
            print_json({"problems": problem_records(error.problems)})
        else:
            for problem in error.problems:
                say(str(problem))
            note(f"{counted(len(error.problems), 'problem')}.")
        raise typer.Exit(ExitCode.USAGE) from None
    return workspace
