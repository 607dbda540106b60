"""The command ``panel``: finds commands by name, turns errors into one line and an exit code."""

from __future__ import annotations

import gc
import importlib
import io
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from panel import __version__
from panel.cli.metavars import name_values
from panel.cli.signals import signals_taken
from panel.cli.streams import give_up_streams, open_streams
from panel.errors import EndpointError, PanelError, StoreBusyError, UndecidedError
from panel.text import HIDDEN


class ExitCode(IntEnum):
    """What a command's exit code says."""

    OK = 0
    FAILED = 1  # a check failed, or cells ended in error
    USAGE = 2  # command line or workspace files
    ENDPOINT = 3  # refused or unreachable
    BUDGET = 4  # stopped by a budget
    BUSY = 5  # the store is held by another process
    INTERRUPTED = 130  # state kept
    READER_GONE = 141  # whoever read stdout wanted no more (`| head`): 128 + SIGPIPE


# Command → (module of panel.cli, its one line in --help). A module is imported when its
# command is called, so that `panel --help` costs neither openai nor duckdb.
COMMANDS = {
    "init": ("workspace", "Make a workspace: panel.toml, personas, prompts and sample tools."),
    "setup": ("setup", "Choose the model to ask, try it, and write it into panel.toml."),
    "doctor": ("doctor", "Look at an endpoint: server, models, structured output."),
    "fetch": ("fetch", "Fetch models to be served by panel itself; without a name, list them."),
    "new": ("workspace", "Make the file of one tool, with an example of each field that it needs."),
    "import": ("importing", "Make files of tools/ from a table: CSV, .xlsx, JSON, Parquet."),
    "check": ("workspace", "Check every file of the workspace, without a model."),
    "plan": ("run", "Say what a run would ask, and why."),
    "run": ("run", "Ask what is pending, keep every answer, sum up."),
    "batch": ("batch", "Write questions into files for a batch service, and take its answers in."),
    "show": ("show", "Print the scorecards of tools."),
    "compare": ("show", "Set two tools side by side, in the terminal or as a page."),
    "lint": ("lint", "Check the takes for what an editor should look at, without a model."),
    "desk": ("desk", "Open the editors' desk in a browser: edit, approve, ask again."),
    "mcp": ("mcp", "Serve the workspace to an MCP client: look, and draft edits with --write."),
    "publish": ("publish", "Write the static site of approved takes."),
    "serve": ("serve", "Serve a published site; take readers' votes and subscriptions."),
    "votes": ("serve", "Readers' votes: import them, show what they add up to."),
    "digest": ("digest", "Write the digest of some days, and send it to its subscribers."),
    "freeze": ("ci", "Write the verdicts into verdicts/, to be kept in git."),
    "thaw": ("ci", "Bring answers in verdicts/ into the store, where it does not hold them."),
    "canary": ("canary", "Ask the canaries again: has the model moved?"),
    "diff": (
        "ci",
        "Say what changed in the inputs, which verdicts flipped, and if the model moved.",
    ),
    "stats": ("stats", "Say what a set of votes tells of tools, the catalog and the panel."),
    "takes": ("takes", "Say whether takes tell their personas apart, and how alike they are."),
    "labels": ("labels", "Draw questions for people to answer, take their answers in."),
    "probabilities": ("probabilities", "Ask /v1/decisions how probable ship is, given each take."),
    "report": ("research_report", "Report on an experiment, a run or the house panel, as a page."),
    "experiment": ("experiment", "Ask the same cells under other settings, and compare."),
    "compare-arms": ("compare_arms", "Compare two sets of votes: arms, models, runs."),
    "power": ("power", "Say what so many calls can show, and how best to spend them."),
    "probe": ("probe", "Probe the panel on fictional tools: met, not met, or not shown."),
    "export": ("export", "Write verdicts as CSV, JSON, JSON lines or Parquet."),
    "sql": ("export", "Query the store, read-only."),
    "rebuild": ("export", "Make the database anew from the journals."),
    "verify": ("verify", "Say whether every journal is as it was written."),
    "reparse": ("reparse", "Read the stored replies again; asks no model."),
}
# What Ctrl-C leaves, of commands that somebody may fear for.
KEPT = {
    **dict.fromkeys(
        ("run", "experiment", "canary", "probe", "probabilities", "batch"),
        "everything answered so far is kept",
    ),
    "setup": "panel.toml is as it was",
    "mcp": "",  # how a client ends its server: nothing to say
}
# The first command of each part of --help → its heading; in the order in which one meets them.
PARTS = {
    "init": "Begin",
    "plan": "Ask",
    "show": "Read and decide",
    "publish": "Publish",
    "freeze": "Keep in git, and see what changed",
    "stats": "Research",
    "export": "The store",
}


class LazyGroup(TyperGroup):
    """A command group that imports a command's module when the command is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; for an unknown name, say which are nearest, as typer's groups do."""
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names, no modules
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order they are best read."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module of a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"panel.cli.{COMMANDS[cmd_name][0]}")
        importlib.import_module("panel.cli.output").narrate()
        command = typer.main.get_group(module.app).commands[cmd_name]
        name_values(command, ctx)
        return command

    def make_context(self, *words: Any, **more: Any) -> Any:
        """Read the command line, which prints `--help` and `--version`."""
        with _reader_may_leave():
            return super().make_context(*words, **more)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _reader_may_leave():
            try:
                result = super().invoke(ctx)
            except (typer.Abort, KeyboardInterrupt):
                raise typer.Abort(ctx.invoked_subcommand) from None
            except typer.Exit:  # what was printed may not be written yet
                sys.stdout.flush()
                raise
            sys.stdout.flush()
            return result

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write names and lines from the table, importing nothing."""
        parts: dict[str, list[tuple[str, str]]] = {}
        for name, (_module, line) in COMMANDS.items():
            heading = PARTS.get(name) or next(reversed(parts))
            parts.setdefault(heading, []).append((name, line))
        for heading, lines in parts.items():
            with formatter.section(heading):
                formatter.write_dl(lines)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End quietly, with the code of the signal, when nobody reads stdout any more.

    Not with 0: what the command had to say, or that it failed, was not all said.
    """
    try:
        yield
    except BrokenPipeError:
        give_up_streams()
        raise typer.Exit(ExitCode.READER_GONE) from None


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A reviewer panel of personas over any OpenAI-compatible endpoint: verdicts on AI "
    "tools, kept with exactly what the model saw.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"panel {__version__}")
        raise typer.Exit


@app.callback()
def options(
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-C", metavar="DIR", help="Work as if called in this folder."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""
    if directory is not None:
        if not directory.is_dir():
            raise typer.BadParameter(f"{str(directory)!r} is not a folder.", param_hint="-C")
        os.chdir(directory)


def exit_code(error: PanelError) -> ExitCode:
    """Return the exit code of an error."""
    if isinstance(error, EndpointError):
        return ExitCode.ENDPOINT
    if isinstance(error, StoreBusyError):
        return ExitCode.BUSY
    return ExitCode.USAGE


def main() -> NoReturn:
    """Run the command line and exit."""
    # No plugin of pydantic that happens to be installed sees what is validated here (some send
    # it on); to look for them takes as long as to import pydantic.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # A catalog is a million small objects that stay: with Python's own thresholds the collector
    # would walk over them again and again, a fifth of the time of a plan.
    gc.set_threshold(100_000, 20, 50)
    open_streams()
    with signals_taken():
        code = _run()
        give_up_streams()
    sys.exit(code or ExitCode.OK)


def _run() -> int:
    try:
        return int(app(standalone_mode=False, prog_name="panel") or ExitCode.OK)
    except UndecidedError as error:  # each choice is a command: what was typed, and options
        takes_options = "experiment" not in sys.argv
        _complain(f"panel: {error.told(shlex.join(['panel', *sys.argv[1:]]), takes_options)}")
        return exit_code(error)
    except PanelError as error:
        _complain(f"panel: {error}")
        return exit_code(error)
    except (typer.Abort, KeyboardInterrupt) as error:
        kept = KEPT.get(str(*error.args[:1]))
        if kept != "":
            _complain(f"panel: interrupted; {kept}." if kept else "panel: interrupted.")
        return ExitCode.INTERRUPTED
    except OSError as error:
        _complain(f"panel: {_reason(error)}")
        return ExitCode.USAGE
    except typer.TyperException as error:
        text = io.StringIO()
        show = getattr(error, "show", None)
        if show is not None:
            show(file=text)
        if getattr(error, "option_name", None) in ("-C", "--directory"):
            called = getattr(error, "ctx", None)
            words = called.command_path.removeprefix("panel ") if called else "COMMAND"
            text.write(f"-C stands before the command: panel -C DIR {words}\n")
        _complain(text.getvalue().rstrip("\n"))
        return int(getattr(error, "exit_code", ExitCode.USAGE))


def _complain(text: str) -> None:
    text = HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)  # it may quote what others wrote
    with suppress(OSError):  # nobody is there to be told; the exit code still says it
        typer.echo(text, err=True)


def _reason(error: OSError) -> str:
    """Say what the system refused, and of which file."""
    if error.filename:
        return f"{error.filename}: {error.strerror or error}."
    try:
        Path.cwd()
    except FileNotFoundError:
        return "the folder that this was called in is gone. Go into another, or name one with -C."
    return f"{error.strerror or error}."
