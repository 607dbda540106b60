"""Reads the cells of foreign tables as dates, lists and yes or no; one problem for a column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from panel.text import counted, normal, one_line
from panel.workspace.columns import Kind, plain
from panel.workspace.mistakes import shown
from panel.workspace.nested_columns import MOST_ENTRIES
from panel.workspace.validation import LONGEST_TEXT

# What people write for "nothing" in a column that may be empty.
NOTHING = frozenset(("-", "–", "—", "n/a", "n.a.", "k.a.", "k. a.", "?", "tbd", "なし"))
_YES = frozenset(
    ("yes", "y", "true", "1", "x", "ja", "j", "wahr", "oui", "o", "vrai", "si", "s", "はい")
)
_NO = frozenset(["no", "n", "false", "0", "nein", "falsch", "non", "faux", "falso", "いいえ"])
_TIME = r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?[AP]M)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-./年](\d{{1,2}})[-./月](\d{{1,2}})日?{_TIME}", re.I)
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_NUMBERS = re.compile(rf"(\d{{1,2}})([-./])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}", re.I)
_DAY_WORD = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|er|º|\.)? (?:de |of )?([^\W\d]{3,12})\.?,?(?: del?)? (\d{4})", re.I
)
_WORD_DAY = re.compile(r"([^\W\d]{3,12})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.I)
_MONTHS = {  # by how the names of months begin, in English, German, French, Spanish and Italian
    **dict.fromkeys(("jan", "gen", "ene"), 1),
    **dict.fromkeys(("feb", "fev"), 2),
    **dict.fromkeys(("mar", "mrz"), 3),
    **dict.fromkeys(("apr", "avr", "abr"), 4),
    **dict.fromkeys(("may", "mai", "mag"), 5),
    **dict.fromkeys(("jun", "juin", "giu"), 6),
    **dict.fromkeys(("jul", "juil", "lug"), 7),
    **dict.fromkeys(("aug", "aou", "ago"), 8),
    **dict.fromkeys(("sep", "set"), 9),
    **dict.fromkeys(("oct", "okt", "ott"), 10),
    "nov": 11,
    **dict.fromkeys(("dec", "dez", "dic"), 12),
}


_LONGEST_WORD = 100  # characters of a date, or of yes or no


class DateOrder(StrEnum):
    """Which of 3/4/2026 is the day."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


OTHER = {DateOrder.DAY_FIRST: DateOrder.MONTH_FIRST, DateOrder.MONTH_FIRST: DateOrder.DAY_FIRST}


class CellError(ValueError):
    """A cell is not what its column holds. remedy: what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Numbers:
    """A date of numbers alone, of which day and month are not told apart."""

    first: int
    second: int
    year: int
    dotted: bool

    def order(self) -> DateOrder | None:
        """Return which comes first where only one of them can be the day."""
        if self.first > 12:
            return DateOrder.DAY_FIRST
        return DateOrder.MONTH_FIRST if self.second > 12 else None

    def day(self, order: DateOrder) -> date:
        """Return the date; raises ValueError where there is no such day."""
        if order is DateOrder.DAY_FIRST:
            return date(self.year, self.second, self.first)
        return date(self.year, self.first, self.second)


def numbers_of(cell: Any) -> Numbers | None:
    """Return a cell that is a date of numbers with the year last; None for any other."""
    found = _NUMBERS.fullmatch(_dated(cell)) if isinstance(cell, str) else None
    if found is None or (found[2] == "-" and len(found[4]) == 2):  # 26-11-24 begins with a year
        return None
    year = int(found[4])
    if len(found[4]) == 2:
        year += 2000 if year < 70 else 1900
    return Numbers(int(found[1]), int(found[3]), year, found[2] == ".")


def _dated(text: str) -> str:
    if len(text) > _LONGEST_WORD:
        return text
    text = " ".join(normal("NFKC", text).split())
    return re.sub(r"(?<=\d) ?([./年月-]) ?(?=\d)", r"\1", text)


@dataclass(frozen=True, slots=True)
class Orders:
    """The order of days and months in each column.

    unclear: columns where it has to be told, each with what is wrong and how to mend it. notes:
    what was assumed, a sentence each.
    """

    by_column: dict[str, DateOrder]
    unclear: dict[str, tuple[str, str]]
    notes: list[str]


def orders_of(columns: Mapping[str, Iterable[Any]], told: DateOrder | None) -> Orders:
    """Return which comes first in the dates of each column: as told, or as its cells show.

    A column whose cells show nothing is read as the others are; where they show nothing either,
    dates with dots are read day first, as they are wherever they are written.
    """
    if told is not None:
        return Orders(dict.fromkeys(columns, told), {}, [])
    read = {
        column: {str(cell): found for cell in cells if (found := numbers_of(cell))}
        for column, cells in columns.items()
    }
    seen = {column: {n.order() for n in each.values()} - {None} for column, each in read.items()}
    anywhere = {order for orders in seen.values() for order in orders if order}
    by_column, notes = dict[str, DateOrder](), list[str]()
    unclear: dict[str, tuple[str, str]] = {}
    for column, each in read.items():
        open_ones = {c: n for c, n in each.items() if n.order() is None and n.first != n.second}
        known = seen[column] or anywhere
        if len(known) == 1:
            by_column[column] = next(order for order in known if order)
        elif not known and all(found.dotted for found in open_ones.values()):
            by_column[column] = DateOrder.DAY_FIRST
        elif len(seen[column]) > 1:
            one, other = (next(c for c, n in each.items() if n.order() is o) for o in DateOrder)
            message = f"holds dates of both orders, {one} and {other}"
            unclear[column] = message, "Write them alike, best as 2026-01-31."
        elif open_ones:
            message = f"{next(iter(open_ones))} could be read day first or month first"
            unclear[column] = message, "Say --dates day-first or --dates month-first."
        assumed = by_column.get(column)
        backed = bool(anywhere) and all(found.dotted for found in open_ones.values())
        if assumed and open_ones and not seen[column] and not backed:
            cell, found = next(iter(open_ones.items()))
            notes += _told_once(column, cell, found, assumed)
    return Orders(by_column, unclear, notes)


def _told_once(column: str, cell: str, found: Numbers, order: DateOrder) -> Iterator[str]:
    try:
        day = found.day(order)
    except ValueError:
        return
    yield (
        f"{column!r}: {cell} is read {order.replace('-', ' ')}, as {day}. If that is wrong: "
        f"--dates {OTHER[order]}."
    )


def read_cell(cell: Any, kind: Kind, order: DateOrder | None) -> Any:
    """Return a cell as a field of a kind holds it. order: of dates of numbers alone.

    Raises CellError.
    """
    if isinstance(cell, str) and len(cell) > LONGEST_TEXT:
        message = f"has {counted(len(cell), 'character')}; the limit is {LONGEST_TEXT:,}"
        raise CellError(message, "Shorten it.")
    match kind:
        case Kind.DATE | Kind.MOMENT:
            return _date(cell, kind, order)
        case Kind.LIST:
            return _list(cell) if isinstance(cell, str) else cell
        case Kind.FLAG:
            return _flag(cell)
        case Kind.ROWS:
            return cell
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell).lower() if isinstance(cell, bool) else cell


def _list(cell: str) -> list[str]:
    parts = re.split(";" if ";" in cell else r"[,、\n|]", cell)
    if len(parts) > MOST_ENTRIES:
        raise CellError(f"has more than {MOST_ENTRIES:,} entries", "Shorten it.")
    return [part.strip().lstrip("#") for part in parts if part.strip()]


def _flag(cell: Any) -> bool:
    word = plain(str(cell)[: _LONGEST_WORD + 1])
    if word not in _YES | _NO:
        raise CellError(f"must be yes or no, not {shown(cell)}", "Write yes or no.")
    return word in _YES


def _date(cell: Any, kind: Kind, order: DateOrder | None) -> Any:
    if isinstance(cell, datetime):
        return cell if kind is Kind.MOMENT else cell.date()
    if isinstance(cell, date):
        return cell
    text = _dated(str(cell))
    if kind is Kind.MOMENT and ":" in text and _YEAR_FIRST.fullmatch(text):
        return text
    try:
        if found := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if numbers := numbers_of(text):
            return numbers.day(order or numbers.order() or DateOrder.DAY_FIRST)
        if found := _DAY_WORD.fullmatch(text):
            return date(int(found[3]), _month(found[2]), int(found[1]))
        if found := _WORD_DAY.fullmatch(text):
            return date(int(found[3]), _month(found[1]), int(found[2]))
    except ValueError:
        remedy = "Write it as 2026-01-31"
        if order is not None and numbers_of(text) is not None:
            remedy += f", or say --dates {OTHER[order]}"
        message = f"{shown(one_line(text[:_LONGEST_WORD]))} is no day of the calendar"
        raise CellError(message, f"{remedy}.") from None
    raise CellError(
        f"must be a date, not {shown(one_line(text[:_LONGEST_WORD]))}", "Write it as 2026-01-31."
    )


def _month(word: str) -> int:
    letters = plain(word).replace(" ", "")
    month = _MONTHS.get(letters[:4]) or _MONTHS.get(letters[:3])
    if month is None:
        raise ValueError("no month")
    return month
