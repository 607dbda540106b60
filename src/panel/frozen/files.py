"""Frozen verdicts: ``verdicts/<slug>.json``, kept in git beside the tools they are about.

What a lock file is to a manifest. A file holds, for each persona, the published verdict and
take, and every answer they rest on with the fingerprint of what the model saw. It is written
in one order and one form, and nothing in it changes unless an answer does: one change, one
small diff.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from panel.cells.answers import Answer, Confidence, Moment, OneLine, Repeat
from panel.decisions import Action, State
from panel.errors import Problem, UsageError, WorkspaceError
from panel.stats import ShipOrSkip
from panel.text import clean_text
from panel.workspace.documents import no_lines, read_text, refuse_merge
from panel.workspace.validation import validate

FOLDER = "verdicts"
CANARIES = "_canaries.json"  # a slug has no underscore, so no tool can be called so

Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FrozenDecision(_Strict):
    """An editor's decision on a take, as panel.decisions has it."""

    decision_id: OneLine
    action: Action
    editor: OneLine
    decided_at: Moment
    follows: OneLine | None = None
    undoes: OneLine | None = None
    note: str | None = None
    text: str | None = None
    verdict: ShipOrSkip | None = None
    confidence: Confidence | None = None
    evidence: tuple[str, ...] = ()
    fingerprint: OneLine | None = None
    attempt_id: OneLine | None = None
    model_identity: OneLine | None = None
    repeat: Repeat | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        on_words = self.action in ("approve", "reject", "edit")
        named = (self.text, self.verdict, self.fingerprint, self.attempt_id, self.model_identity)
        if on_words and (None in named or self.repeat is None):
            raise ValueError("a decision on words holds them, their verdict and their answer.")
        if self.action == "ask_again" and self.note is None:
            raise ValueError("asking again holds a note.")
        if (self.action == "undo") != (self.undoes is not None):
            raise ValueError("an undo, and nothing else, names what it undoes.")
        return self


class FrozenVerdict(_Strict):
    """What is published of one persona on one tool, and what it rests on.

    verdict, take: None and "" where nobody has ever voted. ships, n: votes among
    ``answers``. contested: the answers do not settle the verdict. state: of the take, which
    is an editor's wording once approved or edited. decisions: all of them, oldest first.
    fingerprint: of the answer whose take it is. kept: that answer, where it is to an
    earlier wording, and the answers to the present one are too few to overturn it.
    """

    verdict: ShipOrSkip | None
    confidence: int | None
    ships: int
    n: int
    contested: bool
    state: State
    take: str
    fingerprint: str | None
    answers: tuple[Answer, ...]
    kept: Answer | None = None
    decisions: tuple[FrozenDecision, ...] = ()

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if any(answer.outcome == "error" for answer in self.every_answer()):
            raise ValueError("an error is no answer: outcome is verdict or abstain.")
        return self

    @property
    def against(self) -> int:
        """How many of the votes are for another verdict than is published."""
        return self.n - self.ships if self.verdict == "ship" else self.ships

    def every_answer(self) -> tuple[Answer, ...]:
        """Return the answers on file, with that to an earlier wording."""
        return (*self.answers, self.kept) if self.kept is not None else self.answers


class FrozenTool(_Strict):
    """One file of ``verdicts/``: a tool's frozen verdicts by persona id.

    described: hash of the description, by which a tool is known under another name. formerly:
    slugs that it had before, oldest first.
    """

    format: Literal[2] = 2
    tool: OneLine
    formerly: tuple[OneLine, ...] = ()
    described: OneLine | None = None
    personas: dict[str, FrozenVerdict]


class CanaryCount(_Strict):
    """One canary tool: votes on record, and votes when it was asked again."""

    tool: OneLine
    ships: int
    n: int
    ships_again: int
    n_again: int


class CanaryCheck(_Strict):
    """``_canaries.json``: what became of the canaries the last time they were asked again."""

    format: Literal[1] = 1
    model_identity: OneLine
    asked_at: str
    canaries: tuple[CanaryCount, ...]


Frozen = dict[str, FrozenTool]


def encode_frozen(value: BaseModel) -> str:
    """Return the one text of a file: two spaces deep, fields in order, a line feed at the end."""
    fields = value.model_dump(mode="json")
    return json.dumps(_without_nothing(fields), ensure_ascii=False, indent=2) + "\n"


def _without_nothing(value: Any) -> Any:
    """Leave out what says nothing: an answer without a reason has no line for it."""
    if isinstance(value, dict):
        return {
            name: _without_nothing(item)
            for name, item in value.items()
            if not (name in _OPTIONAL and item in (None, []))
        }
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


_OPTIONAL = {
    *("decisions", "guidance_digest", "kept", "reason", "returned_model", "system_fingerprint"),
    *("follows", "undoes", "note", "attempt_id", "formerly", "described"),
}


RESOLVE = (
    "Take either side ('git checkout --ours' or '--theirs' and the file), then run 'panel freeze'."
)


def parse_frozen(text: str, file: Path) -> FrozenTool:
    """Read one file; raises WorkspaceError, for the marks of a merge with what to do."""
    frozen = _parse(FrozenTool, text, file)
    if frozen.tool != file.stem:
        message = f"is about {frozen.tool!r}, which its name does not say"
        raise WorkspaceError([Problem(file, None, "tool", message, "Run 'panel freeze'.")])
    return frozen


def _parse(model: type[Model], text: str, file: Path) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError:
        pass
    refuse_merge(text, file, RESOLVE)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        remedy = "Take it from git again, then run 'panel freeze'."
        raise WorkspaceError([Problem(file, line, "", "is not valid JSON", remedy)]) from None
    if not isinstance(fields, dict):
        raise WorkspaceError([Problem(file, 1, "", "is not an object", "Take it from git again.")])
    validate(model, fields, file, no_lines)
    # What JSON's escapes can say and UTF-8 cannot: half a surrogate pair.
    field = next(_no_unicode(fields), "")
    remedy = "Take it from git again, then run 'panel freeze'."
    raise WorkspaceError([Problem(file, None, field, "holds text that is no Unicode", remedy)])


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

    Raises WorkspaceError with the problems of all files.
    """
    found: Frozen = {}
    problems: list[Problem] = []
    for file in frozen_files(folder):
        try:
            found[file.stem] = parse_frozen(read_text(file, RESOLVE), file)
        except WorkspaceError as error:
            problems += error.problems
    if problems:
        raise WorkspaceError(problems)
    return found


def frozen_files(folder: Path) -> list[Path]:
    """Return the files of tools in a ``verdicts`` folder, sorted by slug."""
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.glob("*.json") if file.name != CANARIES)


def read_canaries(folder: Path) -> CanaryCheck | None:
    """Read what became of the canaries; None where none were ever asked."""
    file = folder / CANARIES
    return _parse(CanaryCheck, read_text(file, RESOLVE), file) if file.is_file() else None


def write_changed(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Write the files (name → text) whose content is not there yet; returns their names.

    Each is put in place whole. Raises UsageError where the folder takes no file.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            file = folder / name
            if file.is_file() and file.read_bytes() == text.encode():
                continue
            fresh = folder / f".{name}.new"
            fresh.write_bytes(text.encode())
            fresh.replace(file)
            written.append(name)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror}."
        ) from None
    return written


def answers_of(frozen: Iterable[FrozenTool]) -> Iterable[tuple[str, str, Answer]]:
    """Yield (tool, persona, answer) for every answer on file, those kept included."""
    for tool in frozen:
        for persona, verdict in tool.personas.items():
            for answer in verdict.every_answer():
                yield tool.tool, persona, answer


def decisions_of(frozen: Iterable[FrozenTool]) -> Iterator[tuple[str, str, FrozenDecision]]:
    """Yield (tool, persona, decision) for every editor's decision on file."""
    for tool in frozen:
        for persona, verdict in tool.personas.items():
            for decision in verdict.decisions:
                yield tool.tool, persona, decision
