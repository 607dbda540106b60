"""Receipts: the seals of the journal lines that a frozen verdict is made from, kept in git.

A seal covers its line and, by those before it, all of its journal up to there. A journal that
was written anew from its beginning, with seals that hold among themselves, has other ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from panel.cells.verify import Verified
from panel.frozen.files import FOLDER, Frozen, FrozenTool
from panel.frozen.integrity import content_digest
from panel.frozen.verdicts import FrozenVerdict

Receipts = Mapping[str, str]  # seal by attempt_id or decision_id


def receipts_of(frozen: Iterable[FrozenTool]) -> Receipts:
    """Return the receipts on file, but for verdicts that were changed by hand."""
    found: dict[str, str] = {}
    for tool in frozen:
        for verdict in tool.personas.values():
            if verdict.receipts and verdict.digest == content_digest(verdict):
                found |= verdict.receipts
    return found


def with_receipts(
    verdict: FrozenVerdict, on_file: Iterable[FrozenVerdict], seals: Receipts
) -> FrozenVerdict:
    """Return a verdict with the receipts of its answers and decisions.

    seals: of the store, by id. A receipt on file stays as it is: it tells of a journal that was
    written anew since.
    """
    kept = {name: seal for entry in on_file for name, seal in entry.receipts.items()}
    # Looked up, never copied: the store has a seal for every answer of the catalog.
    found = {name: kept.get(name) or seals.get(name) for name in verdict.line_ids()}
    receipts = {name: seal for name, seal in found.items() if seal is not None}
    return verdict.model_copy(update={"receipts": receipts})


def compare_receipts(frozen: Frozen, journals: Iterable[Verified]) -> tuple[list[str], int]:
    """Return what is no longer in the journals, and the number of receipts not looked for.

    These are of journals that are not here: of another clone.
    """
    found: list[str] = []
    elsewhere = 0
    seals = {each.file.parent.name: (each.file, set(each.seals.values())) for each in journals}
    for tool, persona, name, seal in _receipts(frozen):
        file, here = seals.get(name.rpartition("-")[0], (None, set()))
        elsewhere += file is None
        if file is not None and seal not in here:
            found.append(
                f"{file}: no longer has the line of {name} that {FOLDER}/{tool}.json keeps a "
                f"receipt of ({persona}): it was changed or written anew since 'panel freeze'."
            )
    return found, elsewhere


def _receipts(frozen: Frozen) -> Iterable[tuple[str, str, str, str]]:
    for tool, file in frozen.items():
        for persona, verdict in file.personas.items():
            for name, seal in verdict.receipts.items():
                yield tool, persona, name, seal
