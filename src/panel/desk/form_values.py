"""Values between a form and front matter: lines, days, and what a form cannot carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from panel.errors import Problem, WorkspaceError
from panel.text import clean, clean_text


def line_of(fields: Mapping[str, str], name: str) -> str:
    """Return what a field says on one line, without characters that are not seen."""
    return " ".join(clean(clean_text(fields.get(name, ""))).split())


def dated(text: Any) -> Any:
    """Return a day as a date; what is none stays text, for the checks to say so."""
    if isinstance(text, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    return text


def alike(value: Any) -> Any:
    """Return a value without what a form cannot carry: line ends and what the page leaves out."""
    if isinstance(value, str):
        return "\n".join(clean(line).rstrip() for line in value.strip().split("\n"))
    if isinstance(value, Mapping):
        return {alike(key): alike(each) for key, each in value.items()}
    return [alike(each) for each in value] if isinstance(value, list) else value


def moved(error: WorkspaceError, file: Path) -> WorkspaceError:
    """Return an error about a copy as one about the file itself."""
    return WorkspaceError(
        [Problem(file, each.line, each.field, each.message, each.remedy) for each in error.problems]
    )
