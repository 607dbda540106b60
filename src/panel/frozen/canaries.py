"""``verdicts/_canaries/<run-id>.json``: what the canaries answered when they were asked again.

A file for each run that asked canaries. It holds what came back and nothing that it is compared
with, and only an acceptance changes it, so git merges the files of two branches without a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict, model_validator

from panel.cells.answers import Moment, OneLine
from panel.cells.cells import ModelIdentity
from panel.errors import UsageError, WorkspaceError
from panel.frozen.files import encode_frozen, parse_document, read_each
from panel.frozen.verdicts import Strict
from panel.frozen.writing import write_changed
from panel.hashing import content_hash
from panel.stats import ShipOrSkip
from panel.store.canaries import CanaryAnswer, canary_answers
from panel.store.connection import Connection
from panel.text import utc
from panel.workspace.plain_files import refuse_link, refuse_odd

CANARIES = "_canaries"  # a slug has no underscore, so no tool can be called so
CLOCKS_DIFFER = timedelta(days=1)  # of the machines that ask and read, at most


class CanaryCheck(Strict):
    """The canaries of one run, asked again.

    accepted: whether their answers are the record that later ones are compared with.
    returned_models, system_fingerprints: what the server called its model and configuration.
    canaries: the votes, by tool, persona and fingerprint of the cell.
    """

    model_config = ConfigDict(strict=True)

    format: Literal[1] = 1
    run_id: OneLine
    model_identity: OneLine
    asked_at: Moment
    accepted: bool = False
    returned_models: tuple[str, ...] = ()
    system_fingerprints: tuple[str, ...] = ()
    canaries: dict[OneLine, dict[OneLine, dict[OneLine, ShipOrSkip]]]

    @model_validator(mode="after")
    def _voted(self) -> Self:
        if not all(votes for tool in self.canaries.values() for votes in (tool, *tool.values())):
            raise ValueError("a canary has votes of some persona. Leave out what has none.")
        return self


class _OnFile(CanaryCheck):
    """A check as its file holds it. digest: the hash of all the rest."""

    digest: OneLine


CanaryChecks = dict[str, CanaryCheck]  # by run id


def read_canaries(folder: Path) -> CanaryChecks:
    """Read every check of a ``verdicts`` folder; empty where canaries were never asked.

    Raises WorkspaceError with the problems of all files, or for a folder that is elsewhere.
    """
    refuse_link(folder / CANARIES)
    refuse_odd(folder / CANARIES)
    return read_each(sorted((folder / CANARIES).glob("*.json")), parse_canaries)


def parse_canaries(text: str, file: Path) -> CanaryCheck:
    """Read one file.

    Raises WorkspaceError as parse_document does, for a name that is not the run's, for one of a
    time that has not come, and for one that was changed by hand: a vote that is turned would say
    that the model has not moved.
    """
    found = parse_document(_OnFile, text, file)
    check = CanaryCheck.model_validate(found.model_dump(exclude={"digest"}))
    if check.run_id != file.stem:
        message = f"is of the run {check.run_id!r}, which its name does not say"
        raise WorkspaceError.single(file, None, "run_id", message, "Rename the file.")
    asked_at = utc(datetime.fromisoformat(check.asked_at.rstrip("Z")))
    if asked_at > datetime.now(UTC) + CLOCKS_DIFFER:
        message = f"{check.asked_at} has not come yet"
        remedy = "Remove the file, and ask the canaries again: 'panel canary'."
        raise WorkspaceError.single(file, None, "asked_at", message, remedy)
    if found != _on_file(check):
        remedy = "Take it from git as it was, or ask the canaries again: 'panel canary'."
        raise WorkspaceError.single(file, None, "digest", "was changed by hand", remedy)
    return check


def _on_file(check: CanaryCheck) -> _OnFile:
    values = check.model_dump()
    return _OnFile(**values, digest=content_hash(values))


def write_check(folder: Path, check: CanaryCheck) -> list[str]:
    """Write a check into a ``verdicts`` folder; returns its name there, if it was not so yet.

    Raises UsageError where the folder takes no file.
    """
    refuse_link(folder / CANARIES)
    written = write_changed(
        folder / CANARIES, {f"{check.run_id}.json": encode_frozen(_on_file(check))}
    )
    return [f"{CANARIES}/{name}" for name in written]


def write_latest(folder: Path, connection: Connection, model: ModelIdentity) -> list[str]:
    """Write the latest check of the store where it is not on file; returns as write_check does."""
    on_file = read_canaries(folder)
    check = latest(stored_canaries(connection, model).values())
    if check is None or check.run_id in on_file:
        return []
    return write_check(folder, check)


def accept_latest(
    folder: Path, connection: Connection, model: ModelIdentity
) -> tuple[CanaryCheck, list[str]]:
    """Make a model's latest check, on file or in the store, the record of those to come.

    Returns it, and what was written as write_check does. Raises UsageError where there is none.
    """
    on_file = {
        run_id: check
        for run_id, check in read_canaries(folder).items()
        if check.model_identity == str(model)
    }
    check = latest({**stored_canaries(connection, model), **on_file}.values())
    if check is None:
        raise UsageError(
            f"no canaries of {model} were asked again, so there is nothing to accept. Ask them: "
            "'panel canary'."
        )
    accepted = check.model_copy(update={"accepted": True})
    return accepted, write_check(folder, accepted)


def stored_canaries(connection: Connection, model: ModelIdentity | str) -> CanaryChecks:
    """Return the checks that the store holds of a model, oldest first."""
    by_run: dict[str, list[CanaryAnswer]] = {}
    for answer in canary_answers(connection, model):
        by_run.setdefault(answer.run_id, []).append(answer)
    return {run_id: _check(run_id, str(model), answers) for run_id, answers in by_run.items()}


def _check(run_id: str, model: str, answers: list[CanaryAnswer]) -> CanaryCheck:
    votes: dict[str, dict[str, dict[str, ShipOrSkip]]] = {}
    for each in answers:
        votes.setdefault(each.tool, {}).setdefault(each.persona, {})[each.fingerprint] = (
            each.verdict
        )
    return CanaryCheck(
        run_id=run_id,
        model_identity=model,
        asked_at=max(each.asked_at for each in answers),
        returned_models=_names(each.returned_model for each in answers),
        system_fingerprints=_names(each.system_fingerprint for each in answers),
        canaries=votes,
    )


def _names(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def in_order(checks: Iterable[CanaryCheck]) -> list[CanaryCheck]:
    """Return the checks in the order in which they were asked."""
    return sorted(checks, key=lambda check: (check.asked_at, check.run_id))


def latest(checks: Iterable[CanaryCheck]) -> CanaryCheck | None:
    """Return the check that was asked last; None of none."""
    return next(reversed(in_order(checks)), None)
