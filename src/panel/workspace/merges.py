"""The marks that git leaves in a file whose merge has a conflict."""

from __future__ import annotations

import re
from pathlib import Path

from panel.errors import Problem, WorkspaceError

RESOLVE = "Keep the lines that hold and remove the marks. Indent a mark that is meant as text."
_MARK = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?=\s|\Z)", re.MULTILINE)


def refuse_merge(text: str, file: Path, resolve: str) -> None:
    """Raise WorkspaceError with the line of each conflict that git left in a text.

    A line ``=======`` alone is none: in Markdown it underlines a heading.
    """
    if "<<<<<<<" not in text and ">>>>>>>" not in text:
        return
    begin: list[int] = []
    inside_one, middle = False, None
    for mark in _MARK.finditer(text):
        line = text.count("\n", 0, mark.start()) + 1
        match mark[0][0]:
            case "<":
                begin.append(line)
                inside_one = True
            case ">":
                if not inside_one:  # what stood before it was taken out by hand
                    begin.append(middle or line)
                inside_one, middle = False, None
            case _:
                middle = line
    if begin:
        message = "holds the marks of a merge"
        raise WorkspaceError([Problem(file, line, "", message, resolve) for line in begin])
