"""The form of a tool: from its file to fields, and from what was sent to changes in its file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from panel.desk.form_values import alike, dated, line_of, moved
from panel.errors import Problem, WorkspaceError
from panel.results.media import picture_remedy
from panel.site.media import survey
from panel.text import clean, clean_text
from panel.workspace.documents import twice
from panel.workspace.front_matter import edit_body, edit_front_matter
from panel.workspace.tools import Tool, load_catalog

LINES = (
    "name",
    "tagline",
    "category",
    "url",
    "released",
    "tags",
    "logo",
    "image",
    "publish_after",
    "pricing.entry",
    "pricing.verified",
)
ROWS = {
    "pricing.plans": ("name", "price", "includes"),
    "links": ("label", "address"),
    "facts": ("label", "value", "source", "checked"),
}
PICTURES = ("logo", "image")
DATES = ("released", "publish_after", "pricing.verified")
BLANK_ROWS = 2
MOST_ROWS = 60  # of one kind; a file with more is edited by hand
MOST_FIELDS = len(LINES) + sum(len(parts) for parts in ROWS.values()) * (MOST_ROWS + 2) + 20
FieldValues = dict[str, str]


def tool_fields(tool: Tool) -> FieldValues:
    """Return the fields of a tool's form, by their names: rows as ``facts-1-label``."""
    found = {
        "name": tool.name,
        "tagline": tool.tagline,
        "category": tool.category,
        "url": tool.url or "",
        "released": _day(tool.released),
        "tags": ", ".join(tool.tags),
        "logo": tool.logo or "",
        "image": tool.image or "",
        "publish_after": _day(tool.publish_after),
        "hold": "1" if tool.hold else "",
        "pricing.entry": tool.pricing.entry,
        "pricing.verified": _day(tool.pricing.verified),
        "description": tool.description,
    }
    rows: dict[str, list[tuple[str, ...]]] = {
        "pricing.plans": [(each.name, each.price, each.includes) for each in tool.pricing.plans],
        "links": list(tool.links.items()),
        "facts": [
            (label, each.value, each.source or "", _day(each.checked))
            for label, each in tool.facts.items()
        ],
    }
    for kind, parts in ROWS.items():
        for number, row in enumerate(rows[kind], 1):
            found |= {
                f"{kind}-{number}-{part}": said for part, said in zip(parts, row, strict=True)
            }
    return found


def too_long(tool: Tool) -> bool:
    """Whether a tool has more rows than its form can show."""
    many = (tool.pricing.plans, tool.links, tool.facts)
    return any(len(each) > MOST_ROWS for each in many)


def form_rows(fields: Mapping[str, str], kind: str) -> list[int]:
    """Return the numbers of the rows to show of a kind: up to the last, and some blank ones."""
    found = re.compile(rf"{re.escape(kind)}-([1-9]\d{{0,2}})-\w+")
    numbers = [int(match[1]) for name in fields if (match := found.fullmatch(name))]
    filled = [
        number for number in numbers if any(_row(fields, kind, number)) and number <= MOST_ROWS
    ]
    last = max(filled, default=0)
    return list(range(1, last + BLANK_ROWS + 1))


def edited(before: str, tool: Tool, sent: Mapping[str, str], file: Path) -> str:
    """Return the text of a tool's file with what a form says; what it does not change stays.

    before: the text as it is on disk. Raises UsageError and WorkspaceError as edit_front_matter
    does.
    """
    _refuse_twice(sent, file)
    was, now = _values(tool_fields(tool)), _values(sent)
    changes = {
        tuple(name.split(".")): value
        for name, value in now.items()
        if alike(was.get(name)) != alike(value)
    }
    text = edit_front_matter(before, changes, file) if changes else before
    said = clean(clean_text(sent.get("description", ""))).strip()
    if alike(said) != alike(tool.description):
        text = edit_body(text, said, file)
    return text


def checked_tool(text: str, file: Path) -> Tool:
    """Return the tool that a file of this text holds; raises WorkspaceError as ``panel check``.

    It is read in a folder of its own, so the problems name the field, and not the place.
    """
    with tempfile.TemporaryDirectory(prefix="panel-desk-") as folder:
        copy = Path(folder) / file.name
        copy.write_bytes(text.encode())
        try:
            (tool,) = load_catalog(Path(folder))
        except WorkspaceError as error:
            raise moved(error, file) from None
    return tool


def refuse_unfit_pictures(tool: Tool, root: Path, file: Path) -> None:
    """Raise WorkspaceError for pictures of a tool that cannot be shown, as ``panel check``."""
    named = {field: name for field in PICTURES if (name := getattr(tool, field))}
    _files, unfit = survey(root, named.values())
    wrong = [
        Problem(file, None, field, unfit[name], picture_remedy(unfit[name]))
        for field, name in named.items()
        if name in unfit
    ]
    if wrong:
        raise WorkspaceError(wrong)


def _values(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the front matter that a form states; None for what it leaves empty."""
    found: dict[str, Any] = {name: line_of(fields, name) or None for name in LINES}
    found["tags"] = [tag for each in line_of(fields, "tags").split(",") if (tag := each.strip())]
    for name in DATES:
        found[name] = dated(found[name])
    found["hold"] = True if fields.get("hold") == "1" else None
    found["pricing.plans"] = [
        _without_empty(ROWS["pricing.plans"], row) for row in _rows(fields, "pricing.plans")
    ]
    found["links"] = {row[0]: row[1] for row in _rows(fields, "links")}
    found["facts"] = {label: _fact(*rest) for label, *rest in _rows(fields, "facts")}
    return {name: value or None for name, value in found.items()}


def _refuse_twice(fields: Mapping[str, str], file: Path) -> None:
    """Raise WorkspaceError for two links or facts of one name, of which one would be lost."""
    for kind in ("links", "facts"):
        again = twice(row[0] for row in _rows(fields, kind))
        if again is not None:
            name = f"{kind}.{again}"
            raise WorkspaceError.single(file, None, name, "is there twice", "Keep one of them.")


def _fact(value: str, source: str, checked: str) -> Any:
    parts = _without_empty(("value", "source", "checked"), (value, source, dated(checked)))
    return value if list(parts) == ["value"] else parts


def _without_empty(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {name: said for name, said in zip(names, row, strict=True) if said}


def _rows(fields: Mapping[str, str], kind: str) -> Iterator[tuple[str, ...]]:
    for number in range(1, MOST_ROWS + BLANK_ROWS + 1):
        row = _row(fields, kind, number)
        if any(row):
            yield row


def _row(fields: Mapping[str, str], kind: str, number: int) -> tuple[str, ...]:
    return tuple(line_of(fields, f"{kind}-{number}-{part}") for part in ROWS[kind])


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
