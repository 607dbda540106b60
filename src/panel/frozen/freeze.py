"""``panel freeze``: writes what the store holds on the present wording into ``verdicts/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panel.cells.answers import Answer, said, speaking
from panel.cells.cells import Cell, Target, cells_by_pair
from panel.cells.renames import described
from panel.decisions import Decision, replay
from panel.errors import UsageError
from panel.frozen.files import (
    CANARIES,
    FOLDER,
    CanaryCheck,
    CanaryCount,
    Frozen,
    FrozenDecision,
    FrozenTool,
    FrozenVerdict,
    encode_frozen,
    read_canaries,
    write_changed,
)
from panel.frozen.renames import all_renames, former_names, moved
from panel.frozen.rule import publish_rule
from panel.frozen.staleness import orphaned
from panel.stats import ShipOrSkip, Tally, tally
from panel.store.connection import Connection
from panel.store.decisions import chains
from panel.store.queries import (
    CanaryVotes,
    answers_by_fingerprint,
    latest_canaries,
    repeats_by_tool,
)
from panel.workspace.loading import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class Kept:
    """A published verdict that newer answers speak against, and do not overturn."""

    tool: str
    persona: str
    published: ShipOrSkip
    ships: int
    n: int


@dataclass(slots=True)
class Freezing:
    """What ``panel freeze --json`` prints: files by what became of them, verdicts kept.

    renamed: former slug → present one of files that have another name now.
    unasked: tool × persona pairs of which no answer to the present wording is there, so that
    their file stays as it was (or is not there).
    """

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    pruned: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    unasked: int = 0
    renamed: dict[str, str] = field(default_factory=dict)


def freeze(
    workspace: WorkspaceFiles,
    target: Target,
    frozen: Frozen,
    connection: Connection,
    prune: bool = False,
    accept: bool = False,
) -> Freezing:
    """Freeze the target's tools and personas; running it again changes nothing.

    frozen: what is on file; connection: of a store that holds it, so that the answers of
    either side of a merge are there. A published verdict that newer answers do not overturn is
    kept (frozen/rule.py) unless ``accept``. prune: remove what is on file of tools and personas
    that are gone. Raises UsageError where a file cannot be written.
    """
    folder, done = workspace.root / FOLDER, Freezing()
    renames = all_renames(workspace, frozen, connection)
    found = moved(workspace, frozen, connection)
    frozen = found.frozen
    answers = answers_by_fingerprint(connection, target.model)
    decided = chains(connection)
    cells = cells_by_pair(target.lay_out_each(repeats_by_tool(connection, target.model)))
    files: Frozen = {}
    for tool in target.tools:
        before, answered = frozen.get(tool.slug), False
        personas = dict(before.personas) if before else {}
        for persona in target.personas:
            old = personas.get(persona.id)
            now = _present(cells[tool.slug, persona.id], answers, old)
            chain = decided.get((tool.slug, persona.id), [])
            if now or chain:
                new = publish(now, None if accept else old) if now else old or _NOTHING
                new = personas[persona.id] = edited(new, chain, old)
                if now and new.verdict is not None and 2 * new.against > new.n:
                    done.kept.append(Kept(tool.slug, persona.id, new.verdict, new.ships, new.n))
            done.unasked += not now
            answered = answered or bool(now)
        if personas:
            order = [persona.id for persona in workspace.personas]
            files[tool.slug] = FrozenTool(
                tool=tool.slug,
                formerly=former_names(tool.slug, before, renames),
                described=described(tool) if answered or not before else before.described,
                personas=dict(sorted(personas.items(), key=lambda item: _place(item[0], order))),
            )
    _orphans(workspace, frozen, files, folder, prune, done)
    texts = {f"{slug}.json": encode_frozen(file) for slug, file in files.items()}
    texts |= _canary_text(folder, latest_canaries(connection, target.model))
    done.written = write_changed(folder, texts)
    for rename in found.renames:
        if rename.of == "tool" and rename.now in files:
            _remove(folder, rename.was)
            done.renamed[rename.was] = rename.now
    done.unchanged = len(texts) - len(done.written)
    return done


def _place(persona: str, order: list[str]) -> tuple[int, str]:
    return (order.index(persona) if persona in order else len(order), persona)


def _present(
    cells: Mapping[int, Cell], answers: Mapping[str, Answer], old: FrozenVerdict | None
) -> list[Answer]:
    """Return the answers to the present wording, by repeat.

    Where two people have asked the same, the answer on file counts, in every store: it was
    taken, by a merge say. The same answer read anew by a later parser is taken from the store.
    """
    filed = {answer.fingerprint: answer for answer in old.every_answer()} if old else {}
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


def publish(now: list[Answer], old: FrozenVerdict | None) -> FrozenVerdict:
    """Return what answers to the present wording make of what was published before, if anything."""
    votes: Tally = tally((answer.outcome, answer.verdict) for answer in now)
    decision = publish_rule(old.verdict if old else None, votes)
    word = decision.verdict or said(now)
    shown = speaking(now, word) if word else None
    kept = None
    if shown is None and word is not None and old is not None:
        shown = kept = shown_answer(old)
    return FrozenVerdict(
        verdict=word,
        confidence=shown.confidence if shown else None,
        ships=votes.ships,
        n=votes.n,
        contested=decision.contested,
        state="draft",
        take=shown.take if shown else "",
        fingerprint=shown.fingerprint if shown else None,
        answers=tuple(now),
        kept=kept,
    )


_NOTHING = FrozenVerdict(
    verdict=None,
    confidence=None,
    ships=0,
    n=0,
    contested=False,
    state="draft",
    take="",
    fingerprint=None,
    answers=(),
)


def edited(
    verdict: FrozenVerdict, chain: list[Decision], old: FrozenVerdict | None
) -> FrozenVerdict:
    """Lay editors' decisions over what the answers come to: approved words stand, whatever comes.

    old: what is on file, which may hold the answer that was approved.
    """
    review = replay(chain)
    words, state = review.published, verdict.state
    if words is not None:
        state = "approved"
    elif review.revision is not None and verdict.fingerprint == review.revision.fingerprint:
        words, state = review.revision, review.state
    update: dict[str, Any] = {"state": state, "decisions": tuple(map(_as_frozen, chain))}
    if words is not None:
        update |= {
            "verdict": words.verdict,
            "confidence": words.confidence,
            "take": words.text,
            "fingerprint": words.fingerprint,
        }
        held = {answer.fingerprint for answer in verdict.answers}
        on_file = {answer.fingerprint: answer for answer in old.every_answer()} if old else {}
        if words.fingerprint not in held:
            update["kept"] = on_file.get(words.fingerprint, verdict.kept)
        votes = Tally(verdict.ships, verdict.n - verdict.ships)
        update["contested"] = publish_rule(words.verdict, votes).contested
    return verdict.model_copy(update=update)


def _as_frozen(decision: Decision) -> FrozenDecision:
    fields = {name: getattr(decision, name) for name in FrozenDecision.model_fields}
    return FrozenDecision.model_validate(fields)


def shown_answer(verdict: FrozenVerdict) -> Answer | None:
    """Return the answer whose take is published."""
    if verdict.kept is not None:
        return verdict.kept
    found = (a for a in verdict.answers if a.fingerprint == verdict.fingerprint)
    return next(found, None)


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
            _remove(folder, gone.tool)
            done.pruned.append(gone.tool)
        else:
            file = files.get(gone.tool) or frozen[gone.tool]
            left = {
                name: verdict for name, verdict in file.personas.items() if name != gone.persona
            }
            files[gone.tool] = file.model_copy(update={"personas": left})
            done.pruned.append(f"{gone.tool} × {gone.persona}")


def _remove(folder: Path, slug: str) -> None:
    try:
        (folder / f"{slug}.json").unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be removed: {error.strerror}.") from None


def _canary_text(folder: Path, canaries: CanaryVotes | None) -> dict[str, str]:
    """Return the file of the canaries, if they have been asked again since it was written."""
    on_file, check = read_canaries(folder), as_canary_check(canaries)
    if check is None or (on_file is not None and on_file.asked_at >= check.asked_at):
        return {}
    return {CANARIES: encode_frozen(check)}


def as_canary_check(canaries: CanaryVotes | None) -> CanaryCheck | None:
    """Return the votes of canaries as what is kept on file of them."""
    if canaries is None:
        return None
    return CanaryCheck(
        model_identity=canaries.model_identity,
        asked_at=canaries.asked_at,
        canaries=tuple(CanaryCount(**row) for row in canaries.by_tool),
    )
