"""Every error this program raises on purpose.

    PanelError
    ├── WorkspaceError     files people wrote: a list of Problems, all found in one go
    ├── UsageError         a command, option or name that does not exist or does not fit
    │   └── UnconfiguredError   nothing says which endpoint is meant
    │       └── UndecidedError  several could be
    ├── EndpointError      an endpoint refused, is unreachable or is not configured
    ├── StoreError         the database cannot be read or written
    │   └── StoreBusyError another process holds it
    ├── JournalError       a journal cannot be appended to, or is of a newer version
    └── ConflictError      another editor has decided on a take meanwhile (panel.decisions)

An error says what is wrong, where (the value, or file:line) and how to fix it.
What the user can fix takes one line; a traceback is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class PanelError(Exception):
    """Base of all errors that a user can fix. The message is shown as it is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file that people write.

    file: the file; line: 1-based, None where there is no line to name;
    field: dotted path inside the file ("pricing.entry"), "" for the whole file;
    message: what is wrong; remedy: how to fix it.
    """

    file: Path
    line: int | None
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        field = f" {self.field}:" if self.field else ""
        told = f"{place}:{field} {self.message}. {self.remedy}"
        if told.isprintable():
            return told
        # One line, whatever a file or key is called: CI takes some lines of a log for commands.
        return "".join(each if each.isprintable() else repr(each)[1:-1] for each in told)


class WorkspaceError(PanelError):
    """Files of the workspace are wrong. problems: all that were found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    @classmethod
    def single(cls, file: Path, line: int | None, field: str, message: str, remedy: str) -> Self:
        """Make the error of one Problem, from the Problem's fields."""
        return cls([Problem(file, line, field, message, remedy)])


class UsageError(PanelError):
    """A command, option or name that does not exist, or does not fit the others."""


class UnconfiguredError(UsageError):
    """Neither panel.toml nor the command line says which endpoint is meant."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that could be asked: at which server, by which options, and the command to keep it.

    options: "" where no options say it.
    """

    server: str
    model: str
    options: str
    setup: str


_COLUMNS = ("server", "model")


class UndecidedError(UnconfiguredError):
    """Several models could be asked, and nothing says which.

    choices: what each of them is and how it is chosen.
    """

    def __init__(self, head: str, choices: Sequence[Choice]) -> None:
        self.head, self.choices = head, list(choices)
        super().__init__(self.told("panel run"))

    def told(self, command: str, takes_options: bool = True) -> str:
        """Return the message, with the command that chooses each: what was typed, and options."""
        server, model = (max(len(getattr(each, of)) for each in self.choices) for of in _COLUMNS)
        lines = [
            f"  {each.server:<{server}}  {each.model:<{model}}  "
            + (f"{command} {each.options}" if takes_options and each.options else each.setup)
            for each in self.choices
        ]
        return "\n".join([self.head, *lines])


class EndpointError(PanelError):
    """An endpoint is unreachable, refuses every request or is not set up."""


class StoreError(PanelError):
    """The database file cannot be opened, read or written."""


class StoreBusyError(StoreError):
    """Another process holds the database and did not release it in time."""


class JournalError(PanelError):
    """A journal cannot be appended to (disk full, read-only folder), or is of a newer version."""
