"""Holds the rows of an imported table against the tools that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from panel.errors import PanelError, Problem, WorkspaceError
from panel.text import composed
from panel.workspace.front_matter import edit_body, edit_front_matter
from panel.workspace.mistakes import shown
from panel.workspace.plain_files import decode_text, read_bytes
from panel.workspace.tables import Row
from panel.workspace.tool_files import tool_text
from panel.workspace.tools import Tool, find_tools, read_tool, slugify, tool_of

IDENTITY = ("name", "slug")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. field: where it goes, "" for nowhere; first: its first value.

    option: what would take a column in that goes nowhere, "" where nothing is known to.
    """

    name: str
    field: str
    first: str
    option: str = ""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """What an import makes of one tool.

    status: new, unchanged or changed; fields: those that change; before, content: of the file, None
    where there is none, or nothing to write.
    """

    slug: str
    file: Path
    status: str
    fields: tuple[str, ...] = ()
    before: bytes | None = None
    content: bytes | None = None


@dataclass(slots=True)
class ImportPlan:
    """All that an import would do. problems: with any of them, nothing is to be written."""

    columns: list[Column]
    notes: list[str]
    files: list[PlannedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """A row with its values by dotted field."""

    line: int | None
    values: dict[str, Any]

    def row(self, file: Path) -> Row:
        """Return it as a row of that table."""
        return Row(nested(self.values), file, (), lambda _path: self.line)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields by dotted names as mappings of mappings; below a group, the rest is a name."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        group, _, rest = name.partition(".")
        if rest:
            fields.setdefault(group, {})[rest] = value
        else:
            fields[group] = value
    return fields


@dataclass(slots=True)
class Importing:
    """Adds to a plan what becomes of the tools of a table. folder: of the tools."""

    folder: Path
    source: Path
    update: bool
    plan: ImportPlan

    def add(self, lines: list[Line], missing: list[Problem]) -> None:
        """Add files and problems of all rows to the plan. missing: fields without a column."""
        if not any(name in line.values for line in lines for name in IDENTITY):
            self.plan.problems += missing
            return
        by_slug = self._by_slug(lines)
        there = find_tools(self.folder, by_slug) if self.folder.is_dir() else {}
        if any(slug not in there for slug in by_slug):
            self.plan.problems += missing
        if self.plan.problems and missing:
            return  # the rest would say the same of each row
        refused: dict[str, tuple[str, ...]] = {}
        for slug, line in by_slug.items():
            try:
                if slug not in there:
                    self.plan.files.append(self._made(slug, line))
                    continue
                planned = self._held(slug, line, there[slug])
            except WorkspaceError as error:
                self.plan.problems += error.problems
                continue
            except PanelError as error:
                self.plan.problems.append(self._problem(line, "", str(error)))
                continue
            if planned.status == "changed" and not self.update:
                refused[slug] = planned.fields
            self.plan.files.append(planned)
        if refused:
            self.plan.problems.append(self._refused(refused))

    def _by_slug(self, lines: list[Line]) -> dict[str, Line]:
        found: dict[str, Line] = {}
        for line in lines:
            if not any(name in line.values for name in IDENTITY):
                problem = Problem(self.source, line.line, "name", "is missing", "Add it.")
                self.plan.problems.append(problem)
                continue
            slug = composed(
                str(line.values.get("slug") or slugify(str(line.values.get("name", ""))))
            )
            if slug in found:
                other = found[slug]
                names = [shown(str(each.values.get("name", slug))) for each in (other, line)]
                where = f" of line {other.line}" if other.line else ""
                message = f"{names[1]} and {names[0]}{where} share the file name {slug!r}"
                remedy = "Rename one, or add a column 'slug' with a file name of its own."
                self.plan.problems.append(Problem(self.source, line.line, "name", message, remedy))
                continue
            found[slug] = line
        return found

    def _problem(self, line: Line, name: str, told: str) -> Problem:
        message, _, remedy = told.partition(". ")
        return Problem(self.source, line.line, name, message.rstrip("."), remedy or "Correct it.")

    def _made(self, slug: str, line: Line) -> PlannedFile:
        tool = read_tool(line.row(self.source))
        file = self.folder / f"{slug}.md"
        if file.exists() or file.is_symlink():
            message = f"{file} is there, and is no tool of this name"
            remedy = "Correct it as 'panel check' says, or rename one of them."
            raise WorkspaceError.single(self.source, line.line, "name", message, remedy)
        content = tool_text(nested(line.values)).encode()
        self._prove(content, file, tool, line)
        return PlannedFile(slug, file, "new", tuple(line.values), None, content)

    def _prove(self, content: bytes, file: Path, tool: Tool, line: Line) -> None:
        """Raise WorkspaceError unless the file will say what the table does."""
        try:
            same = tool_of(content, file) == tool
        except WorkspaceError as error:
            first = error.problems[0]
            raise WorkspaceError.single(
                self.source, line.line, first.field or "description", first.message, first.remedy
            ) from None
        if not same:
            message = "holds text that no Markdown file can hold as it is"
            raise WorkspaceError.single(
                self.source, line.line, "description", message, "Take out control characters."
            )

    def _held(self, slug: str, line: Line, row: Row) -> PlannedFile:
        """Return what becomes of a tool that is there."""
        old = read_tool(row)
        merged = {**row.fields}
        for name, value in nested(line.values).items():
            inner = merged.get(name) if isinstance(value, dict) else None
            merged[name] = {**inner, **value} if isinstance(inner, dict) else value
        new = read_tool(replace(line.row(self.source), fields=merged))
        before, after = _leaves(old), _leaves(new)
        changed = tuple(name for name in line.values if before.get(name) != after.get(name))
        if not changed:
            return PlannedFile(slug, row.file, "unchanged")
        if not self.update:
            return PlannedFile(slug, row.file, "changed", changed)
        if row.file.suffix != ".md":
            message = f"{slug} is a row of {row.file}, which is not changed"
            remedy = f"Change {', '.join(changed)} there, or import without this row."
            raise WorkspaceError.single(self.source, line.line, "name", message, remedy)
        raw = read_bytes(row.file)
        decode_text(raw, row.file)  # refuses what is no text
        text = raw.decode()
        fields = {
            tuple(name.split(".", 1)): line.values[name]
            for name in changed
            if name != "description"
        }
        text = edit_front_matter(text, fields, row.file)
        if "description" in changed:
            text = edit_body(text, str(line.values["description"]), row.file)
        content = text.encode()
        self._prove(content, row.file, new, line)
        return PlannedFile(slug, row.file, "changed", changed, raw, content)

    def _refused(self, refused: Mapping[str, tuple[str, ...]]) -> Problem:
        some = "; ".join(f"{slug} ({', '.join(names)})" for slug, names in [*refused.items()][:5])
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        count = "a tool is" if len(refused) == 1 else f"{len(refused):,} tools are"
        message = f"{count} there already with other content: {some}{more}"
        return Problem(
            self.source, None, "", message, "--update changes these fields, and no others."
        )


def _leaves(tool: Tool) -> dict[str, Any]:
    """Return a tool's fields by their dotted names."""

    def walk(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in record.items():
            if isinstance(value, Mapping):
                yield from ((f"{name}.{inner}", each) for inner, each in value.items())
            else:
                yield name, value

    return dict(walk(tool.record()))
