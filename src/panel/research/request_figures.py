"""The figures of a report that stand on requests, and on what answers state of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from panel.research import charts
from panel.research.calibration import stated_and_seen
from panel.research.figures import Column, Figure, ends
from panel.stats.calibration import FEWEST_TOOLS, HeldOut, Repeats, held_out
from panel.store import figures as queries
from panel.text import counted

Row = Mapping[str, Any]
Columns = Mapping[str, Column]  # by the names of what is in a row
ALL = "all personas"
PERSONA: Column = ("Persona", "text")
DESCRIBES = "These requests alone: it describes them, and nothing beyond is estimated. No interval."
REQUESTS = (
    "Nothing: repairs and failed tries are requests, too. Requests that are no longer behind an "
    "answer of this source are not among them."
)


def reliability(rows: Sequence[Row], begin: str) -> Figure:
    """Hold the stated confidence against the other repeats of the same question."""
    cells = [Repeats(row["tool"], tuple(row["stated"]), tuple(row["ships"])) for row in rows]
    bins, found = stated_and_seen(cells), held_out(cells)
    points = [{"stated": each.stated, "seen": each.seen, **ends(each.interval)} for each in bins]
    return Figure(
        key="reliability",
        title="Reliability of the stated confidence",
        finding=_reliable(found),
        estimates="Whether a stated confidence foretells that another answer to the same question "
        "gives the same verdict. Not whether the verdict is right.",
        n=f"{sum(each.answers for each in bins):,} answers in {counted(len(cells), 'cell')} on "
        f"{counted(found.tools if found else 0, 'tool')}",
        method="Each answer predicts the other votes of its cell. Brier score, against the best "
        "constant; 95 % t interval of the gain over tools, from "
        f"{FEWEST_TOOLS} tools on. Drawn: the share of a cell’s other votes that say the same, the "
        "mean over tools, with t intervals over tools.",
        left_out="Answers in cells with one vote, answers that state no confidence, abstentions "
        "and errors.",
        columns=(
            ("Stated", "text"),
            ("Mean stated", "percent"),
            ("Others agree", "percent"),
            ("95 % interval", "interval"),
            ("Answers", "count"),
            ("Tools", "count"),
        ),
        rows=tuple(
            (
                f"{each.low} to {each.below - 1} %",
                each.stated,
                each.seen,
                each.interval,
                each.answers,
                each.tools,
            )
            for each in bins
        ),
        sql=queries.stated_sql(begin),
        chart=charts.reliability(points, ("stated confidence, %", "other votes that agree, %"))
        if bins
        else None,
        legend="Dots: ranges of stated confidence. Bands: 95 % intervals. Dashed: where stated "
        "and seen are equal.",
    )


def _reliable(found: HeldOut | None) -> str:
    if found is None:
        return (
            "Not shown: no cell has two votes, so nothing tells how often another answer agrees. "
            "Ask with --repeats 2 or more."
        )
    scores = (
        f"Brier score {found.brier:.3f}, base rate {found.base_brier:.3f} "
        f"({counted(found.pairs, 'prediction')} on {counted(found.tools, 'tool')}"
    )
    if found.low is None or found.high is None:
        return f"Not shown: {scores}); an interval takes {FEWEST_TOOLS} tools."
    signed = (found.gain, found.low, found.high)
    # As many digits as it takes that none but 0 is called 0: its sign decides.
    digits = next((d for d in range(3, 9) if all(round(each, d) or not each for each in signed)), 9)
    gain, low, high = (f"{each:+z.{digits}f}" for each in signed)
    span = f"gain {gain}, 95 % interval {low} to {high}"
    span = f"{scores}; {span}).".replace("-", "\N{MINUS SIGN}")
    if found.beats:
        return f"The stated confidence foretells better than the base rate. {span}"
    if found.high < 0:
        return f"The stated confidence foretells worse than the base rate: do not print it. {span}"
    return f"Not shown that the stated confidence foretells better than the base rate. {span}"


def _by_persona(rows: Sequence[Row], columns: Columns) -> tuple[tuple[Any, ...], ...]:
    return tuple((row["persona"] or ALL, *(row[name] for name in columns)) for row in rows)


def latency(rows: Sequence[Row], begin: str) -> Figure:
    """Seconds of a request."""
    whole = rows[0]
    drawn = [
        {
            "label": row["persona"] or ALL,
            "low": row["p10"],
            "value": row["p50"],
            "high": row["p90"],
            "far": row["p99"],
        }
        for row in rows
        if row["requests"]
    ]
    return Figure(
        key="latency",
        title="Latency",
        finding=f"Half of {counted(whole['requests'], 'request')} took at most {whole['p50']:.2f} "
        f"s, nine of ten at most {whole['p90']:.2f} s, the longest {whole['longest']:.2f} s."
        if drawn
        else "Not known: no request was made for these answers.",
        estimates=DESCRIBES,
        n=counted(whole["requests"], "request"),
        method="Percentiles, interpolated, of the seconds from sending a request to its whole "
        "answer, at the concurrency of the run. Waits between tries are not in it.",
        left_out=REQUESTS,
        columns=(PERSONA, *_LATENCY.values()),
        rows=_by_persona(rows, _LATENCY) if drawn else (),
        sql=queries.latency_sql(begin),
        chart=charts.ranges(drawn, "seconds") if drawn else None,
        legend="Tick: median. Band: 10 to 90 %. Dot: 99 %.",
    )


_LATENCY: Columns = {
    "requests": ("Requests", "count"),
    "p10": ("10 %", "seconds"),
    "p50": ("Median", "seconds"),
    "p90": ("90 %", "seconds"),
    "p99": ("99 %", "seconds"),
    "longest": ("Longest", "seconds"),
}


def tokens(rows: Sequence[Row], begin: str) -> Figure:
    """Tokens of a request."""
    whole = rows[0]
    pieces = [
        {"label": row["persona"] or ALL, "kind": kind, "value": row[f"{kind}_mean"]}
        for row in rows
        for kind in ("prompt", "completion")
        if row["counted"]
    ]
    return Figure(
        key="tokens",
        title="Tokens",
        finding=f"{whole['counted']:,} of {counted(whole['requests'], 'request')} "
        f"{'was' if whole['counted'] == 1 else 'were'} counted by the server: "
        f"{whole['prompt_tokens'] or 0:,} prompt tokens "
        f"({whole['cached_tokens'] or 0:,} known to be from its cache) and "
        f"{whole['completion_tokens'] or 0:,} completion tokens."
        if pieces
        else f"Not known: the server counted tokens of none of "
        f"{counted(whole['requests'], 'request')}.",
        estimates=DESCRIBES,
        n=f"{whole['counted']:,} of {counted(whole['requests'], 'request')}",
        method="Sums, and means of a request, as the server counted them.",
        left_out="Requests of which the server gave no count.",
        columns=(PERSONA, *_TOKENS.values()),
        rows=_by_persona(rows, _TOKENS) if pieces else (),
        sql=queries.tokens_sql(begin),
        chart=charts.bars(pieces, "tokens of a request, mean", ("prompt", "completion"))
        if pieces
        else None,
        legend="Dark: prompt. Light: completion.",
    )


_TOKENS: Columns = {
    "requests": ("Requests", "count"),
    "counted": ("Counted", "count"),
    "prompt_mean": ("Prompt, mean", "mean"),
    "completion_mean": ("Completion, mean", "mean"),
    "completion_p90": ("Completion, 90 %", "mean"),
    "prompt_tokens": ("Prompt, sum", "count"),
    "completion_tokens": ("Completion, sum", "count"),
    "cached_tokens": ("Cached, sum", "count"),
}


def cost(rows: Sequence[Row], begin: str) -> Figure:
    """Say what the requests cost."""
    whole, asked = rows[0], counted(rows[0]["requests"], "request")
    known = bool(whole["priced"])
    drawn = [
        {"label": row["persona"] or ALL, "value": row["usd_per_verdict"]}
        for row in rows
        if row["usd_per_verdict"] is not None
    ]
    return Figure(
        key="cost",
        title="Cost",
        finding=f"{whole['priced']:,} of {asked} have a known price: together "
        f"{whole['cost_usd']:.4f} US dollars for {counted(whole['verdicts'], 'verdict')}."
        if known
        else f"Not known: none of {asked} has a price. Prices in panel.toml give it one.",
        estimates=DESCRIBES,
        n=f"{whole['priced']:,} of {counted(whole['requests'], 'request')}",
        method="Sums of tokens times prices, in US dollars, as known when each was asked. A "
        "verdict’s cost has a share of the repairs and failures beside it.",
        left_out="Requests without a known price.",
        columns=(PERSONA, *_COST.values()),
        rows=_by_persona(rows, _COST) if known else (),
        sql=queries.cost_sql(begin),
        chart=charts.bars(drawn, "US dollars of a verdict") if drawn else None,
        legend="Cost of a verdict, repairs and failures included.",
    )


_COST: Columns = {
    "requests": ("Requests", "count"),
    "priced": ("Priced", "count"),
    "verdicts": ("Verdicts", "count"),
    "cost_usd": ("Sum", "usd"),
    "usd_per_verdict": ("Of a verdict", "usd"),
}
