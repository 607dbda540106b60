"""The editors' own words: Markdown files of ``editorial/``, beside what the reviewers say.

``front.md`` is for the front page, ``tools/<slug>.md`` for a tool, ``pairs/<slug>--<slug>.md`` for
a comparison, ``digest/<day>.md`` for the digest that begins on that day. Each has front matter,
all of it optional, above Markdown.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from panel.errors import Problem, WorkspaceError
from panel.text import composed
from panel.workspace.documents import read_front_matter
from panel.workspace.fields import Flag, Line, Strict, Text
from panel.workspace.validation import did_you_mean, validate

FOLDER = "editorial"
FRONT = "front"
TOOLS, PAIRS, DIGEST = KINDS = "tools", "pairs", "digest"
LONGEST = 100_000  # characters of a text
BETWEEN = "--"  # the slugs of a pair; no slug holds it


class Correction(Strict):
    """What was wrong on a page, and the day on which that was put right."""

    date: datetime.date
    note: Line


class Editorial(Strict):
    """What an editor says of a page in their own name.

    headline, standfirst: above the page's own. pick: "our pick", and why, in Markdown. lead: the
    slug of the tool that leads the front page or the digest. by: who says so. text: Markdown,
    untrusted as every text is.
    """

    headline: Line | None = None
    standfirst: Line | None = None
    pick: Flag = False
    why: Text = ""
    lead: Line | None = None
    by: Line | None = None
    date: datetime.date | None = None
    corrections: tuple[Correction, ...] = ()
    text: Annotated[Text, Field(max_length=LONGEST)] = ""


@dataclass(frozen=True, slots=True)
class EditorialFiles:
    """Every file of ``editorial/`` that there is, by what it is about."""

    front: Editorial | None = None
    tools: Mapping[str, Editorial] = field(default_factory=dict)
    pairs: Mapping[frozenset[str], Editorial] = field(default_factory=dict)
    digests: Mapping[str, Editorial] = field(default_factory=dict)


def editorial_file(root: Path, kind: str, *of: str) -> Path:
    """Return the file for a tool (one slug), a pair (two), a digest (its first day), the front."""
    if kind == FRONT:
        return root / FOLDER / f"{FRONT}.md"
    return root / FOLDER / kind / f"{BETWEEN.join(sorted(of))}.md"


def load_editorial(folder: Path, slugs: Collection[str]) -> EditorialFiles:
    """Read every file of ``editorial/``; raises WorkspaceError with the problems of all of them.

    slugs: of the tools there are. A folder that is not there holds nothing.
    """
    problems: list[Problem] = []
    fronts: dict[str, Editorial] = {}
    found: dict[str, dict[str, Editorial]] = {TOOLS: {}, PAIRS: {}, DIGEST: {}}
    for file in _files(folder):
        kind = FRONT if file.parent == folder else file.parent.name
        try:
            said, about = _read(file), composed(file.stem)
            name = _checked(file, kind, about, said, slugs)
            if name in found.get(kind, fronts):
                _misplaced(file, "There is one for these two tools already. Keep one.")
            found.get(kind, fronts)[name] = said
        except WorkspaceError as error:
            problems += error.problems
    if problems:
        raise WorkspaceError(problems)
    pairs = {frozenset(name.split(BETWEEN)): said for name, said in found[PAIRS].items()}
    return EditorialFiles(fronts.get(FRONT), found[TOOLS], pairs, found[DIGEST])


def _checked(file: Path, kind: str, about: str, said: Editorial, slugs: Collection[str]) -> str:
    """Return the name of what a file is about; raises WorkspaceError where nothing has it."""
    if kind == FRONT:
        if about != FRONT:
            folders = f"{TOOLS}/, {PAIRS}/ or {DIGEST}/"
            _misplaced(file, f"Call it {FRONT}.md, or move it to {folders}.")
        _known(file, [said.lead] if said.lead else [], slugs)
    elif kind == TOOLS:
        _known(file, [about], slugs)
    elif kind == PAIRS:
        of = sorted(set(about.split(BETWEEN)))
        if len(of) != 2:
            _misplaced(file, f"Name it after two tools: <slug>{BETWEEN}<slug>.md.")
        _known(file, of, slugs)
        return BETWEEN.join(of)
    elif not _is_day(about):
        _misplaced(file, "Name it after the first day of the digest: 2026-11-20.md.")
    else:
        _known(file, [said.lead] if said.lead else [], slugs)
    return about


def _files(folder: Path) -> Iterator[Path]:
    for place in (folder, *(folder / kind for kind in KINDS)):
        if place.is_dir():
            yield from sorted(place.glob("[!.]*.md"))


def _read(file: Path) -> Editorial:
    document = read_front_matter(file)
    return validate(Editorial, document.with_body("text"), file, document.lines)


def _is_day(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _misplaced(file: Path, remedy: str) -> None:
    raise WorkspaceError.single(file, None, "", "is about nothing that has a page", remedy)


def _known(file: Path, named: Collection[str], slugs: Collection[str]) -> None:
    for slug in named:
        if slug not in slugs:
            raise WorkspaceError.single(
                file, None, "", f"there is no tool {slug!r}", did_you_mean(slug, slugs)
            )
