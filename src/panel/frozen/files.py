"""Frozen verdicts: ``verdicts/<slug>.json``, kept in git beside the tools they are about.

What a lock file is to a manifest. A file holds, for each persona, the published verdict and
take, and every answer they rest on with the fingerprint of what the model saw. It is written
in one order and one form, and nothing in it changes unless an answer does: one change, one
small diff.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from panel.cells.answers import OneLine
from panel.cells.decided import RecordedDecision
from panel.errors import Problem, WorkspaceError
from panel.frozen.verdicts import FrozenAnswer, FrozenVerdict, Strict
from panel.hashing import content_hash
from panel.text import clean_text, composed
from panel.workspace.documents import Lines, json_lines, parse_yaml, twice
from panel.workspace.mistakes import shown
from panel.workspace.personas import is_persona_id
from panel.workspace.plain_files import decode_text, read_text, refuse_odd
from panel.workspace.tools import is_slug
from panel.workspace.validation import validate

FOLDER = "verdicts"
MOST_OBJECTS = 100_000  # of one file; each that is wrong has a kilobyte of errors

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")


def _slug(text: str) -> str:
    if not is_slug(text):
        raise ValueError(f"{shown(text)} is no slug of a tool. Correct it.")
    return text


def _persona_id(text: str) -> str:
    if not is_persona_id(text):
        raise ValueError(f"{shown(text)} is no persona's id. Correct it.")
    return text


# Names become names of files: of verdicts that are removed, and of pages.
Slug = Annotated[OneLine, AfterValidator(_slug)]
PersonaId = Annotated[OneLine, AfterValidator(_persona_id)]


class FrozenTool(Strict):
    """One file of ``verdicts/``: a tool's frozen verdicts by persona id.

    described: hash of the description, by which a tool is known under another name. formerly:
    slugs that it had before, oldest first. digest: the hash of these two, given by ``named``.
    """

    format: Literal[3] = 3
    tool: Slug
    formerly: tuple[Slug, ...] = ()
    described: OneLine | None = None
    digest: str = ""
    personas: dict[PersonaId, FrozenVerdict]

    def named(self, tool: str, formerly: tuple[str, ...], described: str | None) -> Self:
        """Return the file under a name, with a digest of what it says besides its verdicts."""
        made = self.model_copy(update={"tool": tool, "formerly": formerly, "described": described})
        return made.model_copy(update={"digest": made.content_digest()})

    def content_digest(self) -> str:
        """Return the hash of the names and the description; verdicts have digests of their own."""
        return content_hash([*self.formerly, self.described])

    @property
    def names_intact(self) -> bool:
        """Whether the names, or that there are none, are as ``panel freeze`` wrote them."""
        return self.digest == self.content_digest()

    @property
    def known_as(self) -> tuple[str, ...]:
        """The slugs that it had before; none where they were changed by hand."""
        return self.formerly if self.names_intact else ()

    @property
    def known_by(self) -> str | None:
        """The hash of the description, likewise."""
        return self.described if self.names_intact else None


Frozen = dict[str, FrozenTool]


def encode_frozen(value: BaseModel) -> str:
    """Return the one text of a file: two spaces deep, fields in order, a line feed at the end."""
    plain = value.model_dump(mode="json")
    return json.dumps(_without_nothing(plain), ensure_ascii=False, indent=2) + "\n"


def _without_nothing(value: Any) -> Any:
    """Leave out what says nothing: an answer without a reason has no line for it."""
    if isinstance(value, dict):
        return {
            name: _without_nothing(item)
            for name, item in value.items()
            if not (name in _OPTIONAL and item in (None, [], {}))
        }
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


_OPTIONAL = {
    *("decisions", "guidance_digest", "kept", "reason", "returned_model", "system_fingerprint"),
    *("follows", "undoes", "question", "note", "attempt_id", "formerly", "described"),
    *("receipts", "profile"),
}


def read_document(file: Path, content: bytes | None = None) -> str:
    """Return the text of a file; raises WorkspaceError, for a merge's marks with what to do.

    content: its bytes, where they come from elsewhere (a git revision).
    """
    remedy = (
        "Take either side ('git checkout --ours' or '--theirs' and the file), then run "
        "'panel freeze'."
    )
    return read_text(file, remedy) if content is None else decode_text(content, file, remedy)


def parse_frozen(text: str, file: Path) -> FrozenTool:
    """Read the text of one file; raises WorkspaceError."""
    frozen = parse_document(FrozenTool, text, file)
    if frozen.tool != composed(file.stem):
        message = f"is about {frozen.tool!r}, which its name does not say"
        raise WorkspaceError([Problem(file, None, "tool", message, "Run 'panel freeze'.")])
    return frozen


def parse_document(model: type[Model], text: str, file: Path) -> Model:
    """Read the JSON of one file; raises WorkspaceError, also for a key that is there twice.

    Every problem names its line, where the text has one for it.
    """
    if text.count("{") > MOST_OBJECTS:
        message = f"holds more than {MOST_OBJECTS:,} objects"
        raise WorkspaceError.single(file, None, "", message, "Take it from git again.")
    try:
        made = model.model_validate_json(text)
    except ValidationError:
        pass
    else:
        _refuse_repeats(text, file)
        return made
    remedy = "Take it from git again, then run 'panel freeze'."
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise WorkspaceError([Problem(file, line, "", "is not valid JSON", remedy)]) from None
    if not isinstance(read, dict):
        raise WorkspaceError([Problem(file, 1, "", "is not an object", "Take it from git again.")])
    lines = json_lines(text)
    _refuse_other_format(model, read, file, lines)
    # What JSON's escapes can say and UTF-8 cannot: half a surrogate pair.
    field = next(_no_unicode(read), None)
    if field is not None:
        raise WorkspaceError([Problem(file, None, field, "holds text that is no Unicode", remedy)])
    return validate(model, text, file, lines)


def _refuse_repeats(text: str, file: Path) -> None:
    """Raise WorkspaceError for a key that is there twice.

    JSON takes the last and says nothing; a person, or another program, may read the first.
    """
    found: list[str] = []

    def pairs(each: list[tuple[str, Any]]) -> None:
        if len(dict(each)) < len(each):
            found.append(str(twice(name for name, _value in each)))

    json.loads(text, object_pairs_hook=pairs)
    if found:
        parse_yaml(text, file)  # which knows the line
        raise WorkspaceError.single(file, None, found[0], "appears twice", "Keep one of them.")


def _refuse_other_format(
    model: type[Model], read: dict[str, Any], file: Path, lines: Lines
) -> None:
    """Raise WorkspaceError for a file of another version, before its fields are called wrong."""
    written, ours = read.get("format"), model.model_fields["format"].default
    if not isinstance(written, int) or isinstance(written, bool) or written == ours:
        return
    made = f"is of format {written}; this version of panel reads format {ours}"
    if written > ours:
        message, remedy = f"{made}. It was made by a newer version", "Update panel."
    else:
        message = f"{made}. It was made by an earlier version"
        remedy = "Remove the file and run 'panel freeze': it is made again from the stored answers."
    raise WorkspaceError([Problem(file, lines(("format",)), "format", message, remedy)])


def _no_unicode(value: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of texts that UTF-8 cannot hold."""
    if isinstance(value, str):
        if value != clean_text(value):
            yield path
    elif isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in parts:
            yield from _no_unicode(item, f"{path}.{name}".lstrip("."))


def read_frozen(folder: Path) -> Frozen:
    """Read every file of a ``verdicts`` folder by slug; empty where there is no folder.

    Raises WorkspaceError with the problems of all files, and for a link: git knows what a link is,
    and not what is behind it, so that a comparison would see nothing change.
    """
    refuse_odd(folder)
    return read_each(frozen_files(folder), parse_frozen)


def read_each(files: Iterable[Path], parse: Callable[[str, Path], T]) -> dict[str, T]:
    """Read files by their names without ending; raises WorkspaceError with all problems.

    Two names that differ in nothing but how a letter is encoded are one name.
    """
    found: dict[str, T] = {}
    problems: list[Problem] = []
    for file in files:
        name = composed(file.stem)
        try:
            if name in found:
                what = (f"is a second file of the name {name!r}", "Remove one of the two.")
                raise WorkspaceError.single(file, None, "", *what)
            found[name] = parse(read_document(file), file)
        except WorkspaceError as error:
            problems += error.problems
    if problems:
        raise WorkspaceError(problems)
    return found


def frozen_files(folder: Path) -> list[Path]:
    """Return the files of tools in a ``verdicts`` folder, sorted by slug."""
    if not folder.is_dir():
        return []
    return sorted(folder.glob("*.json"))


def verdict_on(frozen: Frozen, pair: tuple[str, str]) -> FrozenVerdict | None:
    """Return what is on file of a tool × persona; None where nothing is."""
    tool = frozen.get(pair[0])
    return tool.personas.get(pair[1]) if tool else None


def answers_of(frozen: Iterable[FrozenTool]) -> Iterable[tuple[str, str, FrozenAnswer]]:
    """Yield (tool, persona, answer) for every answer on file, those kept included."""
    for tool in frozen:
        for persona, verdict in tool.personas.items():
            for answer in verdict.every_answer():
                yield tool.tool, persona, answer


def decisions_of(frozen: Iterable[FrozenTool]) -> Iterator[tuple[str, str, RecordedDecision]]:
    """Yield (tool, persona, decision) for every editor's decision on file."""
    for tool in frozen:
        for persona, verdict in tool.personas.items():
            for decision in verdict.decisions:
                yield tool.tool, persona, decision
