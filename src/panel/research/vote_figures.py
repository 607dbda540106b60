"""The figures of a report that stand on votes: ship percentages, who ships what, outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from panel.research import charts
from panel.research.figures import (
    Column,
    Figure,
    cut,
    ends,
    ends_of,
    not_voted,
    ties_said,
    votes_of,
)
from panel.research.frame import Frame
from panel.stats import Interval, PanelResult, Tally, combine
from panel.store import figures as queries
from panel.store.figures import DEMO_VERDICT
from panel.text import counted

RATE: tuple[Column, ...] = (
    ("Ship", "percent"),
    ("95 % interval", "interval"),
    ("Ships", "count"),
    ("n", "count"),
    ("Abstained", "count"),
    ("Errors", "count"),
)


DEMO_SAID = (
    "A demo model gave these verdicts. They are no judgement, and no percentage is made of them."
)


def _rate(votes: Tally | PanelResult) -> tuple[float | None, Interval | None, int | None]:
    """Return the first columns of ``RATE``; empty of a demo model's votes."""
    return votes.ship_percent, votes.interval, None if votes.demo else votes.ships


def ship_percent(frame: Frame, begin: str) -> Figure:
    """Each tool's ship percentage with its interval; of a demo model's votes neither."""
    demo = bool(frame.demo_models)
    results = {tool: combine(list(by.values())) for tool, by in frame.tallies.items()}
    percents = {tool: result.ship_percent for tool, result in results.items()}
    rank = {tool: -1 if each is None else round(each, 6) for tool, each in percents.items()}
    order = sorted(results, key=lambda tool: (-rank[tool], tool))
    shown = [
        {"label": tool, "value": results[tool].ship_percent, **ends(results[tool].interval)}
        for tool in ends_of(order)
    ]
    voted = [each for each in results.values() if each.n]
    open_ = sum(bool(each.undecided) for each in voted)
    finding = (
        f"Of {counted(len(voted), 'tool')} with a vote, {open_:,} "
        f"{'has an interval that includes' if open_ == 1 else 'have intervals that include'} 50 %: "
        "on these the panel is undecided."
        if voted
        else "Nobody voted, so there is no percentage."
    )
    finding = DEMO_SAID if demo else finding
    return Figure(
        key="ship-percent",
        title="Ship percentage of each tool",
        finding=finding,
        estimates="The ship percentage of this tool by this panel: the mean over its personas, of "
        "equal weight.",
        n=votes_of(frame),
        method="Wilson 95 % interval on the effective votes m²/Σ(1/nᵢ) of m personas with nᵢ votes "
        "each. It is about asking this panel again and, for that, rather too wide, since what "
        "sets its personas apart counts as noise. It says nothing of other personas, prompts or "
        "models.",
        left_out=not_voted(frame),
        columns=(("Tool", "text"), *RATE),
        rows=tuple(
            (tool, *_rate(result), result.n, result.abstains, result.errors)
            for tool, result in ((tool, results[tool]) for tool in order)
        ),
        sql=queries.ship_percent_sql(begin),
        chart=charts.whiskers(shown, "ship, %", (0, 100)) if voted and not demo else None,
        legend="Diamond: ship percentage. Band: its 95 % interval." + cut(len(order)),
    )


def persona_map(frame: Frame, begin: str) -> Figure:
    """Who ships what: each persona on each tool; of a demo model's votes it is not said."""
    demo, found = bool(frame.demo_models), frame.tallies
    means = frame.tool_means()
    order = sorted(found, key=lambda tool: (-round(means.get(tool, -1), 6), tool))
    said = [
        {
            "label": tool,
            "column": persona,
            "share": tally.ships / tally.n if tally.n else None,
            "words": f"{tally.ships}/{tally.n}" if tally.n else "—",
        }
        for tool in ends_of(order)
        for persona in frame.personas
        for tally in [found[tool].get(persona, Tally())]
    ]
    majorities = [[t.majority for t in by.values() if t.majority] for by in found.values()]
    divided = sum(len(set(each)) > 1 for each in majorities)
    several = sum(len(each) > 1 for each in majorities)
    ties = sum(t.n > 0 and not t.majority for by in found.values() for t in by.values())
    return Figure(
        key="map",
        title="Persona by tool",
        finding=DEMO_SAID
        if demo
        else f"On {divided:,} of the {counted(several, 'tool')} on which two personas or more "
        "have a majority, that of one is ship and that of another is skip.",
        estimates="How often this persona ships this tool, over its repeats.",
        n=votes_of(frame),
        method="Ships over votes. Wilson 95 % interval for each persona on each tool.",
        left_out=f"{not_voted(frame)} {ties_said(ties)}",
        columns=(("Tool", "text"), ("Persona", "text"), *RATE),
        rows=tuple(
            (tool, persona, *_rate(t), t.n, t.abstains, t.errors)
            for tool in order
            for persona, t in sorted(found[tool].items())
        ),
        sql=queries.map_sql(begin),
        chart=None if demo else charts.grid(said, frame.personas),
        legend="In a square: ships/votes; darker means more ships, — that nobody voted."
        + cut(len(order)),
    )


def outcomes(rows: Sequence[Mapping[str, Any]], begin: str) -> Figure:
    """How the answers ended: ship, skip, abstention or error, each a row of its own.

    A demo model's verdicts are one row.
    """
    demo = any(row["ended"] == DEMO_VERDICT for row in rows)
    verdicts = (DEMO_VERDICT,) if demo else ("ship", "skip")
    many = sum(row["answers"] for row in rows)
    by: dict[str, int] = {}
    for row in rows:
        by[row["ended"]] = by.get(row["ended"], 0) + row["answers"]
    words = [f"{by.get(name, 0):,} {name}" for name in (*verdicts, "abstain", "error")]
    return Figure(
        key="outcomes",
        title="How the answers ended",
        finding=f"Of {counted(many, 'answer')}: {', '.join(words)}."
        + (" A demo verdict is no judgement." if demo else ""),
        estimates="Counts of these answers; nothing is estimated.",
        n=counted(many, "answer"),
        method="Each cell counts once, by how it ended. The three outcomes (verdict, abstention, "
        "error) are never merged.",
        left_out="Nothing.",
        columns=(("Ended as", "text"), ("Reason", "text"), ("Answers", "count")),
        rows=tuple((row["ended"], row["reason"], row["answers"]) for row in rows),
        sql=queries.outcomes_sql(begin),
    )
