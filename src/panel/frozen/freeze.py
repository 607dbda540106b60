"""``panel freeze``: writes what the store holds on the present wording into ``verdicts/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from panel.cells.answers import Answer, votes_of
from panel.cells.cells import Cell, CellKey, PairKey, Target, cells_by_pair
from panel.cells.plan import Known
from panel.cells.renames import Rename, described
from panel.decisions import Decision
from panel.frozen.canaries import write_latest
from panel.frozen.files import FOLDER, Frozen, FrozenTool, encode_frozen, verdict_on
from panel.frozen.integrity import is_intact, with_digest
from panel.frozen.publish import edited, publish, published, shown_answer
from panel.frozen.receipts import with_receipts
from panel.frozen.renames import all_renames, former_slugs, moved, moved_since
from panel.frozen.rule import votes_missing
from panel.frozen.staleness import answers_now, orphaned
from panel.frozen.verdicts import FrozenVerdict
from panel.frozen.writing import remove_file, write_changed
from panel.stats import ShipOrSkip
from panel.store.connection import Connection
from panel.store.decisions import chains
from panel.store.known import known_cells
from panel.store.queries import answers_by_fingerprint, repeats_by_tool, seals_by_id
from panel.workspace.loading import WorkspaceFiles
from panel.workspace.tools import Tool


@dataclass(frozen=True, slots=True)
class Kept:
    """A published verdict that newer answers speak against, and do not overturn.

    repeats: how many there must be to overturn it, if all further ones speak against it, too.
    """

    tool: str
    persona: str
    published: ShipOrSkip
    ships: int
    n: int
    repeats: int


@dataclass(slots=True)
class Freezing:
    """What ``panel freeze --json`` prints: files by what became of them, verdicts kept.

    renamed: former slug → present one of files that have another name now.
    unasked: tool × persona pairs of which no answer to the present wording is there, so that
    their file stays as it was (or is not there); outdated: those among them that were answered in
    earlier words. approved, drafts: verdicts in the files of the
    frozen tools whose words an editor has approved, and has not.
    """

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    pruned: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    unasked: int = 0
    outdated: int = 0
    approved: int = 0
    drafts: int = 0
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FreezeOptions:
    """How to freeze.

    prune: remove what is on file of tools and personas that are gone. accept: publish what was
    answered last, however few the votes. since: what was on file at a git revision; where a
    text has been changed back to that of the revision, its published verdicts stand again.
    """

    prune: bool = False
    accept: bool = False
    since: Frozen | None = None


PLAINLY = FreezeOptions()


def freeze(
    workspace: WorkspaceFiles,
    target: Target,
    frozen: Frozen,
    connection: Connection,
    options: FreezeOptions = PLAINLY,
) -> Freezing:
    """Freeze the target's tools and personas; running it again changes nothing.

    frozen: what is on file; connection: of a store that holds it, so that the answers of
    either side of a merge are there. A published verdict that newer answers do not overturn is
    kept (frozen/rule.py) unless it is to be accepted. Raises UsageError where a file cannot be
    written.
    """
    folder, done = workspace.root / FOLDER, Freezing()
    found = moved(workspace, frozen, connection)
    since = moved_since(workspace, options.since or {}, frozen, target, connection).frozen
    held = _Held(
        found.frozen,
        replace(options, since=since),
        answers_by_fingerprint(connection, target.model),
        known_cells(connection, target.model),
        chains(connection),
        seals_by_id(connection),
        former_slugs(all_renames(workspace, frozen, connection)),
        [persona.id for persona in workspace.personas],
    )
    cells = cells_by_pair(target.lay_out_each(repeats_by_tool(connection, target.model)))
    files: Frozen = {}
    for tool in target.tools:
        of_tool = {who.id: cells[tool.slug, who.id] for who in target.personas}
        if file := _frozen_tool(tool, of_tool, held, done):
            files[tool.slug] = file
    _orphans(workspace, held.frozen, files, folder, options.prune, done)
    texts = {f"{slug}.json": encode_frozen(file) for slug, file in files.items()}
    canaries = write_latest(folder, connection, target.model)
    done.written = write_changed(folder, texts)
    _remove_renamed(folder, found.renames, files, done)
    done.unchanged = len(texts) - len(done.written)
    done.written += canaries
    verdicts = [each for file in files.values() for each in file.personas.values()]
    done.approved = sum(each.state == "approved" for each in verdicts)
    done.drafts = len(verdicts) - done.approved
    return done


@dataclass(frozen=True, slots=True)
class _Held:
    """All that a verdict is frozen from: what is on file, and what the store holds."""

    frozen: Frozen
    options: FreezeOptions
    answers: Mapping[str, Answer]
    known: Mapping[CellKey, Known]
    chains: Mapping[PairKey, list[Decision]]
    seals: Mapping[str, str]
    formerly: Mapping[str, list[str]]  # slugs that a tool had before, by its present one
    order: list[str]  # of the panel's persona ids


def _frozen_tool(
    tool: Tool, cells: Mapping[str, Mapping[int, Cell]], held: _Held, done: Freezing
) -> FrozenTool | None:
    """Return the file of a tool, whose cells come by persona id; None without any verdict."""
    before, unasked = held.frozen.get(tool.slug), done.unasked
    personas = dict(before.personas) if before else {}
    for persona, of_pair in cells.items():
        new = _frozen_pair((tool.slug, persona), of_pair, held, done)
        if new is not None:
            personas[persona] = new
    if not personas:
        return None
    ordered = dict(sorted(personas.items(), key=lambda item: _place(item[0], held.order)))
    answered = done.unasked - unasked < len(cells)
    known_as = before.known_as if before else ()
    return FrozenTool(tool=tool.slug, personas=ordered).named(
        tool.slug,
        tuple(dict.fromkeys((*known_as, *held.formerly.get(tool.slug, ())))),
        described(tool) if answered or not before else before.known_by,
    )


def _frozen_pair(
    pair: PairKey, cells: Mapping[int, Cell], held: _Held, done: Freezing
) -> FrozenVerdict | None:
    """Return what is to be on file of a pair; None where it stays as it is."""
    old = _before(pair, cells, held)
    filed = [entry for entry in (verdict_on(held.frozen, pair), old) if entry is not None]
    now = _present(cells, held.answers, filed)
    done.unasked += not now
    known = [held.known.get(cell.key) for cell in cells.values()]
    answered = bool(filed) or any(each and each.settled for each in known)
    done.outdated += not now and answered
    chain = held.chains.get(pair, [])
    if not now and not chain:
        return None
    if now:
        new = publish(now, None if held.options.accept else old)
    else:
        new = published(*(old.verdict, old.answers, shown_answer(old)) if old else (None, ()))
    on_file = [answer for entry in filed for answer in entry.every_answer() if answer.intact]
    new = with_digest(with_receipts(edited(new, chain, on_file), filed, held.seals))
    if now and new.verdict is not None and 2 * new.against > new.n:
        missing = votes_missing(votes_of(now), "skip" if new.answered == "ship" else "ship")
        repeats = max(answer.repeat for answer in now) + missing
        done.kept.append(Kept(*pair, new.verdict, new.ships, new.n, repeats))
    return new


def _before(pair: PairKey, cells: Mapping[int, Cell], held: _Held) -> FrozenVerdict | None:
    """Return what was published before, which newer answers have to overturn.

    What is on file, unless the text has been changed back since: then what was published of
    that text at the revision. Without the revision, nothing, if a run has found that earlier
    answers count again: they are published as they were the first time.
    What was changed by hand counts for nothing.
    """
    filed = (verdict_on(held.frozen, pair), verdict_on(held.options.since or {}, pair))
    old, then = (entry if entry and is_intact(entry) else None for entry in filed)
    if old is None or answers_now(old, cells):
        return old or then
    if answers_now(then, cells):
        return then
    known = [held.known.get(cell.key) for cell in cells.values()]
    back = any(each and each.asked and each.asked.outcome == "adopted" for each in known)
    return None if back else old


def _place(persona: str, order: list[str]) -> tuple[int, str]:
    return (order.index(persona) if persona in order else len(order), persona)


def _present(
    cells: Mapping[int, Cell], answers: Mapping[str, Answer], entries: list[FrozenVerdict]
) -> list[Answer]:
    """Return the answers to the present wording, by repeat.

    Where two people have asked the same, the answer on file counts, in every store: it was
    taken, by a merge say. The same answer read anew by a later parser is taken from the store.
    """
    filed: dict[str, Answer] = {}
    for answer in (each for entry in entries for each in entry.every_answer()):
        if answer.intact:
            filed.setdefault(answer.fingerprint, answer)
    found = []
    for _repeat, cell in sorted(cells.items()):
        stored, on_file = answers.get(cell.fingerprint), filed.get(cell.fingerprint)
        better = stored is not None and (
            on_file is None
            or stored.attempt_id == on_file.attempt_id
            or (stored.verdict is not None and on_file.verdict is None)
        )
        if stored is not None and better:
            found.append(stored)
        elif on_file is not None:
            found.append(on_file)
    return found


def _orphans(
    workspace: WorkspaceFiles,
    frozen: Frozen,
    files: Frozen,
    folder: Path,
    prune: bool,
    done: Freezing,
) -> None:
    """Name, or remove, what is on file of tools and personas that are gone."""
    for gone in orphaned(workspace.tools, workspace.personas, frozen):
        if not prune:
            done.orphaned.append(
                gone.tool if gone.persona is None else f"{gone.tool} × {gone.persona}"
            )
        elif gone.persona is None:
            remove_file(folder, gone.tool)
            done.pruned.append(gone.tool)
        else:
            file = files.get(gone.tool) or frozen[gone.tool]
            left = {
                name: verdict for name, verdict in file.personas.items() if name != gone.persona
            }
            files[gone.tool] = file.model_copy(update={"personas": left})
            done.pruned.append(f"{gone.tool} × {gone.persona}")


def _remove_renamed(folder: Path, renames: Sequence[Rename], files: Frozen, done: Freezing) -> None:
    """Remove the files whose content has been written under another name."""
    for rename in renames:
        if rename.of == "tool" and rename.now in files:
            remove_file(folder, rename.was)
            done.renamed[rename.was] = rename.now
