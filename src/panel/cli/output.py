"""Writes to the terminal: stdout is data, stderr is narration, foreign text is made harmless."""

from __future__ import annotations

import csv
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, TextIO, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from panel.cli.streams import Printed, is_a_file, to_stdout
from panel.errors import UsageError
from panel.stats import DEMO, PanelResult, Tally
from panel.text import HIDDEN, harmless
from panel.workspace.plain_files import refuse_link_on_the_way

CELL_SHOWN = 72  # characters of a cell in a table
# The second four as Japanese and Chinese spreadsheets take them.
FORMULA_STARTS = (*"=+-@", *"＝＋－＠", "\t", "\r", "\n")
# A calculation, or a program that is called, behind another separator; no list with hyphens.
_INNER_FORMULA = re.compile(
    r"[;\t\r\n|][ ]{0,9}(?=[=＝@＠](?![=\s])|[+－＋-][A-Za-z0-9!$:'.]{0,99}[|(])"
)


class Terminal(Console):
    """A console whose reader may go away (`| head`): main.py then ends without a word."""

    def on_broken_pipe(self) -> None:
        """Say so, where rich would end the program with exit code 1."""
        raise BrokenPipeError


class Narration(Console):
    """A console whose reader may go away without any harm to the work that is told of."""

    def on_broken_pipe(self) -> None:
        """Go on."""


err = Narration(stderr=True, highlight=False, markup=False, soft_wrap=True)


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class ExportFormat(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class DiffFormat(StrEnum):
    """How a diff is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"


def one_of(forms: type[StrEnum]) -> Callable[[str | None], str | None]:
    """Return a check of a word against an enum.

    Typer's own leaves references behind that make DuckDB's module complain at exit.
    """

    def check(word: str | None) -> str | None:
        if word is not None and word not in set(forms):
            raise typer.BadParameter(f"{word!r} is not one of {', '.join(forms)}.")
        return word

    return check


def out() -> Console:
    """Return a console on stdout; made when asked for, since tests and pipes change stdout."""
    return Terminal(highlight=False, markup=False, soft_wrap=False)


def safe(text: str, style: str = "") -> Text:
    """Make foreign text fit for a terminal: no escape sequences, no direction overrides."""
    return Text(harmless(text), style=style)


def say(text: str) -> None:
    """Print one line of data; never broken, so that it can be cut and searched."""
    out().print(safe(text), soft_wrap=True)


def print_lines(lines: Iterable[Sequence[tuple[str, str]]]) -> None:
    """Print lines of harmless text, none of them broken: each is pieces of it with their styles."""
    console = out()
    if console.is_terminal:
        for line in lines:
            console.print(Text.assemble(*line), soft_wrap=True)
    else:  # at once: rich takes longer to lay out plain text than the checks take to find it
        write_text("".join(f"{''.join(text for text, _ in line)}\n" for line in lines), None)


def note(text: str) -> None:
    """Say one thing on stderr; where it takes nothing (a full disk), the work still goes on."""
    with suppress(OSError):
        err.print(safe(text))


def print_json(value: Any, stream: TextIO | None = None) -> None:
    """Write one JSON document, to stdout unless told otherwise."""
    stream = stream or sys.stdout
    stream.write(json_text(value, ascii_only=not _takes_unicode(stream)))


def json_text(value: Any, ascii_only: bool = False) -> str:
    """Return one JSON document with a line feed at its end."""
    return _json(value, indent=2, ascii_only=ascii_only) + "\n"


def _takes_unicode(stream: TextIO) -> bool:
    """Whether every character can be written; JSON escapes it where not, and loses nothing."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


@contextmanager
def opened_output(output: Path | None) -> Iterator[TextIO]:
    """Open what an output option names, and say so once it is written.

    What is printed is made harmless, unless the shell has put a file in stdout's place: a file
    gets everything as it is. Raises UsageError where the file takes it not, WorkspaceError for a
    link on the way, which may have come with somebody's branch.
    """
    if output is None or to_stdout(output):
        yield sys.stdout if is_a_file(sys.stdout) else cast(TextIO, Printed(sys.stdout))
        return
    refuse_link_on_the_way(output)
    try:
        with output.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from None
    note(f"Wrote {output}.")


def write_text(text: str, output: Path | None) -> None:
    """Write text, to stdout or a file; raises UsageError where the file takes it not."""
    with opened_output(output) as stream:
        stream.write(text)


def _json(value: Any, indent: int | None = None, ascii_only: bool = False) -> str:
    """Return JSON that says the same on a terminal, to a reader of lines and to a parser.

    JSON asks that ASCII's control characters be escaped; here all that is hidden is.
    """
    text = json.dumps(_sayable(value), ensure_ascii=ascii_only, indent=indent, allow_nan=False)
    return HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _sayable(value: Any) -> Any:
    """Return a value in JSON's own types; null for infinity and NaN, which JSON cannot say."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _sayable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else str(value)  # a datetime is a date


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Format) -> None:
    """Print rows as a table, CSV, or a JSON list of objects."""
    if form is Format.JSON:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif form is Format.CSV:
        with opened_output(None) as stream:
            write_csv(stream, columns, rows)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(safe(column), no_wrap=True)
        for row in rows:
            table.add_row(*(safe(_short(cell)) for cell in row))
        print_wide(table)


def print_wide(table: Table) -> None:
    """Print a table as wide as it needs to be: cells over several lines cannot be cut out."""
    wide = Terminal(highlight=False, markup=False, width=max(1, table_width(table)))
    wide.print(table, crop=False, overflow="ignore")


def plain_table(words: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    """Return a table without lines: columns of words, then of numbers, which stand right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in words:
        table.add_column(safe(head))
    for head in numbers:
        wide = max(map(len, head.split()))
        table.add_column(safe(head), justify="right", min_width=wide)
    return table


def table_width(table: Table) -> int:
    """Return the columns that a table takes when nothing is cut."""
    return Console(width=1_000_000).measure(table).maximum


def _short(cell: Any) -> str:
    """Show a cell on one line: floats to 6 digits, long text cut (CSV and JSON keep it whole)."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    text = " ".join(str(cell).split())
    return text if len(text) <= CELL_SHOWN else text[: CELL_SHOWN - 1] + "…"


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write RFC 4180 CSV that no spreadsheet takes for formulas."""
    to_file = stream is not sys.stdout and not isinstance(stream, Printed)
    writer = csv.writer(stream, lineterminator="\r\n" if to_file else "\n")
    writer.writerow([_cell(column) for column in columns])
    for row in rows:
        writer.writerow([_cell(cell) for cell in row])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict):
        value = json.dumps(_sayable(value), ensure_ascii=False)
    elif isinstance(value, datetime | date):
        value = value.isoformat()
    # Spreadsheets run text that begins like this; the apostrophe makes them show it.
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_STARTS):
        value = "'" + value
    # Set to another separator than the comma, they begin a cell in the middle of a text.
    return _INNER_FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) else value


def write_json_lines(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write one JSON object a line."""
    ascii_only = not _takes_unicode(stream)
    for row in rows:
        fields = dict(zip(columns, row, strict=True))
        stream.write(_json(fields, ascii_only=ascii_only) + "\n")


def percent(value: float | None) -> str:
    """Show a percentage without a false 0 or 100; a dash for none."""
    if value is None:
        return "—"
    if 0 < value < 1:
        return "<1 %"
    if 99 < value < 100:
        return ">99 %"
    return f"{value:.0f} %"


DEMO_FIGURES = (
    "Figures of a demo model (demo): they show how they are made, and say nothing of the tools."
)


def ship_share(votes: Tally | PanelResult) -> str:
    """Show the ship percentage of votes; a demo model's have none."""
    return DEMO if votes.demo else percent(votes.ship_percent)


class _Narrator(logging.Handler):
    """Says on stderr what the store does; how far it is, only to somebody who watches."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING or err.is_terminal:
            note(record.getMessage())


def narrate() -> None:
    """Have the program's own log lines said on stderr."""
    log = logging.getLogger("panel")
    if not any(isinstance(handler, _Narrator) for handler in log.handlers):
        log.addHandler(_Narrator())
        log.setLevel(logging.INFO)
        log.propagate = False
