"""Finds which column of a foreign table holds which field: by name or likeness, or not at all."""

from __future__ import annotations

import re
import shlex
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from rapidfuzz import fuzz

from panel.errors import UsageError
from panel.text import composed, letters, normal
from panel.workspace.headings import SYNONYMS
from panel.workspace.validation import did_you_mean, nearest

SURE = 85  # of 100, as rapidfuzz counts: "catagory", but not "pricing plans" for "pricing"
APART = 6  # by which the likest field must be liker than the next
_SHORTEST, _LONGEST = 5, 60  # letters of a heading that may differ by a slip
_LONGEST_HEADING = 200  # characters, with what stands in brackets


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    DATE = "date"
    MOMENT = "moment"  # a date, or a date with its time
    LIST = "list"
    FLAG = "flag"
    ROWS = "rows"  # a list of mappings, which no cell of a sheet can hold
    GROUP = "group"  # any names below it: links.Docs


@dataclass(frozen=True, slots=True)
class Target:
    """A field of the model by its dotted name. needed: whether a tool must have it."""

    name: str
    kind: Kind
    needed: bool


def targets_of(model: type[BaseModel], above: str = "", needed: bool = True) -> dict[str, Target]:
    """Return the fields of a model that a column can hold, by their dotted names."""
    found: dict[str, Target] = {}
    for name, each in model.model_fields.items():
        dotted, must = f"{above}{name}", needed and each.is_required()
        options = [*_options(each.annotation)]
        inner = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if inner is not None:
            found |= targets_of(inner, f"{dotted}.", must)
        else:
            found[dotted] = Target(dotted, _kind(options), must)
    return found


def _options(annotation: Any) -> Iterable[Any]:
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _options(argument)
    else:
        yield annotation


def _kind(options: Sequence[Any]) -> Kind:
    for option in options:
        if get_origin(option) is dict:
            return Kind.GROUP
        if get_origin(option) in (tuple, list):
            inner = next(iter(_options(get_args(option)[0])))
            is_rows = isinstance(inner, type) and issubclass(inner, BaseModel)
            return Kind.ROWS if is_rows else Kind.LIST
    if datetime in options:
        return Kind.MOMENT
    if date in options:
        return Kind.DATE
    return Kind.FLAG if bool in options else Kind.TEXT


@dataclass(frozen=True, slots=True)
class Found:
    """Which column each field is taken from, and what was not sure.

    columns: by field, as the model has them; unsure: field → columns that look equally like it.
    """

    columns: dict[str, str]
    unsure: dict[str, list[str]]


def find_columns(
    targets: Mapping[str, Target], columns: Sequence[str], told: Mapping[str, str]
) -> Found:
    """Return the column of each field. told: what the caller says, by field; "" for no column.

    Raises UsageError for a field or column in ``told`` that does not exist.
    """
    chosen = {field: _column(column, columns) for field, column in _told(targets, columns, told)}
    free = [column for column in columns if column not in chosen.values()]
    claims: dict[str, list[str]] = {}
    for column in free:
        field = _exact(targets, column)
        if field is not None and field not in chosen:
            claims.setdefault(field, []).append(column)
    for column in free:
        if not any(column in claimed for claimed in claims.values()):
            field = _alike(targets, column)
            if field is not None and field not in chosen and field not in claims:
                claims.setdefault(field, []).append(column)
    unsure: dict[str, list[str]] = {}
    for field, claimed in claims.items():
        named = [column for column in claimed if column == field]
        if named or len(claimed) == 1:
            chosen[field] = (named or claimed)[0]
        else:
            unsure[field] = claimed
    order = {name: at for at, name in enumerate(targets)}
    kept = sorted(chosen, key=lambda field: order.get(field.split(".")[0], order.get(field, 99)))
    return Found({field: chosen[field] for field in kept if chosen[field]}, unsure)


def _told(
    targets: Mapping[str, Target], columns: Sequence[str], told: Mapping[str, str]
) -> list[tuple[str, str]]:
    pairs = []
    for field, column in told.items():
        name = _target(targets, composed(field))
        if name is None:
            if _target(targets, column) is not None and _matching(field, columns) is not None:
                turned = shlex.quote(f"{column}={field}")
                raise UsageError(f"--map takes the field first: --map {turned}, not the other way.")
            groups = [f"{each.name}.NAME" for each in targets.values() if each.kind is Kind.GROUP]
            plain = [each.name for each in targets.values() if each.kind is not Kind.GROUP]
            close = nearest(field, plain)
            hint = f"Did you mean {close!r}?" if close else f"Fields: {', '.join(plain + groups)}."
            raise UsageError(f"--map: there is no field {field!r}. {hint}")
        pairs.append((name, column))
    return pairs


def _column(word: str, columns: Sequence[str]) -> str:
    if not word:
        return ""
    found = _matching(word, columns)
    if found is None:
        raise UsageError(f"--map: there is no column {word!r}. {did_you_mean(word, columns)}")
    return found


def _matching(word: str, columns: Sequence[str]) -> str | None:
    """Return the column of this name, else the only one that has it in other capitals."""
    word = composed(word.strip())
    if word in columns:
        return word
    alike = [column for column in columns if plain(column) == plain(word)]
    return alike[0] if len(alike) == 1 else None


def _target(targets: Mapping[str, Target], name: str) -> str | None:
    """Return the field of a dotted name; a group takes any name below it."""
    if name in targets and targets[name].kind is not Kind.GROUP:
        return name
    group, _, rest = name.partition(".")
    if rest and group in targets and targets[group].kind is Kind.GROUP:
        return name
    return None


def _exact(targets: Mapping[str, Target], column: str) -> str | None:
    """Return the field that a heading names: by the field's own name, or a word for it."""
    if name := _target(targets, column) or _target(targets, column.casefold()):
        return name
    by_word = _by_word(_plain_names(targets))
    return next((by_word[form] for form in _forms(column) if form in by_word), None)


def _alike(targets: Mapping[str, Target], column: str) -> str | None:
    """Return the field whose words a heading is surely like, but for a slip; else None."""
    best: dict[str, float] = {}
    words = _by_word(_plain_names(targets))
    for form in _forms(column):
        if not _SHORTEST <= len(form) <= _LONGEST:
            continue
        for word, field in words.items():
            if len(word) >= _SHORTEST:
                likeness = max(fuzz.ratio(form, word), fuzz.token_sort_ratio(form, word))
                best[field] = max(best.get(field, 0), likeness)
    first, second = (*sorted(best, key=lambda field: -best[field]), "", "")[:2]
    if not first or best[first] < SURE or best[first] - best.get(second, 0) < APART:
        return None
    return first


def _plain_names(targets: Mapping[str, Target]) -> tuple[str, ...]:
    """Return the fields that a cell can hold, and what of a group has words of its own."""
    held = [each.name for each in targets.values() if each.kind not in (Kind.GROUP, Kind.ROWS)]
    grouped = (name for name in SYNONYMS if name not in held and _target(targets, name) == name)
    return (*held, *grouped)


@cache
def _by_word(fields: tuple[str, ...]) -> dict[str, str]:
    """Return the fields by every word for them."""
    words = {
        plain(word): field
        for field in fields
        for word in re.split(r"[,\n]", SYNONYMS.get(field, ""))
        if word.strip()
    }
    return words | {plain(field): field for field in fields}


def plain(heading: str) -> str:
    """Return a heading in small letters without accents and signs: "Geprüft am:" → "gepruft am"."""
    folded = normal("NFKD", heading).casefold()
    return letters("".join(each for each in folded if not 0x300 <= ord(each) < 0x370))


def _forms(column: str) -> list[str]:
    """Return how a heading may be meant: whole, and without what stands in brackets."""
    if len(column) > _LONGEST_HEADING:  # prose, or letters that stand for eighteen each
        return []
    bare = re.sub(r"[(\[（][^()\[\]（）]*[)\]）]|\*", " ", column)
    return list(dict.fromkeys(form for form in (plain(column), plain(bare)) if form))
