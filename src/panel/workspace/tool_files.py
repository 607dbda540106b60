"""Writes tools as Markdown files, each whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from panel.errors import UsageError
from panel.text import composed
from panel.workspace.documents import FENCE
from panel.workspace.plain_files import refuse_astray, write_fresh
from panel.workspace.tools import find_tools, slugify
from panel.workspace.yaml_text import entry

FIRST = ("name", "tagline", "category", "url", "pricing")  # the rest as the model has it
_EXAMPLES = {  # what `panel new` shows of each field that has to be there
    "tagline": ("one line on what it is", "Formats code on save"),
    "category": ("in words of your own", "Developer Tools"),
    "pricing": ("the cheapest way in, as the vendor writes it", {"entry": "$20 a month"}),
}
_MORE: dict[str, Any] = {  # and of those that may be left out
    "url": "https://example.com",
    "tags": ["editor", "offline"],
    "released": date(2026, 1, 31),
}


def tool_text(fields: Mapping[str, Any]) -> str:
    """Return the Markdown file of a tool: its fields as front matter, its description below."""
    order = [*(name for name in FIRST if name in fields), *fields]
    lines = [
        line
        for name in dict.fromkeys(order)
        if name not in ("slug", "description")  # a file is called by its slug
        for line in entry(name, fields[name], 0)
    ]
    body = str(fields.get("description", "")).strip("\n")
    return "\n".join([FENCE, *lines, FENCE, body, ""])


def example_text(name: str, given: Mapping[str, Any]) -> str:
    """Return the file of a new tool: what is given, and a commented example of what is not."""
    lines = entry("name", name, 0)
    for field, (what, example) in _EXAMPLES.items():
        if field in given:
            lines += entry(field, given[field], 0)
        else:
            lines += [f"# Needed: {what}.", *(f"# {line}" for line in entry(field, example, 0))]
    optional = [field for field in _MORE if field not in given]
    lines += [line for field in _MORE if field in given for line in entry(field, given[field], 0)]
    if optional:
        lines.append("# If you like:")
        lines += [f"# {line}" for field in optional for line in entry(field, _MORE[field], 0)]
    lines.append("# Needed, below the next line: the description that the reviewers read.")
    return "\n".join([FENCE, *lines, FENCE, ""])


def new_tool(root: Path, name: str, given: Mapping[str, Any]) -> Path:
    """Write the file of a new tool, relative to the current folder where it can be; return it.

    Raises UsageError where there is such a tool or file already, or the name is none.
    """
    name = composed(" ".join(name.split()))
    if not name:
        raise UsageError("a tool needs a name: panel new 'Its name'.")
    slug = slugify(name)
    file = root / "tools" / f"{slug}.md"
    row = find_tools(root / "tools", [slug]).get(slug) if file.parent.is_dir() else None
    if row is not None or file.exists() or file.is_symlink():
        there = row.file if row else file
        raise UsageError(f"{there} has a tool {slug!r} already. Nothing was written.")
    try:
        content = example_text(name, given).encode()
    except ValueError as error:
        raise UsageError(f"{error}. Write it without.") from None
    write_tools(root, {file: (None, content)})
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def write_tools(root: Path, texts: Mapping[Path, tuple[bytes | None, bytes]]) -> None:
    """Write files of the tools folder: from each, what it held when it was read, and will hold.

    All are written beside their places first and then put there one after the other, so that a
    full disk changes nothing and a kill leaves whole files only. None stands for no file.

    Raises WorkspaceError where the folder is a link to something else, UsageError where a file has
    changed meanwhile or the disk takes none.
    """
    folder = root / "tools"
    refuse_astray(root, folder)
    fresh: dict[Path, Path] = {}
    try:
        folder.mkdir(exist_ok=True)
        for left in folder.glob(".*.md.new"):  # of an import that was killed
            left.unlink(missing_ok=True)
        for file, (before, content) in texts.items():
            place = file.resolve()
            there = place.read_bytes() if place.exists() else None
            if there != before:
                raise UsageError(f"{file} has changed meanwhile. Nothing was written; try again.")
            part = place.with_name(f".{place.name}.new")
            fresh[part] = place
            write_fresh(part, content)
            if before is not None:
                shutil.copymode(place, part)
        for part, place in fresh.items():
            part.replace(place)
    except OSError as error:
        named = error.filename or folder
        raise UsageError(f"{named} cannot be written: {error.strerror}.") from None
    finally:
        for part in fresh:
            part.unlink(missing_ok=True)
