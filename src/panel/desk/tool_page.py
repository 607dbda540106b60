"""The content of a tool's page: its takes, what has changed under them, its form and its errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.desk.since import Since, since
from panel.desk.snapshot import DeskSnapshot
from panel.desk.tool_form import LINES, ROWS, form_rows, too_long
from panel.desk.written_files import FileAsRead, read_file
from panel.errors import PanelError, Problem
from panel.results.entries import Entry
from panel.site.differences import WordChange
from panel.workspace.tools import Tool, find_tools, load_named, read_tool

_UNREAD = "Load the page again; if this stays, mend what 'panel check' says of other files."
Fields = tuple[tuple[str, list[WordChange]], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Where a tool is written. read: its file as it stands; None where the desk cannot edit it.

    place: the file for people, below the workspace; why: what to do where there is no form.
    """

    place: str
    read: FileAsRead | None
    why: str = ""

    @property
    def seen(self) -> str:
        """What the forms of the page carry."""
        return self.read.seen if self.read else ""


def written(root: Path, tool: Tool) -> Written:
    """Find the file that a tool stands in, and read it if it is the tool's own.

    tool: as the pages show it. A file that says something else by now is not edited from these:
    their fields would be written over it.
    """
    folder = root / "tools"
    file = folder / f"{tool.slug}.md"
    if (named := load_named(folder, [tool.slug])) is not None:
        (now,) = named
    else:  # it is in a file of another name, or in a table
        row = find_tools(folder, {tool.slug}).get(tool.slug)
        if row is None:
            return Written("tools/", None, "Its file cannot be read now. 'panel check' says why.")
        file = row.file
        if file.suffix != ".md":
            line = row.lines(row.path)
            where = str(file.relative_to(root)) + (f", line {line}" if line else "")
            return Written("a table", None, f"It stands in a table: edit it in {where}.")
        now = read_tool(row)
    place = str(file.relative_to(root))
    if now != tool:
        return Written(place, None, f"{place} has changed, and is not read yet. {_UNREAD}")
    if too_long(tool):
        return Written(place, None, f"It has more rows than a form can hold: edit {place} itself.")
    try:
        return Written(place, read_file(root, file))
    except PanelError as error:
        return Written(place, None, str(error))


@dataclass(frozen=True, slots=True)
class Drifted:
    """Takes whose published words answer an earlier question, and what has changed since alike."""

    entries: tuple[Entry, ...]
    since: Since

    @property
    def fields(self) -> Fields:
        """What reads differently now, word by word."""
        return self.since.fields


def drifted(snapshot: DeskSnapshot, entries: Iterable[Entry]) -> list[Drifted]:
    """Return the published takes of a tool that are stale, those with the same changes together."""
    groups: list[tuple[Since, list[Entry]]] = []
    for entry in entries:
        found = since(snapshot, entry) if entry.published_stale else None
        if found is None:
            continue
        same = next(
            (each for first, each in groups if (first.fields, first.reason) == _said(found)), None
        )
        if same is None:
            groups.append((found, [entry]))
        else:
            same.append(entry)
    return [Drifted(tuple(each), found) for found, each in groups]


def _said(found: Since) -> tuple[Fields, str]:
    return found.fields, found.reason


def entries_of(snapshot: DeskSnapshot, slug: str) -> list[Entry]:
    """Return the entries of a tool, in the order of the panel."""
    pairs = ((slug, persona.id) for persona in snapshot.workspace.personas)
    return [entry for pair in pairs if (entry := snapshot.entry(*pair)) is not None]


def told_beside(
    problems: Sequence[Problem], fields: Mapping[str, str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Return what is wrong, by the name of the field it stands beside, and what stands nowhere."""
    beside: dict[str, list[str]] = {}
    rest: list[str] = []
    for problem in problems:
        words = f"{problem.message[:1].upper()}{problem.message[1:]}. {problem.remedy}"
        name = _field_of(problem.field, fields)
        if name is None:
            rest.append(f"{problem.field}: {words}" if problem.field else words)
        else:
            beside.setdefault(name, []).append(words)
    return beside, rest


def _field_of(path: str, fields: Mapping[str, str]) -> str | None:
    """Return the field of the form that a path of the front matter is about."""
    if path in (*LINES, "description", "hold"):
        return path
    if path.partition(".")[0] == "tags":
        return "tags"
    plan = re.fullmatch(r"pricing\.plans\.(\d+)(?:\.(\w+))?", path)
    if plan:
        filled = [n for n in form_rows(fields, "pricing.plans") if _filled(fields, n)]
        place = int(plan[1])
        if place < len(filled):
            return f"pricing.plans-{filled[place]}-{plan[2] or 'name'}"
    for kind, value in (("links", "address"), ("facts", "value")):
        for number in form_rows(fields, kind):
            label = " ".join(fields.get(f"{kind}-{number}-label", "").split())
            if path == f"{kind}.{label}":
                return f"{kind}-{number}-{value}"
            part = path.removeprefix(f"{kind}.{label}.")
            if part != path and part in ROWS[kind]:
                return f"{kind}-{number}-{part}"
    return None


def _filled(fields: Mapping[str, str], number: int) -> bool:
    parts = ROWS["pricing.plans"]
    return any(fields.get(f"pricing.plans-{number}-{part}", "").strip() for part in parts)


LABELS = {
    "url": "Vendor’s page",
    "released": "Released",
    "pricing.entry": "Entry price",
    "pricing.verified": "Price checked on",
    "image": "Picture",
    "publish_after": "Not published before",
    "hold": "Hold back from readers",
    "pricing.plans": "Plan",
    "facts": "Fact",
    "links": "Link",
    "corrections": "Correction",
}


def field_label(name: str) -> str:
    """Return what people read beside a field of a form: "Vendor’s page", "Fact 2, source"."""
    kind, _, rest = name.partition("-")
    number, _, part = rest.partition("-")
    if not number.isdigit():
        return LABELS.get(name, name.capitalize())
    return f"{LABELS.get(kind, kind.capitalize())} {number}, {part}"


def form_context(fields: Mapping[str, str], problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """Return the template values of a tool's form, with what is wrong in it."""
    beside, rest = told_beside(problems, fields)
    return {
        "fields": fields,
        "rows": {kind: form_rows(fields, kind) for kind in ROWS},
        "beside": beside,
        "wrong": rest,
    }
