"""The figures of a report that stand on a panel's statistics: agreement, variance, flips."""

from __future__ import annotations

from panel.research import charts
from panel.research.agreement import AgreementFigures
from panel.research.figures import Column, Figure, ends, ties_said
from panel.research.panels import PanelStatistics
from panel.research.rates import Estimate, tool_rate
from panel.site.health import left_out
from panel.stats import DEMO, flip_rate
from panel.store import figures as queries
from panel.text import counted

ALL = "all personas"
WHY = "Not estimable, since"
COUNTS = "The query gives the counts that the method works on."


def agreement(found: PanelStatistics, begin: str) -> Figure:
    """How far the personas agree: raw agreement, alpha, AC1 and the marginal, always together."""
    figures = found.agreement
    named = (
        ("Raw agreement", figures.raw),
        ("Krippendorff’s alpha", figures.alpha),
        ("Gwet’s AC1", figures.ac1),
        ("Fleiss’ kappa", figures.fleiss),
    )
    known = [(name, each) for name, each in named if each.value is not None]
    drawn = [{"label": name, "value": each.value, **ends(each.interval)} for name, each in known]
    lows = [each.interval.low if each.interval else each.value or 0 for _name, each in known]
    marginal = "—" if figures.ships is None else f"{figures.ships:.2f}"
    marginal = DEMO if found.grid.demo else marginal
    said = [
        f"{name} {_number(figure.value)}{_within(figure)}"
        for name, figure in (("raw", figures.raw), ("alpha", figures.alpha), ("AC1", figures.ac1))
    ]
    return Figure(
        key="agreement",
        title="Agreement of the personas",
        finding=f"On {counted(figures.raw.n, 'tool')} with two majorities or more: "
        f"{', '.join(said)}; share of ship among all "
        f"{counted(figures.ratings, 'majority', 'majorities')} {marginal}. {_effective(figures)}",
        estimates="How far the personas’ majorities on one tool are the same, tools being the "
        "sample. Alpha alone punishes a panel that ships nearly everything, AC1 alone praises "
        "coins, and raw agreement knows no chance: read them together.",
        n=_agreeing(figures),
        method=f"Krippendorff 2011 (nominal), Gwet 2014; intervals by {figures.raw.method}. "
        f"Effective votes: {figures.effective.method}. {COUNTS}",
        left_out=f"Abstentions and errors. {ties_said(figures.ties)}",
        columns=(*_ESTIMATE, (WHY, "text")),
        rows=tuple(
            (name, each.value, each.interval, each.n, each.of, each.why)
            for name, each in (*named, ("Effective votes", figures.effective))
        ),
        sql=queries.counts_sql(begin),
        chart=charts.whiskers(drawn, "1: always the same", (min([0.0, *lows]), 1))
        if drawn
        else None,
        legend="Diamond: the figure. Band: its 95 % interval, where it can be estimated.",
    )


_ESTIMATE: tuple[Column, ...] = (
    ("Figure", "text"),
    ("Value", "number"),
    ("95 % interval", "span"),
    ("n", "count"),
    ("of", "text"),
)


def _number(value: float | None) -> str:
    return "not estimable" if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _within(each: Estimate) -> str:
    if each.interval is None:
        return ""
    span = f" ({each.interval.low:.2f} to {each.interval.high:.2f})"
    return span.replace("-", "\N{MINUS SIGN}")


def _agreeing(figures: AgreementFigures) -> str:
    """Say on how many majorities agreement stands, and on how many its chance."""
    paired = figures.ratings - figures.alone
    said = f"{paired:,} majorities on {counted(figures.raw.n, 'tool')} with two or more"
    if not figures.alone:
        return said
    many = "1 more, which is" if figures.alone == 1 else f"{figures.alone:,} more, each"
    return (
        f"{said}; {many} the only one on its tool, counts in the share of ship and in what AC1 "
        "and kappa take for chance"
    )


def _effective(figures: AgreementFigures) -> str:
    each = figures.effective
    if each.value is None:
        return f"Effective votes are not estimable: {each.why}."
    said = f"They count as {each.value:.1f} independent votes{_within(each)}."
    return " ".join([said, *(left_out(one, one.persona) for one in figures.uncounted)])


def variance(found: PanelStatistics, begin: str) -> Figure:
    """Which part of the variance of single votes is whose."""
    split = found.variance
    known = [(each.name, each.points) for each in split.components if each.points is not None]
    drawn = [{"label": name, "value": points} for name, points in known]
    most = max(known, key=lambda part: part[1]) if known else None
    tools = split.sizes[0] if split.sizes else 0
    return Figure(
        key="variance",
        title="Where the variance comes from",
        finding=f"On {counted(tools, 'tool')}, the largest part is {most[0]}: a standard "
        f"deviation of {most[1]:.0f} points of a single vote."
        if most
        else f"Not estimable: {split.why}.",
        estimates="The variance of single votes (1 ship, 0 skip) in parts; intervals are of what "
        "other tools would have shown to the same personas.",
        n=f"{counted(tools, 'tool')}; {split.repeats:.3g} votes of a cell (harmonic mean)",
        method="Analysis of variance of a random-effects model (Brennan 2001); jackknife over "
        f"groups of tools. A part below 0 is shown as found and counts as 0. {COUNTS}",
        left_out=f"Without a vote of some persona: {counted(split.left_out, 'tool')}.",
        columns=(
            ("Part", "text"),
            ("SD, points", "points"),
            ("Variance", "number"),
            ("95 % interval", "span"),
            (WHY, "text"),
        ),
        rows=tuple(
            (each.name, each.points, each.value, each.interval, each.why)
            for each in split.components
        ),
        sql=queries.counts_sql(begin),
        chart=charts.bars(drawn, "standard deviation, points") if drawn else None,
        legend="Bars: the standard deviation that a part gives a single vote.",
    )


def flips(found: PanelStatistics, begin: str) -> Figure:
    """How often a question that is asked again is answered the other way."""
    grid, whole = found.grid, found.agreement.flips
    rates = {ALL: whole}
    for place, persona in enumerate(grid.personas):
        each = [
            flip_rate(int(ships), int(votes))
            for ships, votes in zip(grid.ships[:, place], grid.votes[:, place], strict=True)
        ]
        rates[persona] = tool_rate(
            [float("nan") if rate is None else rate for rate in each],
            f"chance that an answer of {persona} flips",
            "a flip rate",
        )
    drawn = [
        {"label": name, "value": each.value, **ends(each.interval)}
        for name, each in rates.items()
        if each.value is not None
    ]
    return Figure(
        key="flips",
        title="Flips",
        finding=f"Asked again, {whole.value:.1f} % of answers flip "
        + (
            f"(95 % interval {whole.interval.low:.1f} to {whole.interval.high:.1f} %, "
            if whole.interval
            else f"(no interval: {whole.why}; "
        )
        + f"{counted(whole.n, 'tool')})."
        if whole.value is not None
        else f"Not estimable: {whole.why}.",
        estimates="The chance that two repeats of one question give different verdicts, tools "
        "being the sample.",
        n=f"{counted(whole.n, 'tool')} with a cell of two votes or more",
        method="2k(r − k)/(r(r − 1)) of each cell with k ships of r votes; mean over tools, with a "
        "t interval over tools.",
        left_out="Cells with one vote, abstentions and errors.",
        columns=(
            ("Persona", "text"),
            ("Flips", "percent"),
            ("95 % interval", "interval"),
            ("Tools", "count"),
            ("Method", "text"),
            (WHY, "text"),
        ),
        rows=tuple(
            (name, each.value, each.interval, each.n, each.method, each.why)
            for name, each in rates.items()
        ),
        sql=queries.flips_sql(begin),
        chart=charts.whiskers(drawn, "flips, %", (0, max(50.0, *map(_top, rates.values()))))
        if drawn
        else None,
        legend="Diamond: flip rate. Band: its 95 % interval.",
    )


def _top(each: Estimate) -> float:
    return each.interval.high if each.interval else each.value or 0.0
