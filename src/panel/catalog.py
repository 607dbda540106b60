"""The catalog: tools under review, read from ``tools/*.md`` and tables beside them."""

from __future__ import annotations

import csv
import glob
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from panel.documents import (
    FieldPath,
    Lines,
    no_lines,
    parse_yaml,
    read_front_matter,
    read_text,
    validate,
    yaml_lines,
)
from panel.errors import Problem, WorkspaceError
from panel.hashing import content_hash, text_hash

DESCRIPTION_LIMIT = 100_000
SLUG_CHARACTERS = 80
SLUG_BYTES = 200  # file systems take 255; an ending is added to it
TABLE_ENDINGS = (".yaml", ".yml", ".json", ".jsonl", ".csv", ".parquet")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")


def slugify(name: str) -> str:
    """Return a safe file name for any text: letters and digits of any script, and hyphens.

    At most 80 characters and 200 bytes; what is cut off, or holds no letter or
    digit at all, is told apart by a hash of the whole name.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    words = "".join(
        character if character.isalnum() or unicodedata.category(character)[0] == "M" else " "
        for character in folded
    )
    slug = unicodedata.normalize("NFC", "-".join(words.split()))
    short = slug[:SLUG_CHARACTERS].encode()[:SLUG_BYTES].decode("utf-8", "ignore").rstrip("-")
    if not short or short != slug or _RESERVED.fullmatch(slug):
        start = short[:70].encode()[: SLUG_BYTES - 9].decode("utf-8", "ignore").rstrip("-")
        short = f"{start}-{text_hash(name)[:8]}".lstrip("-")
    return short


def _clean(text: str) -> str:
    for position, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            kind = "NUL" if character == "\0" else "a lone surrogate"
            raise ValueError(
                f"holds {kind} (U+{ord(character):04X}) at character {position + 1}. "
                "Remove that character."
            )
    return text.strip()


def _quick_clean(text: str) -> str:
    # One encode finds what is almost never there; the slow walk then names the place.
    if "\0" in text:
        return _clean(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _clean(text)
    return text.strip()


def _http_address(text: str) -> str:
    if not re.match(r"https?://[^\s/]", text):
        raise ValueError(f"{text!r} is not a web address. Begin it with https:// or http://.")
    return text


def _described(text: str) -> str:
    if not text:
        raise ValueError("is empty. Write what the tool is, what it does and for whom.")
    if len(text) > DESCRIPTION_LIMIT:
        raise ValueError(
            f"has {len(text):,} characters; the limit is {DESCRIPTION_LIMIT:,}. Shorten it."
        )
    return text


def _plain_number(value: Any) -> Any:
    """Let `name: 7` and `version: 2.0` be text: YAML typed them, the author did not."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_plain_number), AfterValidator(_quick_clean)]
Line = Annotated[Text, Field(min_length=1, max_length=500)]
Address = Annotated[Text, AfterValidator(_http_address)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plan(_Strict):
    """One price plan: its name, its price as the vendor writes it, what it includes."""

    name: Line
    price: Line
    includes: Text = ""


class Pricing(_Strict):
    """What the tool costs: ``entry`` is the lowest way in; ``verified`` the day it was checked."""

    entry: Line
    plans: tuple[Plan, ...] = ()
    verified: date | None = None


class Tool(_Strict):
    """A tool under review, as its author described it. All text is untrusted."""

    slug: Line
    name: Line
    tagline: Line
    category: Line
    description: Annotated[Text, AfterValidator(_described)]
    pricing: Pricing
    url: Address | None = None
    links: dict[Line, Address] = {}
    tags: tuple[Line, ...] = ()
    released: date | None = None

    def record(self) -> dict[str, Any]:
        """Return the tool as plain JSON types."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """Return the content hash of everything written about the tool."""
        return content_hash(self.record())


@dataclass(frozen=True, slots=True)
class _Row:
    fields: dict[str, Any]
    file: Path
    path: FieldPath
    lines: Lines


def load_catalog(folder: Path) -> list[Tool]:
    """Read every tool below ``folder``, sorted by slug.

    Raises WorkspaceError with the problems of all files, two tools that share
    one slug included.
    """
    problems: list[Problem] = []
    tools: dict[str, tuple[Tool, _Row]] = {}
    for file in _files(folder, problems):
        try:
            rows = list(_rows(file))
        except WorkspaceError as error:
            problems += error.problems
            continue
        for row in rows:
            try:
                tool = _tool(row)
            except WorkspaceError as error:
                problems += error.problems
                continue
            if tool.slug in tools:
                problems.append(_same_slug(tool, row, *tools[tool.slug]))
            tools.setdefault(tool.slug, (tool, row))
    if problems:
        raise WorkspaceError(problems)
    return [tools[slug][0] for slug in sorted(tools)]


def _files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    if not folder.is_dir():
        problems.append(
            Problem(folder, None, "", "is not a folder", "Make it, or run 'panel init'.")
        )
        return
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.is_dir():
            continue
        if file.suffix == ".md" or file.suffix in TABLE_ENDINGS:
            yield file
        else:
            problems.append(
                Problem(
                    file,
                    None,
                    "",
                    f"the ending {file.suffix!r} is not read",
                    "Use .md " + " ".join(TABLE_ENDINGS) + ", or move the file elsewhere.",
                )
            )


def _same_slug(tool: Tool, row: _Row, other: Tool, other_row: _Row) -> Problem:
    return Problem(
        row.file,
        row.lines((*row.path, "name")),
        "name",
        f"{tool.name!r} and {other.name!r} of {other_row.file} share the slug {tool.slug!r}",
        "Rename one file, or give one a 'slug' of its own in its table.",
    )


def _tool(row: _Row) -> Tool:
    prefix = row.path
    fields = dict(row.fields)
    if fields.get("slug") is None:
        fields["slug"] = slugify(str(fields.get("name", "")))
    elif slugify(str(fields["slug"])) != str(fields["slug"]):
        raise WorkspaceError(
            [
                Problem(
                    row.file,
                    row.lines((*prefix, "slug")),
                    "slug",
                    f"{fields['slug']!r} is not a safe file name",
                    f"Use {slugify(str(fields['slug']))!r}.",
                )
            ]
        )
    return validate(Tool, fields, row.file, lambda path: row.lines((*prefix, *path)))


def _rows(file: Path) -> Iterable[_Row]:
    match file.suffix:
        case ".md":
            return [_markdown_row(file)]
        case ".yaml" | ".yml":
            source = read_text(file)
            return _listed(parse_yaml(source, file), file, yaml_lines(source))
        case ".json":
            return _listed(_json(read_text(file), file, 1), file, no_lines)
        case ".jsonl":
            return _json_lines(file)
        case ".csv":
            return _csv_rows(file)
        case _:
            return _parquet_rows(file)


def _markdown_row(file: Path) -> _Row:
    document = read_front_matter(file)
    if "description" in document.fields:
        raise WorkspaceError(
            [
                Problem(
                    file,
                    document.lines(("description",)),
                    "description",
                    "stands in the front matter",
                    "Write it below the closing '---'.",
                )
            ]
        )
    fields = {"slug": slugify(file.stem), **document.fields, "description": document.body}
    return _Row(fields, file, (), document.lines)


def _listed(value: Any, file: Path, lines: Lines) -> list[_Row]:
    start: FieldPath = ()
    if isinstance(value, dict) and set(value) == {"tools"}:
        value, start = value["tools"], ("tools",)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise WorkspaceError(
            [Problem(file, 1, "", "is not a list of tools", "Write a list of mappings.")]
        )
    return [_Row(row, file, (*start, index), lines) for index, row in enumerate(value)]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return mapping


def _json(source: str, file: Path, line: int) -> Any:
    try:
        # Numbers stay as written: 1.10 is a version, not 1.1.
        return json.loads(source, parse_int=str, parse_float=str, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        place: int | None = line
        if isinstance(error, json.JSONDecodeError):
            place = line + error.lineno - 1
        elif "\n" in source:
            place = None
        raise WorkspaceError(
            [Problem(file, place, "", f"is not valid JSON: {error}", "Correct it.")]
        ) from None


def _json_lines(file: Path) -> list[_Row]:
    rows = []
    for number, source in enumerate(read_text(file).split("\n"), 1):
        if source.strip():
            fields = _json(source, file, number)
            if not isinstance(fields, dict):
                raise WorkspaceError(
                    [Problem(file, number, "", "is not a JSON object", "Write one tool a line.")]
                )
            rows.append(_Row(fields, file, (), _at(number)))
    return rows


def _csv_rows(file: Path) -> list[_Row]:
    reader = csv.DictReader(io.StringIO(read_text(file)), strict=True)
    rows = []
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        for name in names:
            if names.count(name) > 1:
                raise csv.Error(f"the column {name!r} stands twice")
        for fields in reader:
            if None in fields:
                raise csv.Error("more cells than the header has columns")
            line = reader.line_num - sum(cell.count("\n") for cell in fields.values() if cell)
            rows.append(_Row(_nested(fields), file, (), _at(line)))
    except (csv.Error, ValueError) as error:
        # DictReader counts the rows it gave; one that broke begins on the next line.
        broke = reader.reader.line_num > reader.line_num
        raise WorkspaceError(
            [
                Problem(
                    file,
                    reader.line_num + broke,
                    "",
                    f"is not valid CSV: {error}",
                    "Quote cells that hold commas, quotes or line breaks; name each column once.",
                )
            ]
        ) from None
    return rows


def _parquet_rows(file: Path) -> list[_Row]:
    # The one reader of Parquet at hand is the store's engine; heavy, so only for such a file.
    import duckdb  # noqa: PLC0415

    try:
        with duckdb.connect() as connection:
            cursor = connection.execute("SELECT * FROM read_parquet(?)", [glob.escape(str(file))])
            names = [column[0] for column in cursor.description or []]
            found = [
                _nested(dict(zip(names, _without_nulls(row), strict=True)))
                for row in cursor.fetchall()
            ]
    except (duckdb.Error, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise WorkspaceError(
            [Problem(file, None, "", f"cannot be read as Parquet: {reason}", "Write it again.")]
        ) from None
    return [_Row(fields, file, (), _at(number)) for number, fields in enumerate(found, 1)]


def _without_nulls(value: Any) -> Any:
    """Drop the fields of structs that are NULL: every struct of a column has all of them."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(inner) for inner in value]
    return value


def _at(line: int) -> Lines:
    return lambda _path: line


def _nested(cells: dict[str, Any]) -> dict[str, Any]:
    """Turn columns such as ``pricing.entry`` into mappings and ``tags`` (a; b) into a list."""
    fields: dict[str, Any] = {}
    for column, cell in cells.items():
        if cell is None or cell == "":
            continue
        target, parts = fields, column.strip().split(".")
        for part in parts[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise ValueError(  # noqa: TRY004 - the author's columns, not a caller's type
                    f"the columns {part!r} and {column!r} exclude each other"
                )
        if parts[-1] in target:
            raise ValueError(f"the columns under {column!r} exclude each other")
        target[parts[-1]] = cell
    if isinstance(fields.get("tags"), str):
        fields["tags"] = [tag.strip() for tag in fields["tags"].split(";") if tag.strip()]
    return fields
