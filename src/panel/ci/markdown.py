"""A diff as GitHub-flavoured Markdown: for a comment on a pull request, or a job's summary.

Takes and names are untrusted text: nothing in them becomes markup, a mention, a link or the
number of an issue. Tools that do not fit are counted; no section is cut in the middle.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from panel.ci.changes import Diff, PairChange, ToolChange, ship_words
from panel.ci.context import PLAIN, Context
from panel.ci.gates import Failure
from panel.stats import DEMO
from panel.text import counted, one_line

COMMENT_BYTES = 64_000  # GitHub takes 65,536 characters of a comment
MARKER = "<!-- reviewer-panel -->"
TURNED = 0.6  # of the room for verdicts: the most for rows of changed ones, so that takes fit, too
SHOWN = 20  # files, canaries
REASONS_SHOWN, RENAMES_SHOWN, NAMES_SHOWN = 10, 5, 3
# The most characters of one name and of one sentence. Escaped and all together, what surrounds the
# verdicts still fits into a comment, however long the names are.
NAME, SENTENCE = 100, 400
LEFT_OUT = 200  # bytes for the lines that say what is left out
_SPACE = "\u200b"  # invisible; breaks up what GitHub would turn into a link or a mention
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
    line = one_line(text)
    if most is not None and len(line) > most:
        line = line[: most - 1] + "…"
    line = _HASHES.sub(lambda found: _SIX.sub(rf"\g<0>{_SPACE}", found[0]), line)
    return _LINKS.sub(lambda found: found[0] + _SPACE, line)


def marker(name: str = "") -> str:
    """Return the first line of a report, by which the next one finds its comment."""
    word = "-".join(re.findall(r"[\w.]+", name))
    return f"<!-- reviewer-panel {word} -->" if word else MARKER


def render_markdown(
    diff: Diff, shut: Sequence[Failure], context: Context = PLAIN, limit: int = COMMENT_BYTES
) -> str:
    """Return the diff as Markdown of at most ``limit`` bytes: verdicts first, flips before others.

    The takes stand in folded sections, those of tools with another verdict unfolded.
    """
    named = f" ({harmless(context.name, NAME)})" if context.name else ""
    head = [marker(context.name), f"### Reviewer panel{named}: {_headline(diff)}", ""]
    head += [*_reasons(shut, context), "#### Verdicts", ""]
    tail = ["", *_inputs(diff), "", "#### The model", "", *_model(diff), ""]
    if context.run is not None:
        tail += [harmless(context.run.cost()), ""]
    room = limit - _size(head) - _size(tail) - LEFT_OUT
    body, left = _fitting(diff, room)
    if left:
        body.append(
            f"\n… and {counted(left, 'more tool that differs', 'more tools that differ')}; `panel "
            "diff` shows them all."
        )
    return "\n".join([*head, *body, *tail])


def _reasons(shut: Sequence[Failure], context: Context) -> list[str]:
    lines = [f"**{harmless(context.trouble, SENTENCE)}**"] if context.trouble else []
    lines += [f"**{harmless(each.sentence, SENTENCE)}**" for each in shut]
    lines += [harmless(each.sentence, SENTENCE) for each in context.warned]
    if len(lines) > REASONS_SHOWN:
        lines[REASONS_SHOWN:] = [f"… and {counted(len(lines) - REASONS_SHOWN, 'more reason')}."]
    return [*(f"- {line}" for line in lines), ""] if lines else []


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
        (sum(any(pair.decisions) for pair in diff.changes), "decided on by editors"),
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
    for each in diff.renames[:RENAMES_SHOWN]:
        was, now = harmless(each.was, NAME), harmless(each.now, NAME)
        lines.append(f"- {each.of} {now}: renamed from {was}")
    if len(diff.renames) > RENAMES_SHOWN:
        lines.append(f"- … {len(diff.renames) - RENAMES_SHOWN:,} more")
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
        for c in drift.canaries[:SHOWN]:
            said = f"{c.ships} of {c.n} | {c.ships_again} of {c.n_again}"
            lines.append(f"| {harmless(c.tool, NAME)} | {f'{DEMO} | {DEMO}' if c.demo else said} |")
        if len(drift.canaries) > SHOWN:
            lines.append(f"| … {len(drift.canaries) - SHOWN:,} more | | |")
    return lines


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(harmless(name, NAME) for name in names[:NAMES_SHOWN]) + more


def _fitting(diff: Diff, room: int) -> tuple[list[str], int]:
    """Return the tools that fit, a table and then their takes, and how many tools do not fit.

    What is published otherwise comes first, and its takes before the rows of anything else.
    """
    if not diff.tools:
        return ["No verdict differs."], 0
    rows = ["| tool | panel ship before | after | what differs |", "|---|---|---|---|"]
    room -= _size(rows)
    changed = [tool for tool in diff.tools if tool.changed]
    others = [tool for tool in diff.tools if not tool.changed]
    folded: list[str] = []
    shown = 0
    for tools, share in ((changed, TURNED), (others, 1.0)):
        fit, left = _first(map(_row, tools), int(room * share))
        rows += fit
        shown += len(fit)
        room -= int(room * share) - left
        if not folded or folded[-1] != _NO_ROOM:
            takes, room = _first(map(_takes, tools[: len(fit)]), room)
            folded += takes
            if len(takes) < len(fit):
                folded.append(_NO_ROOM)
        if len(fit) < len(tools):
            break
    return [*rows, "", *folded], len(diff.tools) - shown


_NO_ROOM = "\nThe takes of further tools do not fit here."


def _first(texts: Iterable[str], room: int) -> tuple[list[str], int]:
    """Return the first texts that fit into so many bytes, and the bytes that are left."""
    fit: list[str] = []
    for text in texts:
        size = len(text.encode()) + 1
        if size > room:
            break
        fit.append(text)
        room -= size
    return fit, room


def _row(tool: ToolChange) -> str:
    pairs = sorted(tool.pairs, key=lambda pair: pair.weight)
    said = "; ".join(f"{harmless(pair.persona, NAME)} {_said(pair)}" for pair in pairs)
    name = harmless(tool.tool, NAME)
    return f"| {name} | {ship_words(tool.before)} | {ship_words(tool.after)} | {said} |"


def _said(pair: PairChange) -> str:
    said = f"**{pair.said}**" if pair.kind == "flipped" else pair.said
    details = pair.decided if pair.kind == "gone" else pair.details
    return f"{said} ({harmless(details, SENTENCE)})" if details else said


def _takes(tool: ToolChange) -> str:
    name = html.escape(_plain(tool.tool, NAME))
    opened = " open" if tool.changed else ""
    parts = [f"<details{opened}><summary>Takes on {name}, before and after</summary>", ""]
    for pair in sorted(tool.pairs, key=lambda pair: pair.weight):
        parts.append(f"**{harmless(pair.persona, NAME)}**")
        for label, take in pair.takes():
            parts += ["", f"{label}:", "", f"> {harmless(take)}"]
        parts.append("")
    return "\n".join([*parts, "</details>", ""])
