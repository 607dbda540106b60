"""Reads votes from a CSV file and reports every mistake at once, each with its line."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from panel.errors import Problem, WorkspaceError
from panel.hashing import text_hash
from panel.workspace.plain_files import read_text
from panel.workspace.validation import did_you_mean
from panel.workspace.verdict import SHIP, SKIP

COUNTED, PLACED = ("tool", "ships", "skips"), ("tool", "vote", "voter")
MOST_VOTES = 1_000_000_000
VOTER_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Ballots:
    """The votes of one file.

    digest: hash of its content. counted: tool → (ships, skips). placed: (voter, tool) →
    vote. A file fills one of the two. rows: the number of lines with votes.
    """

    digest: str
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    placed: dict[tuple[str, str], str] = field(default_factory=dict)
    rows: int = 0


def read_ballots(file: Path, tools: set[str]) -> Ballots:
    """Read votes on ``tools`` (slugs); raises WorkspaceError with the line of every mistake."""
    text = read_text(file)
    problems: list[Problem] = []
    counted: dict[str, tuple[int, int]] = {}
    placed: dict[tuple[str, str], str] = {}
    rows = _rows(file, text)
    if not rows:
        raise _error(file, 1, "", "is empty", _remedy())
    line, header = rows[0]
    columns = tuple(header)
    if sorted(columns) not in (sorted(COUNTED), sorted(PLACED)):
        raise _error(file, line, "", f"has the columns {', '.join(columns)!r}", _remedy())
    for line, cells in rows[1:]:
        if len(cells) != len(columns):
            message = f"{len(cells)} cells where the header has {len(columns)}"
            problems.append(Problem(file, line, "", message, "Quote cells that hold commas."))
            continue
        fields = dict(zip(columns, cells, strict=True))
        found = _tool_problem(fields["tool"], tools) or (
            _count(fields, counted) if "ships" in fields else _place(fields, placed)
        )
        if found:
            problems.append(Problem(file, line, *found))
    if problems:
        raise WorkspaceError(problems)
    if len(rows) == 1:
        raise _error(file, line, "", "holds no votes", "Write a line for each tool or vote.")
    return Ballots("b2:" + text_hash(text), counted, placed, len(rows) - 1)


def _rows(file: Path, text: str) -> list[tuple[int, list[str]]]:
    """Return the line number and cells of every row that is not blank."""
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if cells:
                rows.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise _error(
            file, line, "", f"is not valid CSV: {error}", "Quote cells that hold quotes or commas."
        ) from None
    return rows


Found = tuple[str, str, str]  # field, message, remedy


def _tool_problem(tool: str, tools: set[str]) -> Found | None:
    if tool in tools:
        return None
    guess = did_you_mean(tool, sorted(tools))
    return "tool", f"{tool!r} is not the slug of a tool of this workspace", guess


def _count(fields: dict[str, str], counted: dict[str, tuple[int, int]]) -> Found | None:
    tool = fields["tool"]
    for name in ("ships", "skips"):
        number = fields[name]
        if not re.fullmatch(r"[0-9]{1,10}", number) or int(number) > MOST_VOTES:
            return name, f"{number!r} is not a count", f"Write a whole number up to {MOST_VOTES}."
    if tool in counted:
        return "tool", f"{tool!r} is listed twice", "Keep one line for each tool."
    counted[tool] = int(fields["ships"]), int(fields["skips"])
    return None


def _place(fields: dict[str, str], placed: dict[tuple[str, str], str]) -> Found | None:
    tool, vote, voter = (fields[name] for name in PLACED)
    if vote not in (SHIP, SKIP):
        return "vote", f"{vote!r} is not a vote", f"Write {SHIP} or {SKIP}."
    if not voter or len(voter) > VOTER_CHARACTERS:
        message = f"has {len(voter)} characters"
        return "voter", message, f"Write an id for the voter, 1 to {VOTER_CHARACTERS} characters."
    placed[voter, tool] = vote
    return None


def _error(file: Path, line: int, name: str, message: str, remedy: str) -> WorkspaceError:
    return WorkspaceError([Problem(file, line, name, message, remedy)])


def _remedy() -> str:
    return f"Begin with the line '{','.join(COUNTED)}' or '{','.join(PLACED)}'."
