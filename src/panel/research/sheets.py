"""Sheets that people filled in: read as spreadsheets leave them, and kept as labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from panel.cells.journal import JournalWriter, journal_line, new_run_id, utc_now
from panel.errors import Problem, WorkspaceError
from panel.stats import ShipOrSkip
from panel.store.ingest import ingest, opened
from panel.store.labels import DrawnItem, drawn_items
from panel.text import clean_text, counted
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.plain_files import read_text
from panel.workspace.scaffold import make_runs

LOCK = ".labelling"  # in runs/
NOTE_LIMIT = 2_000  # characters
NEEDED = ("item", "label")
WORDS: dict[str, ShipOrSkip] = {"ship": "ship", "skip": "skip"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: labels written, those that were there before, rows without a label.

    run_id: the folder of runs/ with the new ones; None where none was new.
    """

    new: int
    same: int
    blank: int
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """One row that a person filled in."""

    item: str
    label: ShipOrSkip
    note: str | None


def import_sheet(workspace: WorkspaceFiles, file: Path, labeller: str) -> Imported:
    """Keep the labels of a sheet, all or none; a label that is there already is not kept again.

    Raises WorkspaceError with every row that is odd, JournalError, StoreError.
    """
    make_runs(workspace.runs)
    with FileLock(workspace.runs / LOCK, fallback_to_soft=False):
        with opened(workspace.runs) as connection:
            known = {each.item: each for each in drawn_items(connection)}
        said, blank = read_sheet(file, known)
        fresh = [each for each in said if not _stands(each, known[each.item], labeller)]
        if not fresh:
            return Imported(0, len(said), blank, None)
        writer, now = JournalWriter(workspace.runs, new_run_id()), utc_now()
        lines = [
            journal_line(
                "label",
                {
                    "item": each.item,
                    "labeller": labeller,
                    "label": each.label,
                    "note": each.note,
                    "labelled_at": now,
                },
            )
            for each in fresh
        ]
        with writer:
            writer.append(b"".join(lines))
        ingest(workspace.runs)
    return Imported(len(fresh), len(said) - len(fresh), blank, writer.run_id)


def _stands(said: Said, item: DrawnItem, labeller: str) -> bool:
    return (item.labels.get(labeller), item.notes.get(labeller)) == (said.label, said.note)


def read_sheet(file: Path, known: dict[str, DrawnItem]) -> tuple[list[Said], int]:
    """Return the labels of a sheet, and how many of its rows have none yet.

    Commas, semicolons or tabs part the columns, in any order; others than item, label and note
    are not read. Raises WorkspaceError with the line of every row that is odd.
    """
    problems: list[Problem] = []
    said: dict[str, Said] = {}
    seen: dict[str, int] = {}
    blank = 0
    for line, row in _rows(file):
        item, word = row.get("item", "").strip(), row.get("label", "").strip()
        note = clean_text(row.get("note", "")).strip() or None
        if not any(cell.strip() for cell in row.values()):
            continue
        if found := _problem(item, word, note, known, seen):
            problems.append(Problem(file, line, *found))
            continue
        seen[item] = line
        if word:
            said[item] = Said(item, WORDS[word.casefold()], note)
        else:
            blank += 1
    if problems:
        raise WorkspaceError(problems)
    if not seen:
        message, remedy = "holds no row", "Fill in what 'panel labels draw' wrote."
        raise WorkspaceError.single(file, 1, "", message, remedy)
    return list(said.values()), blank


def _problem(
    item: str, word: str, note: str | None, known: dict[str, DrawnItem], seen: dict[str, int]
) -> tuple[str, str, str] | None:
    """Return field, message and remedy of what is wrong with a row; None where nothing is."""
    if item not in known:
        message = f"{item!r} is no item of a draw in this workspace"
        return "item", message, "Leave the column as 'panel labels draw' wrote it."
    if item in seen:
        return "item", f"{item!r} stands in line {seen[item]} already", "Keep one of the rows."
    if word and word.casefold() not in WORDS:
        return "label", f"{word!r} is no label", "Write ship or skip, or leave it empty."
    if note and len(note) > NOTE_LIMIT:
        message = f"has {counted(len(note), 'character')}, more than {NOTE_LIMIT:,}"
        return "note", message, "Shorten it."
    return None


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line on which each row begins, and its cells by column."""
    text = read_text(file).replace("\r", "\n")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line, names = 1, list[str]()
    try:
        for cells in reader:
            if not names:
                names = [cell.strip().casefold() for cell in cells]
                if missing := [name for name in NEEDED if names.count(name) != 1]:
                    told = f"has no one column {missing[0]!r} in its first line"
                    remedy = "Keep the first line as 'panel labels draw' wrote it."
                    raise WorkspaceError.single(file, 1, "", told, remedy)
            elif len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                told = f"has {counted(len(cells), 'cell')} where the first line has {len(names)}"
                raise WorkspaceError.single(
                    file, line, "", told, "Quote cells that hold commas or semicolons."
                )
            else:
                yield line, dict(zip(names, cells, strict=False))
            line = reader.line_num + 1
    except csv.Error as error:
        remedy = "Save it as CSV again, with quotes around text."
        raise WorkspaceError.single(file, line, "", f"is not CSV: {error}", remedy) from None
    if not names:
        raise WorkspaceError.single(file, 1, "", "is empty", "Save the sheet as CSV.")
