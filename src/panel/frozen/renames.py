"""Renamed tools and personas: recognised, written down, and followed in ``verdicts/``.

A tool or persona goes on under its new name with its answers and decisions. It is looked for
only if its old name is gone from the workspace, so that nothing is taken from what is there.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from panel.cells.cells import Target
from panel.cells.journal import JournalWriter, new_run_id
from panel.cells.lines import end_line, record_lines, rename_line, run_line
from panel.cells.renames import (
    Kind,
    Rename,
    Trace,
    fingerprints_of,
    recognise,
    resolve_names,
    trace_of,
)
from panel.cells.vote_ids import vote_ids
from panel.endpoint.target import Chosen, resolve_target
from panel.errors import PanelError
from panel.frozen.files import FOLDER, Frozen, FrozenTool, read_frozen
from panel.frozen.reading import read_from_store
from panel.frozen.thaw import thaw, thaw_if_fresh
from panel.store.connection import Connection
from panel.store.ingest import opened
from panel.store.known import known_records
from panel.store.renames import asked_under, known_renames, names_in_store, records_of
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.personas import Persona, load_personas
from panel.workspace.tools import Tool

KINDS: tuple[Kind, ...] = ("persona", "tool")


@contextmanager
def opened_renamed(
    workspace: WorkspaceFiles,
    chosen: Chosen,
    frozen: Frozen | None = None,
    since: Frozen | None = None,
) -> Iterator[Connection]:
    """Open the store for reading, with all that was renamed under its present name.

    frozen: what is to be in the store besides; None for what is there. since: what was on file
    at another revision, likewise. A rename is journaled when it is first seen. Raises as
    ``thaw`` and ``opened``.
    """
    if frozen is not None:
        thaw_if_fresh(workspace)
    filed = frozen or {}
    with opened(workspace.runs) as connection:
        thawed = False
        if frozen is not None:
            then = _moved(workspace, since or {}, all_renames(workspace, frozen, connection))
            thawed = thaw(workspace, frozen, connection, then.frozen).run_id is not None
        if not thawed and not find_renames(workspace, chosen, connection, filed):
            yield connection
            return
    with opened(workspace.runs) as connection:  # with what was brought in
        found = find_renames(workspace, chosen, connection, filed)
        digests, _panel = known_records(connection)
    if found:
        _write(workspace, found, digests)
    with opened(workspace.runs) as connection:
        yield connection


def _write(workspace: WorkspaceFiles, found: Sequence[Rename], known: Container[str]) -> None:
    with JournalWriter(workspace.runs, new_run_id()) as writer:
        writer.append(
            run_line(workspace.personas, purpose="rename")
            + b"".join(record_lines(workspace.tools, workspace.personas, known))
            + b"".join(map(rename_line, found))
            + end_line()
        )


def find_renames(
    workspace: WorkspaceFiles, chosen: Chosen, connection: Connection, frozen: Frozen
) -> list[Rename]:
    """Return what has another name in the workspace than in the store.

    chosen: its endpoint and model, whose cells are compared. frozen: files that may say which
    names they had before.
    """
    found: list[Rename] = []
    for kind in KINDS:
        present = present_in(workspace, kind)
        stored = names_in_store(connection, kind)
        new, gone = present.keys() - stored, stored - present.keys()
        if kind == "tool":
            told = [each for each in _told(frozen) if each.was in gone and each.now in present]
            found += told
            new -= {each.now for each in told}
            gone -= {each.was for each in told}
        if new and gone:
            target = _target(workspace, chosen, connection)
            found += recognise(
                kind,
                _new_traces(kind, target, present, new, asked_under(connection, kind, gone)[1]),
                _stored_traces(workspace, kind, connection, gone),
            )
    return found


def _told(frozen: Frozen) -> list[Rename]:
    """Return the renames that files on file tell of."""
    return [Rename("tool", was, slug) for slug, file in frozen.items() for was in file.known_as]


def present_in(workspace: WorkspaceFiles, kind: Kind) -> Mapping[str, Tool | Persona]:
    """Return what is written in a workspace: its tools, or its personas, by name."""
    if kind == "tool":
        return {tool.slug: tool for tool in workspace.tools}
    # Those that are not on the panel are there, too.
    return {persona.id: persona for persona in load_personas(workspace.root / "personas")}


def _target(workspace: WorkspaceFiles, chosen: Chosen, connection: Connection) -> Target | None:
    model = Chosen(endpoint=chosen.endpoint, model=chosen.model)
    try:
        return resolve_target(read_from_store(workspace, model, connection), model)
    except PanelError:  # no such endpoint, or no model: what is asked for then says so itself
        return None


def _new_traces(
    kind: Kind,
    target: Target | None,
    present: Mapping[str, Tool | Persona],
    new: set[str],
    repeats: int,
) -> dict[str, Trace]:
    prints: dict[str, frozenset[str]] = {}
    if target is not None:
        if kind == "tool":
            target = replace(target, tools=[each for each in target.tools if each.slug in new])
        else:
            target = replace(target, personas=[each for each in target.personas if each.id in new])
        prints = fingerprints_of(kind, target, frozenset(new), repeats)
    return {name: trace_of(present[name], prints.get(name, frozenset())) for name in sorted(new)}


def _stored_traces(
    workspace: WorkspaceFiles, kind: Kind, connection: Connection, gone: set[str]
) -> dict[str, Trace]:
    prints, _repeats = asked_under(connection, kind, gone)
    model: type[Tool] | type[Persona] = Tool if kind == "tool" else Persona
    frozen = read_frozen(workspace.root / FOLDER) if kind == "tool" else {}
    found = {}
    for name in sorted(gone):
        trace = Trace(described=frozen[name].known_by or "" if name in frozen else "")
        if record := records_of(connection, kind, [name]).get(name):
            with suppress(ValueError):  # a record of a version with other fields
                trace = trace_of(model.model_validate(json.loads(record)))
        found[name] = replace(trace, fingerprints=prints.get(name, frozenset()))
    return found


@dataclass(frozen=True, slots=True)
class Moved:
    """Frozen verdicts under their present names. renames: those that the files do not know."""

    frozen: Frozen
    renames: tuple[Rename, ...] = ()


def all_renames(workspace: WorkspaceFiles, frozen: Frozen, connection: Connection) -> list[Rename]:
    """Return former and present name of all that was renamed, by the store and by what is on file.

    What goes by a former name now is not among them. Those of the store come oldest first.
    """
    known = known_renames(connection)
    found = {(kind, was): now for kind in KINDS for was, now in resolve_names(known, kind).items()}
    for each in _told(frozen):
        found.setdefault(("tool", each.was), found.get(("tool", each.now), each.now))
    present = {kind: present_in(workspace, kind) for kind in KINDS}
    return [
        Rename(kind, was, now) for (kind, was), now in found.items() if was not in present[kind]
    ]


def vote_ids_of(
    workspace: WorkspaceFiles, frozen: Frozen, connection: Connection
) -> dict[str, str]:
    """Return the vote ids of a workspace's tools, by slug."""
    formerly = {slug: file.known_as for slug, file in frozen.items()}
    slugs = [tool.slug for tool in workspace.tools]
    return vote_ids(slugs, known_renames(connection), formerly)


def former_slugs(renames: Sequence[Rename]) -> dict[str, list[str]]:
    """Return the slugs that tools had before, by their present ones."""
    found: dict[str, list[str]] = {}
    for each in renames:
        if each.of == "tool":
            found.setdefault(each.now, []).append(each.was)
    return found


def moved(workspace: WorkspaceFiles, frozen: Frozen, connection: Connection) -> Moved:
    """Return frozen verdicts under the names that the store knows for them."""
    known = known_renames(connection)
    return _moved(workspace, frozen, [
        Rename(kind, was, now)
        for kind in KINDS
        for was, now in resolve_names(known, kind).items()
    ])  # fmt: skip


def moved_since(
    workspace: WorkspaceFiles, since: Frozen, frozen: Frozen, target: Target, connection: Connection
) -> Moved:
    """Return what was on file at another revision under present names, with all renames since.

    frozen: what is on file now. What neither it nor the store knows is found by sight.
    """
    known = all_renames(workspace, frozen, connection)
    seen = moved_by_sight(workspace, _moved(workspace, since, known).frozen, target)
    return Moved(seen.frozen, (*known, *seen.renames))


def moved_by_sight(workspace: WorkspaceFiles, frozen: Frozen, target: Target) -> Moved:
    """Return frozen verdicts under present names, by the files alone: no store is opened."""
    renames: list[Rename] = []
    for kind in KINDS:
        present = present_in(workspace, kind)
        filed = traces_on_file(kind, frozen)
        new, gone = present.keys() - filed.keys(), filed.keys() - present.keys()
        if new and gone:
            repeats = max(
                (answer.repeat for file in frozen.values() for answer in _answers(file)), default=1
            )
            renames += recognise(
                kind,
                _new_traces(kind, target, present, set(new), repeats),
                {name: filed[name] for name in sorted(gone)},
            )
    return _moved(workspace, frozen, renames)


def _answers(file: FrozenTool) -> list[Any]:
    return [answer for verdict in file.personas.values() for answer in verdict.answers]


def traces_on_file(kind: Kind, frozen: Frozen) -> dict[str, Trace]:
    """Return what is on file by tool or persona, as far as it can be recognised by."""
    prints: dict[str, set[str]] = {}
    for slug, file in frozen.items():
        for persona, verdict in file.personas.items():
            found = prints.setdefault(slug if kind == "tool" else persona, set())
            found |= {answer.fingerprint for answer in verdict.answers}
    told = {slug: file.known_by or "" for slug, file in frozen.items()} if kind == "tool" else {}
    return {name: Trace(frozenset(each), told.get(name, "")) for name, each in prints.items()}


def _moved(workspace: WorkspaceFiles, frozen: Frozen, renames: Sequence[Rename]) -> Moved:
    present = {kind: present_in(workspace, kind) for kind in {each.of for each in renames}}
    return under_names(frozen, [each for each in renames if each.was not in present[each.of]])


def under_names(frozen: Frozen, renames: Sequence[Rename]) -> Moved:
    """Return frozen verdicts with these renames made, where the new name is still free."""
    found, told = dict(frozen), []
    for rename in renames:
        if rename.of == "tool":
            if rename.was in found and rename.now not in found:
                file = found.pop(rename.was)
                former = tuple(dict.fromkeys((*file.known_as, rename.was)))
                found[rename.now] = file.named(rename.now, former, file.known_by)
                told.append(rename)
            continue
        for slug, file in found.items():
            if rename.was in file.personas and rename.now not in file.personas:
                verdicts = {
                    rename.now if name == rename.was else name: verdict
                    for name, verdict in file.personas.items()
                }
                found[slug] = file.model_copy(update={"personas": verdicts})
                told.append(rename)
    return Moved(found, tuple(dict.fromkeys(told)))
