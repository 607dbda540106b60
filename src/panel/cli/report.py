"""A difference in each of its forms, as ``panel diff`` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.ci.annotations import annotate, render_commands, render_sarif
from panel.ci.changes import Diff, PairChange, ship_words
from panel.ci.context import Context
from panel.ci.diff import record
from panel.ci.gates import Failure
from panel.ci.junit import render_junit
from panel.ci.markdown import render_markdown
from panel.cli.output import DiffFormat, opened_output, print_json
from panel.text import harmless


@dataclass(frozen=True, slots=True)
class Report:
    """A difference with all that is said of it, to be written in several forms."""

    diff: Diff
    shut: list[Failure]
    context: Context

    def write(self, form: DiffFormat, output: Path | None) -> None:
        """Write it in one form, to stdout or a file; raises UsageError."""
        with opened_output(output) as stream:
            if form == DiffFormat.JSON:
                print_json(self._record(), stream)
            else:
                stream.write(self._text(form))

    def _text(self, form: DiffFormat) -> str:
        match form:
            case DiffFormat.TEXT:
                # A name is one line: a line of its own could start a command to the CI runner.
                lines = (" ".join(line.splitlines()) for line in _lines(self.diff))
                return harmless("".join(line + "\n" for line in lines))
            case DiffFormat.MARKDOWN:
                return render_markdown(self.diff, self.shut, self.context)
            case DiffFormat.JUNIT:
                return render_junit(self.diff, self.shut, self.context)
        remarks = annotate(self.diff, self.shut, self.context)
        if form == DiffFormat.SARIF:
            return render_sarif(remarks, self.context.name)
        return render_commands(remarks)

    def _record(self) -> dict[str, Any]:
        run = self.context.run
        asking = {**run.model_dump(), "trouble": run.trouble()} if run else None
        return {
            **record(self.diff),
            "failures": [_sentence(each) for each in self.shut],
            "warnings": [_sentence(each) for each in self.context.warned],
            "run": asking,
        }


def _sentence(failure: Failure) -> dict[str, str]:
    return {"gate": failure.gate, "sentence": failure.sentence}


def _lines(found: Diff) -> Iterator[str]:
    """Return it as text for people."""
    yield f"{found.base} → {found.head}"
    yield ""
    yield "Inputs"
    for reason, many in found.reasons.items():
        yield f"  {many:,} × {reason}"
    for rename in found.renames:
        yield f"  {rename.of} {rename.now}: renamed from {rename.was}"
    for file in found.files:
        yield f"  {file.file}: +{file.added} -{file.removed}"
    if not found.reasons and not found.files and not found.renames:
        yield "  nothing differs"
    yield ""
    yield "Verdicts"
    for tool in found.tools:
        yield f"  {tool.tool}: panel ship {ship_words(tool.before)} → {ship_words(tool.after)}"
        for pair in sorted(tool.pairs, key=lambda pair: pair.weight):
            yield from _pair_lines(pair)
    if not found.tools:
        yield "  none differs"
    yield ""
    yield "Model"
    yield f"  {found.drift.sentence}"
    drift = found.drift
    for what, names in (
        ("asked", drift.models),
        ("served", drift.served),
        ("configured", drift.configured),
    ):
        if names is not None:
            yield f"  {what}: {', '.join(names[0])} → {', '.join(names[1])}"


def _pair_lines(pair: PairChange) -> Iterator[str]:
    kind = "" if pair.said.startswith(pair.kind) else f"  {pair.kind}"
    yield f"    {pair.persona}: {pair.said}{kind} ({pair.details})"
    for label, take in pair.takes():
        yield f"      {label}: {' '.join(take.split())}"
