"""Asks a person at a terminal for a number of a list, for a line, for a yes; all on stderr."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import typer

from panel.cli.output import note


def chosen_number(
    labels: Sequence[str],
    question: str,
    names: Sequence[Collection[str]],
    about: str,
    default: str | None = "1",
) -> int:
    """Show what there is, numbered, and return the place of what is chosen, counted from 0.

    names: what else each may be called; one that several share chooses none. about, default: as
    ``typed``.
    """
    for number, label in enumerate(labels, 1):
        note(f"  {number}  {label}")
    while True:
        chosen = typed(question, default, about)
        if chosen in (str(number + 1) for number in range(len(labels))):
            return int(chosen) - 1
        called = [number for number, words in enumerate(names) if chosen in words]
        if len(called) == 1:
            return called[0]
        note(
            f"Type a number from 1 to {len(labels)}, or a name that is listed once; Ctrl-C leaves: "
            "nothing is written yet."
        )


def typed(question: str, default: str | None = None, about: str = "") -> str:
    """Return the line that is typed at a question; raises typer.Abort at Ctrl-C and Ctrl-D.

    about: one line of help, shown when "?" is typed.
    """
    shown = bool(default)
    while True:
        line = str(typer.prompt(question, default=default, show_default=shown, err=True)).strip()
        if line != "?" or not about:
            return line
        note(about)


def agreed(question: str, default: bool = False, about: str = "") -> bool:
    """Ask for a yes or a no; an empty line means the default. Raises as ``typed``."""
    answers = {"y": True, "yes": True, "n": False, "no": False, "": default}
    asked = f"{question} [{'Y/n' if default else 'y/N'}]"
    while (answer := typed(asked, "", about).lower()) not in answers:
        note("Type y for yes or n for no.")
    return answers[answer]
