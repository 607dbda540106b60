"""The panel itself, as ``panel show --panel`` prints it: who ships how often, who agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from panel.cli.output import DEMO_FIGURES, out, percent, plain_table, safe, say, ship_share
from panel.site.health import left_out, sentence, warning
from panel.stats import ENOUGH, PanelHealth, PersonaPair, ends
from panel.text import counted

REMEDY = "docs/panel.md says what to do: bars on axes of their own."


def print_health(health: PanelHealth, names: Mapping[str, str], model: str) -> None:
    """Print the figures of a panel; names: of its personas, by id."""
    console = out()
    if health.demo:
        say(DEMO_FIGURES)
    console.print(_rates(health, names))
    if health.pairs:
        console.print()
        console.print(_pairs(health, names))
    console.print()
    if health.complete:
        say(
            f"Of {counted(health.complete, 'tool')} with a vote of every reviewer, all agree on "
            f"{health.unanimous:,} ({percent(health.unanimous_percent)}) and differ on "
            f"{health.complete - health.unanimous:,} ({percent(health.divided_percent)})."
        )
    if health.mean_phi is not None:
        left = f"; {health.without_phi} without a phi left out" if health.without_phi else ""
        with_phi = len(health.pairs) - health.without_phi
        say(f"Mean phi {health.mean_phi:.2f} over {counted(with_phi, 'pair')}{left}.")
    # Of a handful of tools, that somebody says the same of each tells nothing.
    for each in health.uncounted if len(health.voting) > 1 and health.complete >= ENOUGH else ():
        say(left_out(each, names[each.persona]))
    say(sentence(health, model))


def warning_with_remedy(health: PanelHealth) -> str | None:
    """Return the warning of a panel that counts for less than half its votes, and what to do."""
    said = warning(health)
    return f"{said} {REMEDY}" if said else None


def _rates(health: PanelHealth, names: Mapping[str, str]) -> Table:
    table = plain_table(["Reviewer"], ["n", "ship", "95 % interval", "tied", "no vote"])
    for each in health.personas:
        votes = each.votes
        span = f"{votes.interval.low:.0f}–{votes.interval.high:.0f} %" if votes.interval else "—"
        cells = (f"{votes.n:,}", ship_share(votes), span)
        table.add_row(safe(names[each.persona]), *cells, f"{each.ties:,}", f"{each.unvoted:,}")
    return table


def _pairs(health: PanelHealth, names: Mapping[str, str]) -> Table:
    table = plain_table(["Pair"], ["n", "agree", "phi"])
    for each in health.pairs:
        pair = safe(f"{names[each.one]} × {names[each.other]}")
        table.add_row(pair, f"{each.n:,}", percent(each.agreement), _phi(each, names))
    return table


def _phi(pair: PersonaPair, names: Mapping[str, str]) -> Text:
    if pair.phi is not None:
        return Text(f"{pair.phi:.2f}")
    if not pair.n:
        return Text("— no tool in common", "dim")
    if len(pair.constant) > 1:
        return Text("— neither varies", "dim")
    return safe(f"— {names[pair.constant[0]]} never varies", "dim")


def health_record(health: PanelHealth, model: str) -> dict[str, Any]:
    """Return the figures of a panel as plain JSON types."""
    return {
        "model": model,
        "demo": health.demo,
        "tools": health.tools,
        "complete": health.complete,
        "unanimous": health.unanimous,
        "unanimous_percent": health.unanimous_percent,
        "divided": health.complete - health.unanimous,
        "divided_percent": health.divided_percent,
        "mean_phi": health.mean_phi,
        "pairs_without_phi": health.without_phi,
        "effective_votes": health.effective,
        "effective_interval": ends(health.interval),
        "effective_of": [each.persona for each in health.counted],
        "below_half": health.below_half,
        "sentence": sentence(health, model),
        "warning": warning_with_remedy(health),
        "personas": [
            {
                "persona": each.persona,
                "n": each.votes.n,
                "ships": each.votes.ships,
                "skips": each.votes.skips,
                "demo": each.votes.demo,
                "ship_percent": each.votes.ship_percent,
                "interval": ends(each.votes.interval),
                "ties": each.ties,
                "unvoted": each.unvoted,
                "constant": each.constant,
            }
            for each in health.personas
        ],
        "pairs": [
            {
                "one": each.one,
                "other": each.other,
                "n": each.n,
                "agreed": each.agreed,
                "agreement": each.agreement,
                "phi": each.phi,
                "constant": list(each.constant),
            }
            for each in health.pairs
        ],
    }
