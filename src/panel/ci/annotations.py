"""What a reviewer is shown at a line of a file: GitHub's workflow commands, and SARIF."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from panel import __version__
from panel.ci.changes import Diff, Kind, PairChange
from panel.ci.context import PLAIN, Context
from panel.ci.gates import Failure
from panel.ci.places import Place
from panel.text import counted, one_line

Level = Literal["error", "warning", "notice"]
MOST = 10  # annotations of one level that GitHub shows of one step
LONGEST = 1000  # characters of a message
_SARIF: dict[Level, str] = {"error": "error", "warning": "warning", "notice": "note"}
RULES = {
    "flipped": "A verdict that was sure has become the other one, surely.",
    "settled": "A verdict that few answers had left open has become the other one.",
    "contested": "Newer answers speak against a verdict and are too few to be sure.",
    "decision": "Editors have decided otherwise on a take.",
    "stale": "A verdict on file does not hold for the files as they are.",
    "drift": "The model is not what it was.",
    "abstain": "A persona gave no verdict where it gave one before.",
    "ship-below": "A tool has a low panel ship percentage, and had not before.",
    "run": "Not every cell has been asked.",
}
REMARKED: dict[Kind, str] = {"flipped": "flipped", "settled": "settled", "leaning": "contested"}
TURNED = ("flip", "change")  # gates about verdicts that have remarks of their own


@dataclass(frozen=True, slots=True)
class Annotation:
    """One remark. rule: a key of RULES; place: None where it is about no file."""

    level: Level
    rule: str
    title: str
    message: str
    place: Place | None = None


def annotate(diff: Diff, shut: Sequence[Failure], context: Context = PLAIN) -> list[Annotation]:
    """Return what to remark, errors first: changed verdicts, contested ones, reasons of gates.

    A changed verdict is an error where a gate is shut on it; elsewhere a flip is a warning, and
    so is any other that a warning is about. The rest are notices. What is new, gone or reworded
    has no remark.
    """
    found = [
        *_of_run(context),
        *_of_changes(diff, shut, context),
        *_of_gates(shut, "error", context),
        *_of_gates(context.warned, "warning", context),
    ]
    order: tuple[Level, ...] = ("error", "warning", "notice")
    return sorted(found, key=lambda each: order.index(each.level))


def _of_run(context: Context) -> Iterator[Annotation]:
    if context.trouble:
        yield Annotation("error", "run", "Not every cell has been asked", context.trouble)


def _of_changes(diff: Diff, shut: Sequence[Failure], context: Context) -> Iterator[Annotation]:
    stopped = {pair for failure in shut for pair in failure.pairs}
    warned = {pair for failure in context.warned for pair in failure.pairs}
    for change in sorted(diff.changes, key=lambda each: each.weight):
        rule, key = REMARKED.get(change.kind), (change.tool, change.persona)
        if rule is None:
            continue
        level: Level = "notice"
        if change.changed and key in stopped:
            level = "error"
        elif change.kind == "flipped" or (change.changed and key in warned):
            level = "warning"
        title = f"{change.tool} × {change.persona}: {change.said}"
        yield Annotation(level, rule, title, _takes(change), context.places.get(change.tool))


def _takes(change: PairChange) -> str:
    takes = [f"{label}: {take}" for label, take in change.takes()]
    return "\n".join([change.details, *takes])


def _of_gates(reasons: Sequence[Failure], level: Level, context: Context) -> Iterator[Annotation]:
    """Yield one remark for each tool that a reason is about; changed verdicts have their own."""
    for failure in reasons:
        if failure.gate in TURNED:
            continue
        title = f"Reviewer panel: {failure.gate}"
        tools: dict[str, list[str]] = {}
        for tool, persona in sorted(failure.pairs):
            tools.setdefault(tool, []).append(persona)
        if not tools:
            yield Annotation(level, failure.gate, title, failure.sentence)
        for tool, personas in tools.items():
            message = f"{RULES.get(failure.gate, failure.gate)} {tool}: {', '.join(personas)}."
            if len(tools) == 1:
                message = failure.sentence
            yield Annotation(level, failure.gate, title, message, context.places.get(tool))


def render_commands(found: Sequence[Annotation]) -> str:
    """Return workflow commands for a GitHub runner, a line each; at most ten of each level.

    The runner shows no more of one step. What is left out is counted in the last line.
    """
    lines, seen = [], Counter[Level]()
    for each in found:
        seen[each.level] += 1
        if seen[each.level] <= MOST:
            lines.append(_command(each))
    left = sum(many - MOST for many in seen.values() if many > MOST)
    if left:
        lines.append(f"{counted(left, 'more remark is', 'more remarks are')} in the report.")
    return "".join(line + "\n" for line in lines)


def _command(each: Annotation) -> str:
    fields = {"title": one_line(each.title)}
    if each.place:
        fields = {"file": one_line(each.place.file), "line": str(each.place.line), **fields}
    told = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in fields.items())
    lines = [one_line(line) for line in each.message.split("\n")]
    return f"::{each.level} {told}::{_escaped(_cut(lines))}"


def _cut(lines: list[str]) -> str:
    text = "\n".join(lines)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _escaped(text: str, more: str = "") -> str:
    """Escape what ends a command or a field of it, as GitHub's own toolkit does."""
    text = text.replace("%", "%25")
    for character in "\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def render_sarif(found: Sequence[Annotation], name: str = "") -> str:
    """Return the remarks as SARIF 2.1.0, for code scanning; all of them, however many.

    A result has to have a place: what is about no file is shown at the top of panel.toml.
    """
    rules = {rule: RULES.get(rule, rule) for rule in sorted({each.rule for each in found})}
    driver = {
        "name": "reviewer-panel",
        "version": __version__,
        "rules": [
            {"id": rule, "shortDescription": {"text": RULES.get(rule, rule)}} for rule in rules
        ],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"reviewer-panel/{one_line(name)}"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in found],
    }
    told = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _result(each: Annotation) -> dict[str, Any]:
    place = each.place or Place("panel.toml", 1)
    lines = [one_line(each.title), *map(one_line, each.message.split("\n"))]
    text = "\n".join(lines).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return {
        "ruleId": each.rule,
        "level": _SARIF[each.level],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.file, errors="surrogateescape")},
                    "region": {"startLine": place.line},
                }
            }
        ],
    }
