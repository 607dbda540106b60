"""Loads the catalog: the tools under review, from ``tools/*.md`` and tables beside them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from panel.errors import Problem, WorkspaceError
from panel.hashing import text_hash
from panel.text import composed, counted, letters, normal
from panel.workspace.documents import Document, front_matter_of, read_front_matter
from panel.workspace.fields import Address, Flag, Line, Recorded, Strict, Text
from panel.workspace.media import MediaName
from panel.workspace.plain_files import decode_text
from panel.workspace.tables import TABLE_ENDINGS, Row, read_table
from panel.workspace.validation import LONGEST_TEXT, by_column, refuse_long, validate
from panel.workspace.watch import Marks

DESCRIPTION_LIMIT = LONGEST_TEXT
MOST_PROBLEMS = 10_000  # of one table, before those that its rows share are put together
SLUG_CHARACTERS = 80
SLUG_BYTES = 200  # file systems take 255; an ending is added to it
_LOOKED_AT = 300  # characters of a name, of which a slug keeps 80
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")


def slugify(name: str) -> str:
    """Return a safe file name for any text: letters and digits of any script, and hyphens.

    At most 80 characters and 200 bytes. A name that had to be cut, or that has no letter or
    digit at all, gets a hash of the whole name.
    """
    seen = name
    if len(name) > SLUG_CHARACTERS:  # each may be composed of eighteen
        seen = normal("NFKC", name[:_LOOKED_AT])[:_LOOKED_AT]
    slug = letters(seen).replace(" ", "-")
    short = slug[:SLUG_CHARACTERS].encode()[:SLUG_BYTES].decode("utf-8", "ignore").rstrip("-")
    if not short or short != slug or _RESERVED.fullmatch(slug):
        start = short[:70].encode()[: SLUG_BYTES - 9].decode("utf-8", "ignore").rstrip("-")
        short = f"{start}-{text_hash(name)[:8]}".lstrip("-")
    return short


def is_slug(text: str) -> bool:
    """Whether a text can be a tool's slug."""
    return 0 < len(text) <= SLUG_CHARACTERS and slugify(text) == text


def _described(text: str) -> str:
    if not text:
        raise ValueError("is empty. Write what the tool is, what it does and for whom.")
    if len(text) > DESCRIPTION_LIMIT:
        raise ValueError(
            f"has {counted(len(text), 'character')}; the limit is {DESCRIPTION_LIMIT:,}. Shorten "
            "it."
        )
    return text


_SET: set[str] = set()


class _Written(Strict):
    def model_post_init(self, _context: Any) -> None:
        """Forget which fields were written: a set of them for each tool takes a kilobyte."""
        object.__setattr__(self, "__pydantic_fields_set__", _SET)


class PricePlan(_Written):
    """One price plan: its name, its price as the vendor writes it, what it includes."""

    name: Line
    price: Line
    includes: Text = ""


class Pricing(_Written):
    """What the tool costs. entry: the cheapest way in. verified: the day this was checked."""

    entry: Line
    plans: tuple[PricePlan, ...] = ()
    verified: date | None = None


def _stated(value: Any) -> Any:
    """Let a fact be written as its value alone."""
    return {"value": value} if isinstance(value, str | int | float) else value


class Fact(_Written):
    """One fact that a comparison shows beside another tool's. source: where it was read."""

    value: Line
    source: Address | None = None
    checked: date | None = None


class Tool(_Written, Recorded):
    """A tool under review, as its author described it. All text is untrusted.

    facts: what is known of it besides its price, by label: licence, hosting, limits. logo, image:
    files of media/. hold: its page is not published; publish_after: nor before this day.
    """

    slug: Line
    name: Line
    tagline: Line
    category: Line
    description: Annotated[Text, AfterValidator(_described)]
    pricing: Pricing
    url: Address | None = None
    links: dict[Line, Address] = Field(default_factory=dict)
    tags: tuple[Line, ...] = ()
    released: date | None = None
    facts: dict[Line, Annotated[Fact, BeforeValidator(_stated)]] = Field(default_factory=dict)
    logo: MediaName | None = None
    image: MediaName | None = None
    hold: Flag = False
    publish_after: date | None = None

    def held(self, today: date) -> bool:
        """Whether its page is not to be published on this day (UTC)."""
        return self.hold or (self.publish_after is not None and today < self.publish_after)


@dataclass(slots=True)
class KeptTools:
    """The tools of each file as they were read last, for whoever loads a catalog again.

    marks: of the files as they are now; the tools of a file that has its mark still are the
    same objects as before.
    """

    marks: Marks = field(default_factory=dict)
    files: dict[Path, tuple[object, list[_Read]]] = field(default_factory=dict)


_Read = tuple[Tool, Row]


def load_catalog(folder: Path, kept: KeptTools | None = None) -> list[Tool]:
    """Read every tool below ``folder``, sorted by slug; only what has changed if some are kept.

    Raises WorkspaceError with the problems of all files, and of tools that share a slug.
    """
    problems: list[Problem] = []
    tools: dict[str, _Read] = {}
    kept = KeptTools() if kept is None else kept
    before, kept.files = kept.files, {}
    for file in _files(folder, problems):
        mark, read = before.get(file, (None, []))
        if mark is None or mark is not kept.marks.get(str(file)):
            count = len(problems)
            mark, read = kept.marks.get(str(file)), _read(file, problems)
            if len(problems) > count:
                mark = None
        kept.files[file] = mark, read
        for tool, row in read:
            if tool.slug in tools:
                problems.append(_same_slug(tool, row, *tools[tool.slug]))
            tools.setdefault(tool.slug, (tool, row))
    if problems:
        raise WorkspaceError(problems)
    return [tools[slug][0] for slug in sorted(tools)]


def _read(file: Path, problems: list[Problem]) -> list[_Read]:
    """Return the tools of a file; what is wrong in it is added to ``problems``."""
    try:
        rows = list(_rows(file))
    except WorkspaceError as error:
        problems += error.problems
        return []
    read: list[_Read] = []
    of_rows: list[Problem] = []
    for row in rows:
        if len(of_rows) > MOST_PROBLEMS:
            message = f"has more than {MOST_PROBLEMS:,} problems in its first rows"
            problems.append(Problem(file, None, "", message, "Correct these first."))
            break
        try:
            read.append((read_tool(row), row))
        except WorkspaceError as error:
            of_rows += error.problems
    problems += by_column(of_rows, len(rows))
    return read


def load_named(folder: Path, slugs: Collection[str]) -> list[Tool] | None:
    """Read these tools and nothing else, sorted by slug; None where that takes the whole catalog.

    It does where one has no Markdown file of its name, or where there is a problem to be told.
    """
    found: dict[str, Tool] = {}
    for slug in slugs:
        file = folder / f"{slug}.md"
        if slug != slugify(slug) or not file.is_file():
            return None
        try:
            found[slug] = read_tool(_markdown_row(read_front_matter(file)))
        except WorkspaceError:
            return None
        if found[slug].slug != slug:
            return None
    return [found[slug] for slug in sorted(found)] or None


def find_tools(folder: Path, slugs: Collection[str]) -> dict[str, Row]:
    """Return where these tools are written, by slug; one that is not found is left out.

    Files that are called like one of them are read first, and the rest only if need be. Of files
    that cannot be read nothing is said: ``load_catalog`` does.
    """
    found: dict[str, Row] = {}
    files = list(_files(folder, []))
    for file in sorted(files, key=lambda file: slugify(file.stem) not in slugs):
        if len(found) == len(slugs):
            break
        with suppress(WorkspaceError):
            rows = {read_tool(row).slug: row for row in _rows(file)}
            found |= {slug: row for slug, row in rows.items() if slug in slugs}
    return found


def _files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    if not folder.is_dir():
        problems.append(
            Problem(folder, None, "", "is not a folder", "Make it, or run 'panel init'.")
        )
        return
    for file in sorted(folder.iterdir()):
        if file.name.startswith("."):
            continue
        if file.is_dir():
            message = "is a folder, and folders in here are not read"
            problems.append(Problem(file, None, "", message, "Move its files up."))
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


def _same_slug(tool: Tool, row: Row, other: Tool, other_row: Row) -> Problem:
    message = f"{tool.name!r} and {other.name!r} of {other_row.file} share the slug {tool.slug!r}"
    remedy = "Rename one file, or give one a 'slug' of its own in its table."
    return Problem(row.file, row.lines((*row.path, "name")), "name", message, remedy)


def read_tool(row: Row) -> Tool:
    """Return the tool of a row; raises WorkspaceError with all that is wrong with it."""
    prefix = row.path
    fields = dict(row.fields)
    refuse_long(fields, row.file, lambda path: row.lines((*prefix, *path)))
    if fields.get("slug") is None:
        fields["slug"] = slugify(str(fields.get("name", "")))
    elif slugify(str(fields["slug"])) != composed(str(fields["slug"])):
        message = f"{fields['slug']!r} is not a safe file name"
        remedy = f"Use {slugify(str(fields['slug']))!r}."
        raise WorkspaceError.single(row.file, row.lines((*prefix, "slug")), "slug", message, remedy)
    return validate(Tool, fields, row.file, lambda path: row.lines((*prefix, *path)))


def _rows(file: Path) -> Iterable[Row]:
    return [_markdown_row(read_front_matter(file))] if file.suffix == ".md" else read_table(file)


def tool_of(raw: bytes, file: Path) -> Tool:
    """Return the tool that a Markdown file of these bytes says; raises WorkspaceError."""
    return read_tool(_markdown_row(front_matter_of(decode_text(raw, file), file)))


def _markdown_row(document: Document) -> Row:
    fields = {"slug": slugify(document.file.stem), **document.with_body("description")}
    return Row(fields, document.file, (), document.lines)
