"""Personas: the reviewers of a panel, one Markdown file each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from panel.errors import Problem, WorkspaceError
from panel.workspace.documents import read_front_matter
from panel.workspace.fields import Recorded, Strict
from panel.workspace.media import MediaName
from panel.workspace.mistakes import shown
from panel.workspace.validation import did_you_mean, validate

# Some servers write the fields of a schema in alphabetical order. Reasons must come before the
# verdict there too, so the ids of beats must sort before it.
LAST_FIELD = "verdict"
RESERVED = ("evidence", "verdict", "verdict_confidence")


def _beat_id(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text):
        raise ValueError(
            f"{shown(text)} is not a beat id. Use a-z, 0-9 and _, at most 40, a letter first."
        )
    if text in RESERVED:
        raise ValueError(f"{shown(text)} is a field of every verdict. Choose another id.")
    if text > LAST_FIELD:
        raise ValueError(
            f"{shown(text)} sorts after 'verdict', and servers that sort fields would ask for the "
            "verdict before this reason. Choose an id that sorts before 'verdict'."
        )
    return text


Filled = Annotated[str, Field(min_length=1, max_length=4000)]
Optional = Annotated[str, Field(max_length=4000)]


class _Stripped(Strict):
    model_config = ConfigDict(str_strip_whitespace=True)


class Beat(_Stripped):
    """One required move of a take. id: its field in the verdict. ask: what to write there."""

    id: Annotated[str, AfterValidator(_beat_id)]
    label: Filled
    ask: Filled


class Persona(_Stripped, Recorded):
    """A reviewer: what it writes about (beats), when it ships and skips, how it speaks (voice).

    weighs: what its verdict rests on; leaves: what it leaves to the other reviewers. Both may be
    empty. avoid: phrases that its takes must not hold. portrait: a file of media/.
    """

    id: str
    name: Filled
    motto: Filled
    order: int
    beats: Annotated[tuple[Beat, ...], Field(min_length=1, max_length=12)]
    weighs: Optional = ""
    leaves: Optional = ""
    ship_bar: Filled
    skip_bar: Filled
    avoid: tuple[Filled, ...] = ()
    voice: Filled
    portrait: MediaName | None = None


def load_personas(folder: Path) -> list[Persona]:
    """Read ``personas/*.md``, sorted by ``order`` then id.

    Raises WorkspaceError with the problems of all files.
    """
    problems: list[Problem] = []
    personas: list[Persona] = []
    if not folder.is_dir():
        raise WorkspaceError.single(
            folder, None, "", "is not a folder", "Make it, or run 'panel init'."
        )
    for file in sorted(folder.glob("*.md")):
        try:
            personas.append(_persona(file))
        except WorkspaceError as error:
            problems += error.problems
    if not personas and not problems:
        problems.append(
            Problem(folder, None, "", "holds no persona", "Add one .md file per persona.")
        )
    if problems:
        raise WorkspaceError(problems)
    return sorted(personas, key=lambda persona: (persona.order, persona.id))


def is_persona_id(text: str) -> bool:
    """Whether a text can be a persona's id, and so the name of its file and its page."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", text) is not None


def _persona(file: Path) -> Persona:
    if not is_persona_id(file.stem):
        message = f"the file name {file.stem!r} is not a persona id"
        remedy = "Use a-z, 0-9 and hyphens, at most 40 characters."
        raise WorkspaceError.single(file, None, "", message, remedy)
    document = read_front_matter(file)
    fields = {**document.fields, "voice": document.body}
    if "id" in document.fields:
        raise WorkspaceError.single(
            file, document.lines(("id",)), "id", "is the file's name", "Remove it."
        )
    persona = validate(Persona, {"id": file.stem, **fields}, file, document.lines)
    seen: set[str] = set()
    for index, beat in enumerate(persona.beats):
        if beat.id in seen:
            line = document.lines(("beats", index, "id"))
            raise WorkspaceError.single(
                file, line, "beats", f"{beat.id!r} appears twice", "Rename one."
            )
        seen.add(beat.id)
    return persona


def choose_personas(personas: list[Persona], ids: list[str] | tuple[str, ...]) -> list[Persona]:
    """Return the personas with these ids in this order; all when ``ids`` is empty.

    Raises ValueError with the nearest valid id for an unknown one.
    """
    if not ids:
        return personas
    known = {persona.id: persona for persona in personas}
    for wanted in ids:
        if wanted not in known:
            raise ValueError(f"there is no persona {wanted!r}. {did_you_mean(wanted, known)}")
    return [known[wanted] for wanted in dict.fromkeys(ids)]
