"""Asks a person at a terminal for a number of a list, for a line, for a yes; all on stderr."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from panel.cli.output import note


def chosen_number(labels: Sequence[str], question: str) -> int:
    """Show what there is, numbered, and return the place of what is chosen, counted from 0."""
    for number, label in enumerate(labels, 1):
        note(f"  {number}  {label}")
    numbers = [str(number) for number, _label in enumerate(labels, 1)]
    while (chosen := typed(question, "1")) not in numbers:
        note(f"Type a number from 1 to {len(labels)}, or Ctrl-C to leave: nothing is written yet.")
    return int(chosen) - 1


def typed(question: str, default: str | None = None) -> str:
    """Return the line that is typed at a question; raises typer.Abort at Ctrl-C and Ctrl-D."""
    shown = bool(default)
    return str(typer.prompt(question, default=default, show_default=shown, err=True)).strip()


def agreed(question: str, default: bool = False) -> bool:
    """Ask for a yes or a no; an empty line means the default. Raises as ``typed``."""
    answers = {"y": True, "yes": True, "n": False, "no": False, "": default}
    asked = f"{question} [{'Y/n' if default else 'y/N'}]"
    while (answer := typed(asked, "").lower()) not in answers:
        note("Type y for yes or n for no.")
    return answers[answer]
