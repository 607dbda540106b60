"""The hand-labelled takes, and how well the checks find what is labelled in them.

    python -m tests.support.labelled_takes [NAME ...] [--misses]

NAME is one of HALVES and OTHERS.

In the files ``[[check|words]]`` marks a span, ``whole`` lists what concerns the whole take.
Only errors and warnings count: notes are shown to those who ask for them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from panel.checks import Finding, OtherTools, Subject, check_take
from panel.stats import wilson
from panel.workspace.personas import load_personas
from panel.workspace.tools import Tool, load_catalog, slugify

FOLDER = Path(__file__).parents[1] / "labelled"
HALVES = ("development", "held-out", "fresh")  # by the rules' own author
# A model's takes to the prompts as they first were, and in second/ to the present ones; clean, and
# with faults that others planted, who knew no rule.
OTHERS = ("recorded", "planted", "second/recorded", "second/planted")
# Checks that tell one kind of fault apart by its form. A label of the kind is found by any of them.
_KINDS = {
    "number-outside-source": "figure",
    "price-outside-source": "figure",
    "date-outside-source": "figure",
    "evidence-not-found": "quote",
    "evidence-altered": "quote",
    "licence-outside-source": "licence",
    "licence-about-another": "licence",
}
_MARK = re.compile(r"\[\[([a-z-]+)\|(.+?)\]\]", re.S)


@dataclass(frozen=True)
class Label:
    """What an editor would want flagged; without a span, ``quote`` is evidence or ""."""

    check: str
    span: tuple[int, int] | None
    quote: str = ""

    def found_by(self, finding: Finding) -> bool:
        """Whether a finding speaks of it: the same kind of check, and a character in common."""
        if _KINDS.get(finding.check, finding.check) != _KINDS.get(self.check, self.check):
            return False
        if self.span is None:
            return self.quote in finding.quote  # of evidence, a part may be marked
        span = finding.span
        return span is not None and span[0] < self.span[1] and self.span[0] < span[1]


@dataclass(frozen=True)
class Labelled:
    """A take with its labels."""

    subject: Subject
    labels: tuple[Label, ...]


def _unmark(marked: str, offset: int, spans: bool = True) -> tuple[str, list[Label]]:
    text, labels, last = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[last : mark.start()]
        start = offset + len(text)
        text += mark[2]
        span = (start, offset + len(text)) if spans else None
        labels.append(Label(mark[1], span, "" if spans else mark[2]))
        last = mark.end()
    return text + marked[last:], labels


@cache
def tools(folder: Path = FOLDER) -> dict[str, Tool]:
    """Return the tools that the takes were written about, as they then were, by slug."""
    made: list[Tool] = []
    if folder == FOLDER:
        written = yaml.safe_load((folder / "tools.yaml").read_text(encoding="utf-8"))
        made = [Tool.model_validate({"slug": slugify(one["name"]), **one}) for one in written]
    return {tool.slug: tool for tool in [*load_catalog(folder / "tools"), *made]}


@cache
def takes(half: str) -> tuple[Labelled, ...]:
    """Return the labelled takes of one half."""
    file = FOLDER / f"{half}.yaml"
    personas = {persona.id: persona for persona in load_personas(file.parent / "personas")}
    written, known = yaml.safe_load(file.read_text(encoding="utf-8")), tools(file.parent)
    return tuple(_labelled(one, known[one["tool"]], personas[one["persona"]]) for one in written)


def _labelled(one: dict[str, Any], tool: Tool, persona: Any) -> Labelled:
    labels = [Label(check, None) for check in one.get("whole", ())]
    beats: dict[str, str] = {}
    for beat, marked in zip(persona.beats, one["beats"], strict=True):
        offset = len(" ".join(beats.values())) + bool(beats)
        beats[beat.id], found = _unmark(marked.strip(), offset)
        labels += found
    evidence = []
    for marked in one["evidence"]:
        quote, found = _unmark(marked, 0, spans=False)
        evidence.append(quote)
        labels += found
    text = " ".join(beats.values())
    subject = Subject(tool, persona, text, one["verdict"], 70, beats, tuple(evidence))
    return Labelled(subject, tuple(labels))


@dataclass
class Figures:
    """How one check did: labels found of all, findings right of all."""

    found: int = 0
    labels: int = 0
    right: int = 0
    findings: int = 0

    def plus(self, other: Figures) -> Figures:
        """Add two up."""
        return Figures(
            self.found + other.found,
            self.labels + other.labels,
            self.right + other.right,
            self.findings + other.findings,
        )

    @property
    def precision(self) -> float:
        """Share of findings that are right; 1 when there is none."""
        return self.right / self.findings if self.findings else 1.0

    @property
    def recall(self) -> float:
        """Share of labels that are found; 1 when there is none."""
        return self.found / self.labels if self.labels else 1.0


@dataclass
class Measured:
    """A half measured: figures per check and severity, notes counted, misses listed."""

    checks: dict[str, Figures]
    errors: Figures
    warnings: Figures
    takes: int
    notes: int
    misses: list[str] = field(default_factory=list)

    @property
    def all(self) -> Figures:
        """The figures of all checks together."""
        total = Figures()
        for figures in self.checks.values():
            total = total.plus(figures)
        return total


@cache
def measure(half: str) -> Measured:
    """Run the checks over one half and compare with the labels."""
    others = OtherTools(list(tools((FOLDER / half).parent).values()))
    measured = Measured({}, Figures(), Figures(), len(takes(half)), 0)
    for take in takes(half):
        findings = check_take(take.subject, others)
        measured.notes += sum(finding.severity == "note" for finding in findings)
        shown = [finding for finding in findings if finding.severity != "note"]
        _count(take, shown, measured)
    return measured


def _count(take: Labelled, shown: list[Finding], measured: Measured) -> None:
    where = f"{take.subject.tool.slug} / {take.subject.persona.id}"
    for label in take.labels:
        figures = measured.checks.setdefault(label.check, Figures())
        figures.labels += 1
        if any(label.found_by(finding) for finding in shown):
            figures.found += 1
        else:
            words = take.subject.text[slice(*label.span)] if label.span else label.quote
            measured.misses.append(f"missed  {label.check}: {words!r} in {where}")
    for finding in shown:
        right = any(label.found_by(finding) for label in take.labels)
        figures = measured.checks.setdefault(finding.check, Figures())
        severity = measured.errors if finding.severity == "error" else measured.warnings
        for counted in (figures, severity):
            counted.findings += 1
            counted.right += right
        if not right:
            measured.misses.append(
                f"wrong   {finding.check} ({finding.severity}): {finding.quote!r} in {where}"
            )


def _rate(part: int, of: int) -> str:
    interval = wilson(part, of)
    if interval is None:
        return "–"
    return f"{part}/{of} = {100 * part / of:.0f} % ({interval.low:.0f}–{interval.high:.0f})"


def table(half: str) -> str:
    """Return the figures of one half as a Markdown table, with Wilson 95 % intervals."""
    measured = measure(half)
    lines = ["| check | precision | recall |", "|---|---|---|"]
    rows = [*sorted(measured.checks.items()), ("**all**", measured.all)]
    for check, one in rows:
        precision, recall = _rate(one.right, one.findings), _rate(one.found, one.labels)
        lines.append(f"| {check} | {precision} | {recall} |")
    for name, severity in (("errors", measured.errors), ("warnings", measured.warnings)):
        lines.append(f"| *{name} only* | {_rate(severity.right, severity.findings)} | |")
    per_take = measured.notes / measured.takes
    lines.append(
        f"\n{measured.takes} takes, {measured.all.labels} labels, {per_take:.1f} notes a take"
    )
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Print the figures of the halves named, and with --misses what went wrong."""
    known = (*HALVES, *OTHERS)
    for half in [word for word in words if word in known] or known:
        print(f"## {half}\n\n{table(half)}\n")
        if "--misses" in words:
            counts = Counter(measure(half).misses)
            print("\n".join(counts), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
