"""What ``panel experiment report`` prints: standing, arms, and the registered comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from panel.cli.comparing import Takes, print_comparison
from panel.cli.comparing import record as comparison_record
from panel.cli.output import out, percent, plain_table, safe, say
from panel.research.experiments import waiting_arms
from panel.research.flips import expected_flips
from panel.research.frame import Source
from panel.research.outcome import ComparisonOutcome, ExperimentOutcome
from panel.stats import DEMO
from panel.store.connection import Connection
from panel.store.frames import takes_by_vote
from panel.text import counted


def flipped_takes(connection: Connection, outcome: ExperimentOutcome) -> list[list[Takes]]:
    """Return, for each comparison, the takes of both its arms on the tools that flipped."""
    return [
        [
            takes_by_vote(
                connection,
                Source("experiment", outcome.experiment.name, arm).place,
                [tool.tool for tool in each.found.flips] if each.found else [],
            )
            for arm in (each.registered.a, each.registered.b)
        ]
        for each in outcome.comparisons
    ]


def print_outcome(outcome: ExperimentOutcome) -> None:
    """Print what an experiment came to, and before any number what has to be known of it."""
    found = outcome.experiment
    for line in outcome.headline:
        say(line)
    say(f"{found.name}: {found.plan.question}")
    out().print(_rates_table(outcome))
    for arm in outcome.arms:
        for why in arm.unrealised:
            say(f"Not realised: {arm.conditions.arm}: {why}.")
        if arm.rate.why:
            say(f"{arm.conditions.arm}: not estimable: {arm.rate.why}.")
        if arm.errors:
            say(
                f"{arm.conditions.arm}: {counted(arm.errors, 'cell')} ended in an error; "
                f"'panel experiment run {found.name}' asks them again."
            )
    for each in outcome.comparisons:
        say("")
        if each.found is not None:
            print_comparison(each.found, expected_flips(each.found))
        say(each.sentence)


def outcome_record(outcome: ExperimentOutcome, takes: Sequence[Sequence[Takes]]) -> dict[str, Any]:
    """Return an outcome as plain JSON types. takes: those of ``flipped_takes``."""
    found = outcome.experiment
    return {
        "experiment": found.name,
        "question": found.plan.question,
        "complete": not outcome.incomplete,
        **asdict(outcome.standing),
        "confirmatory": outcome.confirmatory,
        "headline": outcome.headline,
        "arms": [
            {
                **asdict(arm.conditions),
                "unanswered": arm.unanswered,
                "tools": arm.tools,
                "votes": arm.votes,
                "abstains": arm.abstains,
                "errors": arm.errors,
                "demo": arm.demo,
                "rate": asdict(arm.rate),
                "realised": not arm.unrealised,
                "unrealised": list(arm.unrealised),
            }
            for arm in outcome.arms
        ],
        "waiting": waiting_arms(found),
        "comparisons": [
            _comparison(each, own) for each, own in zip(outcome.comparisons, takes, strict=True)
        ],
    }


def _comparison(each: ComparisonOutcome, takes: Sequence[Takes]) -> dict[str, Any]:
    return {
        **each.registered.model_dump(),
        "why": each.why,
        "sentence": each.sentence,
        "p_adjusted": each.adjusted,
        "found": each.found
        and comparison_record(each.found, expected_flips(each.found), None, None, takes),
    }


def _rates_table(outcome: ExperimentOutcome) -> Table:
    heads = ("tools", "votes", "no verdict", "not asked", "ship", "95 % interval")
    table = plain_table(["Arm"], heads)
    table.add_column("asked as")
    for arm in outcome.arms:
        rate = arm.rate
        span = f"{rate.interval.low:.0f}–{rate.interval.high:.0f} %" if rate.interval else "—"
        counts = (arm.tools, arm.votes, arm.abstains + arm.errors, arm.unanswered)
        table.add_row(
            safe(arm.conditions.arm),
            *(f"{count:,}" for count in counts),
            DEMO if arm.demo else percent(rate.value),
            span,
            safe(", ".join((*arm.conditions.output_modes, *arm.conditions.adapted))),
        )
    return table
