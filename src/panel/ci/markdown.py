"""A diff as GitHub-flavoured Markdown: for a comment on a pull request, or a job's summary.

Takes and names are foreign text: nothing in them becomes markup, a mention, a link or an
issue's number. What does not fit is counted, never cut in the middle.
"""

from __future__ import annotations

import html
import re

from panel.ci.diff import Diff, PairChange, ToolChange
from panel.ci.gates import Failure
from panel.scorecard import PanelResult

COMMENT_BYTES = 64_000  # GitHub takes 65,536 characters of a comment
MARKER = "<!-- reviewer-panel -->"
FILES_SHOWN = 20
_SPACE = "\u200b"  # breaks what GitHub would make a link or a mention of, unseen
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-!|~>.:=^$])")
_LINKS = re.compile(r"(?i)(https?|ftp|www|gh-)(?=[:./\d])")


def harmless(text: str) -> str:
    """Return foreign text as one line of Markdown that says the text and does nothing."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = _LINKS.sub(lambda found: found[0] + _SPACE, line)
    line = _MARKUP.sub(r"\\\1", line)
    line = html.escape(line, quote=False)
    return re.sub(r"[@#]", lambda found: found[0] + _SPACE, line)


def render_markdown(diff: Diff, shut: list[Failure], limit: int = COMMENT_BYTES) -> str:
    """Return the diff as Markdown of at most ``limit`` bytes; takes stand in folded sections."""
    head = [MARKER, f"### Reviewer panel: {_headline(diff)}", ""]
    head += [f"- **{harmless(failure.sentence)}**" for failure in shut] + ([""] if shut else [])
    head += [*_inputs(diff), "", "#### Verdicts", ""]
    tail = ["", "#### The model", "", *_model(diff), ""]
    room = limit - _size(head) - _size(tail) - 200  # for the line that says what is left out
    body, left = _fitting(diff, room)
    if left:
        body.append(f"\n… and {left:,} more tools that differ; `panel diff` shows them all.")
    return "\n".join([*head, *body, *tail])


def _size(lines: list[str]) -> int:
    return len("\n".join(lines).encode()) + 1


def _headline(diff: Diff) -> str:
    flips, leaning = len(diff.of_kind("flipped")), len(diff.of_kind("leaning"))
    new, gone = len(diff.of_kind("new")), len(diff.of_kind("gone"))
    rewritten = len(diff.of_kind("rewritten"))
    counts = [
        (flips, "flipped"),
        (leaning, "contested, kept as published"),
        (new, "new"),
        (gone, "gone"),
        (rewritten, "in other words"),
    ]
    said = ", ".join(f"{many:,} {what}" for many, what in counts if many)
    prefix = "the model moved; " if diff.drift.moved else ""
    return prefix + (said or "no verdict differs")


def _inputs(diff: Diff) -> list[str]:
    lines = ["#### Inputs", ""]
    if diff.reasons:
        counts = ", ".join(f"{many:,} × {reason}" for reason, many in diff.reasons.items())
        lines.append(f"Asked anew: {harmless(counts)}.")
    else:
        lines.append("Nothing that was on file has been asked anew.")
    if diff.files:
        lines += ["", "| file | + | − |", "|---|---:|---:|"]
        lines += [
            f"| {harmless(f.file)} | {f.added} | {f.removed} |" for f in diff.files[:FILES_SHOWN]
        ]
        if len(diff.files) > FILES_SHOWN:
            lines.append(f"| … {len(diff.files) - FILES_SHOWN:,} more | | |")
    return lines


def _model(diff: Diff) -> list[str]:
    drift = diff.drift
    lines = [harmless(drift.sentence)]
    if drift.moved:
        lines.append("Flips above may be the model's doing and not the tools'.")
    for what, pair in (("Asked", drift.models), ("The server named", drift.served)):
        if pair is not None:
            before, after = (", ".join(harmless(name) for name in side) for side in pair)
            lines.append(f"{what}: {before} → {after}.")
    if drift.canaries is not None:
        lines += ["", "| canary | ships on record | asked again |", "|---|---|---|"]
        lines += [
            f"| {harmless(c.tool)} | {c.ships} of {c.n} | {c.ships_again} of {c.n_again} |"
            for c in drift.canaries.canaries
        ]
    return lines


def _fitting(diff: Diff, room: int) -> tuple[list[str], int]:
    """Return the tools that fit, first the table, then takes; and how many tools do not."""
    if not diff.tools:
        return ["No verdict differs."], 0
    rows = ["| tool | panel ship before | after | what differs |", "|---|---|---|---|"]
    room -= _size(rows)
    shown = []
    for tool in diff.tools:
        row = _row(tool)
        if len(row.encode()) + 1 > room:
            break
        rows.append(row)
        shown.append(tool)
        room -= len(row.encode()) + 1
    folded = []
    for tool in shown:
        section = _takes(tool)
        if len(section.encode()) + 1 > room:
            folded.append("\nThe takes of further tools do not fit here.")
            break
        folded.append(section)
        room -= len(section.encode()) + 1
    return [*rows, "", *folded], len(diff.tools) - len(shown)


def _row(tool: ToolChange) -> str:
    said = "; ".join(f"{harmless(pair.persona)} {_said(pair)}" for pair in tool.pairs)
    name = harmless(tool.tool)
    return f"| {name} | {_percent(tool.before)} | {_percent(tool.after)} | {said} |"


def _percent(result: PanelResult | None) -> str:
    if result is None or result.ship_percent is None or result.interval is None:
        return "—"
    low, high = result.interval.low, result.interval.high
    return f"{result.ship_percent:.0f} % ({result.ships} of {result.n}, {low:.0f}–{high:.0f} %)"


def _said(pair: PairChange) -> str:
    before = (pair.before.verdict if pair.before else None) or "no verdict"
    after = (pair.after.verdict if pair.after else None) or "no verdict"
    cause = f", {pair.cause}" if pair.cause else ""
    match pair.kind:
        case "flipped":
            return f"**{before} → {after}** ({pair.certainty}{cause})"
        case "leaning":
            return f"{after} kept, contested ({pair.certainty}{cause})"
        case "rewritten":
            return f"{after} in other words ({pair.certainty}{cause})"
        case "new":
            return f"new: {after} ({pair.certainty})"
    return f"gone (was {before})"


def _takes(tool: ToolChange) -> str:
    parts = [f"<details><summary>Takes on {html.escape(tool.tool)}, before and after</summary>", ""]
    for pair in tool.pairs:
        parts.append(f"**{harmless(pair.persona)}**")
        for label, take in pair.takes():
            parts += ["", f"{label}:", "", f"> {harmless(take)}"]
        parts.append("")
    return "\n".join([*parts, "</details>", ""])
