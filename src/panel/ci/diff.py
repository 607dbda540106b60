"""``panel diff``: what differs between two snapshots.

Three questions are kept apart: what changed in the inputs, which verdicts flipped and how the
takes changed, and whether the model itself has moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from panel.cells.answers import votes_of
from panel.cells.decided import RecordedDecision
from panel.cells.plan import changed_input
from panel.ci.changes import Diff, InputFile, Kind, PairChange, ToolChange
from panel.ci.drift import find_drift
from panel.ci.renames import renamed_alike
from panel.ci.snapshots import Snapshot
from panel.frozen.rule import is_sure
from panel.frozen.verdicts import FrozenVerdict
from panel.stats import PanelResult, combine
from panel.workspace.git import changed_files


def compare(root: Path, base: Snapshot, head: Snapshot) -> Diff:
    """Compare two snapshots of the workspace below ``root``, under the names of the head."""
    base, head, renames = renamed_alike(root, base, head)
    before, after = _pairs(base), _pairs(head)
    reasons: Counter[str] = Counter()
    changes: dict[str, list[PairChange]] = {}
    for key in sorted(before.keys() | after.keys(), key=lambda key: _order(key, base, head)):
        change = _change(key, before.get(key), after.get(key))
        cause = _cause(before.get(key), after.get(key))
        if cause is not None:
            reasons[cause] += 1
        if change is not None:
            changes.setdefault(key[0], []).append(change)
    slugs = sorted(base.frozen.keys() | head.frozen.keys())
    panels = {slug: (_panel(slug, base), _panel(slug, head)) for slug in slugs}
    tools = [ToolChange(slug, *panels[slug], tuple(pairs)) for slug, pairs in changes.items()]
    tools.sort(key=lambda tool: min(pair.weight for pair in tool.pairs))  # then as before, by slug
    files = []
    if base.revision is not None and head.folder is not None:
        rows = changed_files(root, base.revision, head.revision)
        files = [InputFile(*row) for row in rows]
    drift = find_drift(base, head, before.values(), after.values())
    silent = [key for key in after if _abstains_anew(before.get(key), after[key])]
    return Diff(
        base.name,
        head.name,
        files,
        dict(reasons),
        tools,
        drift,
        after,
        silent,
        panels,
        renames,
    )


def _pairs(snapshot: Snapshot) -> dict[tuple[str, str], FrozenVerdict]:
    return {
        (slug, persona): verdict
        for slug, tool in snapshot.frozen.items()
        for persona, verdict in tool.personas.items()
    }


def _order(key: tuple[str, str], base: Snapshot, head: Snapshot) -> tuple[str, int, str]:
    """Return a sort key: by tool, then in the order of its file, which is the panel's."""
    slug, persona = key
    file = head.frozen.get(slug) or base.frozen[slug]
    names = list(file.personas)
    return (slug, names.index(persona) if persona in names else len(names), persona)


def _change(
    key: tuple[str, str], before: FrozenVerdict | None, after: FrozenVerdict | None
) -> PairChange | None:
    kind: Kind
    if before is None:
        kind = "new"
    elif after is None:
        kind = "gone"
    elif before.verdict != after.verdict:
        kind = _turned(before, after)
    elif before.answers != after.answers and (leans(after) or after.kept is not None):
        kind = "leaning"
    elif before.take != after.take:
        kind = "rewritten"
    elif before.decisions != after.decisions or before.state != after.state:
        kind = "decided"
    else:
        return None
    return PairChange(*key, kind, _cause(before, after), before, after)


def _turned(before: FrozenVerdict, after: FrozenVerdict) -> Kind:
    """Say what it is that another verdict is published: what the rule of publication allows.

    However the two came about: files may have been frozen apart, without one another's answers.
    """
    if not _firm(after):
        return "leaning"
    return "flipped" if _firm(before) else "settled"


def _firm(verdict: FrozenVerdict) -> bool:
    """Whether the answers on file are sure of the published verdict, or an editor approved it."""
    return verdict.state == "approved" or is_sure(verdict.verdict, votes_of(verdict.answers))


def leans(verdict: FrozenVerdict) -> bool:
    """Whether most answers speak against the published one without overturning it."""
    return verdict.verdict is not None and 2 * verdict.against > verdict.n


def _abstains_anew(before: FrozenVerdict | None, after: FrozenVerdict) -> bool:
    known = before.answers if before else ()
    return any(a.outcome == "abstain" and a not in known for a in after.answers)


def _cause(before: FrozenVerdict | None, after: FrozenVerdict | None) -> str | None:
    """Return why a pair was asked again; None if it was not, or if it is new or gone."""
    if before is None or after is None or before.answers == after.answers:
        return None
    if not before.answers or not after.answers:
        return "asked again"
    was, now = before.answers[0], after.answers[0]
    if was.model_identity != now.model_identity:
        return "model changed"
    if was.inputs == now.inputs or was.fingerprint == now.fingerprint:
        return "asked again"
    return changed_input(was.inputs, now.inputs)


def _panel(slug: str, snapshot: Snapshot) -> PanelResult | None:
    file = snapshot.frozen.get(slug)
    if file is None:
        return None
    return panel_result(file.personas.values())


def panel_result(verdicts: Iterable[FrozenVerdict]) -> PanelResult:
    """Return a panel's numbers, counted over the answers on file."""
    return combine([votes_of(verdict.answers) for verdict in verdicts])


def record(diff: Diff) -> dict[str, Any]:
    """Return a diff as plain JSON types."""
    drift = diff.drift
    return {
        "base": diff.base,
        "head": diff.head,
        "inputs": {
            "files": [{"file": f.file, "added": f.added, "removed": f.removed} for f in diff.files],
            "reasons": diff.reasons,
            "renames": [asdict(each) for each in diff.renames],
        },
        "verdicts": [
            {
                "tool": tool.tool,
                "before": _numbers(tool.before),
                "after": _numbers(tool.after),
                "personas": [_pair_record(pair) for pair in tool.pairs],
            }
            for tool in diff.tools
        ],
        "abstained": [{"tool": tool, "persona": persona} for tool, persona in diff.abstained],
        "model": {
            "moved": drift.moved,
            "sentence": drift.sentence,
            "p": drift.p,
            "accepted": drift.accepted,
            "canaries": [asdict(each) for each in drift.canaries] if drift.canaries else None,
            "models": drift.models,
            "served": drift.served,
            "configured": drift.configured,
        },
    }


def _numbers(result: PanelResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    interval = result.interval
    return {
        "demo": result.demo,
        "ship_percent": result.ship_percent,
        "ships": result.ships,
        "n": result.n,
        "abstains": result.abstains,
        "interval": [interval.low, interval.high] if interval else None,
        "undecided": result.undecided,
        "split": result.split,
    }


def _pair_record(pair: PairChange) -> dict[str, Any]:
    def fields(verdict: FrozenVerdict | None) -> dict[str, Any] | None:
        if verdict is None:
            return None
        names = ("verdict", "confidence", "ships", "n", "contested", "state", "take")
        return {name: getattr(verdict, name) for name in names}

    return {
        "persona": pair.persona,
        "kind": pair.kind,
        "cause": pair.cause,
        "decisions": dict(zip(("added", "removed"), map(_made, pair.decisions), strict=True)),
        "before": fields(pair.before),
        "after": fields(pair.after),
    }


def _made(decisions: Iterable[RecordedDecision]) -> list[dict[str, str]]:
    return [
        {"action": each.action, "editor": each.editor, "decided_at": each.decided_at}
        for each in decisions
    ]
