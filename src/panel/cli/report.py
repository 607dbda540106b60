"""A difference in each of its forms, as ``panel diff`` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from panel.ci.annotations import annotate, render_commands, render_sarif
from panel.ci.changes import Diff, PairChange, ship_words
from panel.ci.context import Context
from panel.ci.diff import record
from panel.ci.gates import Failure
from panel.ci.junit import render_junit
from panel.ci.markdown import render_markdown
from panel.cli.output import DiffFormat, json_text, say


@dataclass(frozen=True, slots=True)
class Report:
    """A difference with all that is said of it, to be written in several forms."""

    diff: Diff
    shut: list[Failure]
    context: Context

    def text(self, form: DiffFormat) -> str:
        """Return it in one form."""
        match form:
            case DiffFormat.MARKDOWN:
                return render_markdown(self.diff, self.shut, self.context)
            case DiffFormat.JUNIT:
                return render_junit(self.diff, self.shut, self.context)
            case DiffFormat.JSON:
                return json_text(self._record())
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


def print_diff(found: Diff) -> None:
    """Print it as text for people."""
    say(f"{found.base} → {found.head}")
    say("")
    say("Inputs")
    for reason, many in found.reasons.items():
        say(f"  {many:,} × {reason}")
    for file in found.files:
        say(f"  {file.file}: +{file.added} -{file.removed}")
    if not found.reasons and not found.files:
        say("  nothing differs")
    say("")
    say("Verdicts")
    for tool in found.tools:
        say(f"  {tool.tool}: panel ship {ship_words(tool.before)} → {ship_words(tool.after)}")
        for pair in sorted(tool.pairs, key=lambda pair: pair.weight):
            _print_pair(pair)
    if not found.tools:
        say("  none differs")
    say("")
    say("Model")
    say(f"  {found.drift.sentence}")
    drift = found.drift
    for what, names in (
        ("asked", drift.models),
        ("served", drift.served),
        ("configured", drift.configured),
    ):
        if names is not None:
            say(f"  {what}: {', '.join(names[0])} → {', '.join(names[1])}")


def _print_pair(pair: PairChange) -> None:
    cause = f", {pair.cause}" if pair.cause else ""
    persona = " ".join(pair.persona.split())
    kind = "" if pair.said.startswith(pair.kind) else f"  {pair.kind}"
    say(f"    {persona}: {pair.said}{kind} ({pair.certainty}{cause})")
    for label, take in pair.takes():
        say(f"      {label}: {' '.join(take.split())}")
