"""A diff as GitHub-flavoured Markdown: for a comment on a pull request, or a job's summary.

Takes and names are untrusted text: nothing in them becomes markup, a mention, a link or the
number of an issue. Tools that do not fit are counted; no section is cut in the middle.
"""

from __future__ import annotations

import html
import re

from panel.ci.changes import Diff, PairChange, ToolChange, ship_words
from panel.ci.gates import Failure

COMMENT_BYTES = 64_000  # GitHub takes 65,536 characters of a comment
MARKER = "<!-- reviewer-panel -->"
SHOWN = 20  # files, canaries
REASONS_SHOWN, NAMES_SHOWN = 10, 3
# The most characters of one name and of one sentence. Escaped and all together, what surrounds the
# verdicts still fits into a comment, however long the names are.
NAME, SENTENCE = 100, 400
LEFT_OUT = 200  # bytes for the lines that say what is left out
_SPACE = "\u200b"  # invisible; breaks up what GitHub would turn into a link or a mention
_JOINERS = "\u200c\u200d"  # invisible characters that Persian words and emoji need
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-!|~.:=^$])")
# Web addresses, mentions, issue numbers and emoji names; below, hashes of commits.
_LINKS = re.compile(r"(?i)(?:https?|ftp|www|mailto|xmpp|gh-)(?=[:./\d])|[@#]|:(?=[\w+-]+:)")
_HASHES = re.compile(r"(?i)\b(?=[a-f]*\d)[0-9a-f]{7,}\b")
_SIX = re.compile(r".{6}(?=.)")


def harmless(text: str, most: int | None = None) -> str:
    """Return untrusted text as one line of Markdown that shows the text and does nothing else.

    most: the longest it may be, in characters; longer text is cut and ends in an ellipsis.
    """
    line = _plain(text, most)
    return html.escape(_MARKUP.sub(r"\\\1", line), quote=False)


def _plain(text: str, most: int | None = None) -> str:
    """Return one line in which GitHub finds no link; not yet escaped for Markdown or HTML."""
    kept = (c if c.isprintable() or c in _JOINERS else " " for c in text)
    line = " ".join("".join(kept).split())
    if most is not None and len(line) > most:
        line = line[: most - 1] + "…"
    line = _HASHES.sub(lambda found: _SIX.sub(rf"\g<0>{_SPACE}", found[0]), line)
    return _LINKS.sub(lambda found: found[0] + _SPACE, line)


def render_markdown(diff: Diff, shut: list[Failure], limit: int = COMMENT_BYTES) -> str:
    """Return the diff as Markdown of at most ``limit`` bytes, with the takes in folded sections."""
    head = [MARKER, f"### Reviewer panel: {_headline(diff)}", ""]
    head += _reasons(shut)
    head += [*_inputs(diff), "", "#### Verdicts", ""]
    tail = ["", "#### The model", "", *_model(diff), ""]
    room = limit - _size(head) - _size(tail) - LEFT_OUT
    body, left = _fitting(diff, room)
    if left:
        body.append(f"\n… and {left:,} more tools that differ; `panel diff` shows them all.")
    return "\n".join([*head, *body, *tail])


def _reasons(shut: list[Failure]) -> list[str]:
    lines = [f"- **{harmless(each.sentence, SENTENCE)}**" for each in shut[:REASONS_SHOWN]]
    if len(shut) > REASONS_SHOWN:
        lines.append(f"- … and {len(shut) - REASONS_SHOWN:,} more reasons.")
    return [*lines, ""] if lines else []


def _size(lines: list[str]) -> int:
    return len("\n".join(lines).encode()) + 1


def _headline(diff: Diff) -> str:
    leaning = diff.of_kind("leaning")
    changed = sum(pair.changed for pair in leaning)
    counts = [
        (len(diff.of_kind("flipped")), "flipped"),
        (len(diff.of_kind("settled")), "settled the other way"),
        (changed, "changed on too few answers"),
        (len(leaning) - changed, "contested, kept as published"),
        (len(diff.of_kind("new")), "new"),
        (len(diff.of_kind("gone")), "gone"),
        (len(diff.of_kind("rewritten")), "reworded"),
    ]
    said = ", ".join(f"{many:,} {what}" for many, what in counts if many)
    prefix = "the model moved; " if diff.drift.moved else ""
    return prefix + (said or "no verdict differs")


def _inputs(diff: Diff) -> list[str]:
    lines = ["#### Inputs", ""]
    if diff.reasons:
        counts = ", ".join(f"{many:,} × {reason}" for reason, many in diff.reasons.items())
        lines.append(f"Asked again: {harmless(counts)}.")
    else:
        lines.append("Nothing that was on file has been asked again.")
    if diff.files:
        lines += ["", "| file | + | − |", "|---|---:|---:|"]
        lines += [
            f"| {harmless(f.file, NAME)} | {f.added} | {f.removed} |" for f in diff.files[:SHOWN]
        ]
        if len(diff.files) > SHOWN:
            lines.append(f"| … {len(diff.files) - SHOWN:,} more | | |")
    return lines


def _model(diff: Diff) -> list[str]:
    drift = diff.drift
    lines = [harmless(drift.sentence)]
    if drift.moved:
        lines.append("The flips above may come from the model and not from the tools.")
    for what, pair in (("Asked", drift.models), ("The server named", drift.served)):
        if pair is not None:
            before, after = (_names(side) for side in pair)
            lines += ["", f"{what}: {before} → {after}."]
    if drift.canaries is not None:
        lines += ["", "| canary | ships on record | asked again |", "|---|---|---|"]
        lines += [
            f"| {harmless(c.tool, NAME)} | {c.ships} of {c.n} | {c.ships_again} of {c.n_again} |"
            for c in drift.canaries[:SHOWN]
        ]
        if len(drift.canaries) > SHOWN:
            lines.append(f"| … {len(drift.canaries) - SHOWN:,} more | | |")
    return lines


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(harmless(name, NAME) for name in names[:NAMES_SHOWN]) + more


def _fitting(diff: Diff, room: int) -> tuple[list[str], int]:
    """Return the tools that fit, a table and then their takes, and how many tools do not fit."""
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
    said = "; ".join(f"{harmless(pair.persona, NAME)} {_said(pair)}" for pair in tool.pairs)
    name = harmless(tool.tool, NAME)
    return f"| {name} | {ship_words(tool.before)} | {ship_words(tool.after)} | {said} |"


def _said(pair: PairChange) -> str:
    cause = f", {pair.cause}" if pair.cause else ""
    said = f"**{pair.said}**" if pair.kind == "flipped" else pair.said
    return said if pair.kind == "gone" else f"{said} ({pair.certainty}{cause})"


def _takes(tool: ToolChange) -> str:
    name = html.escape(_plain(tool.tool, NAME))
    parts = [f"<details><summary>Takes on {name}, before and after</summary>", ""]
    for pair in tool.pairs:
        parts.append(f"**{harmless(pair.persona, NAME)}**")
        for label, take in pair.takes():
            parts += ["", f"{label}:", "", f"> {harmless(take)}"]
        parts.append("")
    return "\n".join([*parts, "</details>", ""])
