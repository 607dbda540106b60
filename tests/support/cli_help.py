"""``docs/cli.md``: the ``--help`` of every command, as the program prints it.

``make cli-help`` calls ``python -m tests.support.cli_help``, which writes the page anew.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from panel.cli.main import app
from tests.support.space import ROOT

PAGE = ROOT / "docs" / "cli.md"
COLUMNS = "100"  # the page is the same on every machine, however wide its terminal is
HEAD = """# The command line

What `panel COMMAND --help` prints, for every command. `make cli-help` writes this page: to change
it, edit the docstrings and options in `src/panel/cli/`.
"""


def commands() -> dict[tuple[str, ...], Any]:
    """Return every command and sub-command by its words; ``()`` is ``panel`` itself."""
    return dict(_below(typer.main.get_command(app), ()))


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    if isinstance(command, typer.core.TyperGroup):
        context = command.make_context("panel", [], resilient_parsing=True)
        for name in command.list_commands(context):
            yield from _below(command.get_command(context, name), (*path, name))


def options(command: Any) -> dict[str, bool]:
    """Return the options of a command by name, and whether a value follows; ``--help`` included."""
    known = {
        name: not parameter.is_flag
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
    }
    return known | {"--help": False}


def render() -> str:
    """Return the whole page. The environment must say ``COLUMNS``."""
    assert os.environ["COLUMNS"] == COLUMNS
    pages = [_section(path) for path in commands()]
    return "\n".join([HEAD, *pages])


def _section(path: Sequence[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        app([*path, "--help"], prog_name="panel", standalone_mode=False)
    title = " ".join(("panel", *path))
    return f"## {title}\n\n```text\n{printed.getvalue().strip()}\n```\n"


if __name__ == "__main__":
    os.environ["COLUMNS"] = COLUMNS
    PAGE.write_text(render(), encoding="utf-8")
