"""The statistics of a source: from the store and from a frame, and never pooled."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from panel.errors import UsageError
from panel.research.frame import Frame, Source, VoteCount, frame_of, load_frame
from panel.research.statistics import Statistics, statistics_of
from panel.research.table import VoteTable, load_table, table_of
from panel.stats import Tally, combine, panel_health
from panel.store.ingest import ingest, opened
from panel.workspace.loading import load_workspace
from tests.support.reference import REFERENCE
from tests.support.simulated_panels import Design, frame_of_panel, simulate
from tests.support.space import Space
from tests.support.store_ledger import Ledger


def same(one: VoteTable, other: VoteTable) -> bool:
    alike = [np.array_equal(one.codes[key], other.codes[key]) for key in one.codes]
    alike += [np.array_equal(one.counts[key], other.counts[key]) for key in one.counts]
    return all(alike) and (one.source, one.names) == (other.source, other.names)


@pytest.fixture
def store(space: Space) -> Ledger:
    """Two tools, two models: ships, skips, an abstention and an error, three repeats of one."""
    files = load_workspace(space.root)
    ledger = Ledger(files.runs, files.prompts, files.tools, files.personas)
    outcomes = ["ship", "skip", "abstain", "error", "ship", "ship", "skip", "skip"] * 3
    ledger.run([*zip(ledger.cells(repeats=3), outcomes, strict=True)])
    ledger.run([(cell, "ship") for cell in ledger.cells(model="mock-2")])
    ingest(ledger.runs)
    return ledger


@pytest.mark.parametrize("source", ["house", "model:mock/mock-2", "run:20261124T090000Z-000001"])
def test_the_columns_of_a_source_are_those_of_its_frame(store: Ledger, source: str) -> None:
    with opened(store.runs) as connection:
        table = load_table(connection, Source.parse(source))
        frame = load_frame(connection, Source.parse(source))
    assert same(table, table_of(frame))
    assert table.votes == frame.votes > 0


def test_a_source_without_answers_is_refused_in_the_same_words(store: Ledger) -> None:
    with opened(store.runs) as connection:
        for load in (load_table, load_frame):
            with pytest.raises(UsageError, match="no answers of 'run:none'"):
                load(connection, Source.parse("run:none"))


def test_models_are_chosen_by_identity_or_name_and_another_name_is_refused(store: Ledger) -> None:
    with opened(store.runs) as connection:
        table = load_table(connection, Source.parse("house"))
    for name in ("mock-2", "mock/mock-2"):
        assert [grid.model for grid in table.of_models([name]).grids()] == ["mock/mock-2"]
    with pytest.raises(UsageError, match="Did you mean 'mock/mock-2'"):
        table.of_models(["mock/mok-2"])


def test_each_tool_has_the_mean_that_the_frame_gives(store: Ledger) -> None:
    with opened(store.runs) as connection:
        frame = load_frame(connection, Source.parse("model:mock/mock-1"))
    [grid] = table_of(frame).grids()
    known = {t: m for t, m in zip(grid.tools, grid.tool_means, strict=True) if not math.isnan(m)}
    assert known == pytest.approx(frame.tool_means())


def panels(*repeats: int, models: int = 1, prompts: int = 1, tools: int = 20) -> Frame:
    """Return a simulated frame of crossed models and prompts, each answer anew."""
    made = []
    for model in range(models):
        for prompt in range(prompts):
            drawn = frame_of_panel(simulate(Design(tools, *repeats), 1, seed=model * 10 + prompt))
            made += [replace(r, model=f"m/{model}", prompt=f"p{prompt}") for r in drawn.rows]
    return frame_of("made", made)


def stats_of(frame: Frame, *tools: str) -> Statistics:
    return statistics_of(table_of(frame), tools)


def test_models_prompts_and_arms_are_never_pooled() -> None:
    frame = panels(2, models=2, prompts=2)
    arms = [replace(row, arm=arm) for row in frame.rows for arm in ("a", "b")]
    found = stats_of(frame_of("made", arms))
    assert [arm.arm for arm in found.arms] == ["a", "b"]
    for arm in found.arms:
        conditions = [(each.grid.model, each.grid.prompt) for each in arm.panels]
        assert conditions == [("m/0", "p0"), ("m/0", "p1"), ("m/1", "p0"), ("m/1", "p1")]
        assert all(each.grid.votes.sum() == 20 * 4 * 2 for each in arm.panels)


def test_over_models_the_catalog_is_less_certain_than_by_one_of_them() -> None:
    [arm] = stats_of(panels(5, models=3)).arms
    shares = [each.catalog.value for each in arm.panels]
    assert arm.catalog.value == pytest.approx(np.mean([each or 0 for each in shares]))
    assert (arm.catalog.n, arm.catalog.of) == (3, "models")
    assert arm.variance is not None
    named = {each.name: each.why for each in arm.variance.components}
    assert named["model"] is None and named["tool × model"] is None
    assert named["prompt"] == "there is one prompt: ask with another to see what the wording does"


def test_with_one_model_and_prompt_nothing_is_said_of_others() -> None:
    [arm] = stats_of(panels(5)).arms
    assert arm.catalog.value is None and arm.variance is None
    assert arm.catalog.why == "it takes two models or two prompts, and there is one of each"
    assert all(line.over.value is None for line in arm.tools)


def test_models_that_were_each_asked_with_another_prompt_cannot_be_told_from_it() -> None:
    rows = [
        replace(row, prompt="p0" if row.model == "m/0" else "p1")
        for row in panels(2, models=2).rows
    ]
    [arm] = stats_of(frame_of("made", rows)).arms
    assert arm.variance is not None
    parts = {each.name: each for each in arm.variance.components}
    assert parts["model and prompt"].value is not None
    for name in ("model", "prompt"):
        assert parts[name].value is None
        assert "cannot be told apart" in str(parts[name].why)


def test_over_models_only_tools_that_all_of_them_voted_on_count() -> None:
    frame = panels(2, models=2)
    rows = [row for row in frame.rows if (row.tool, row.model) != ("tool-00003", "m/1")]
    [arm] = stats_of(frame_of("made", rows)).arms
    assert arm.variance is not None and arm.variance.sizes[0] == 19
    by_tool = {line.tool: line for line in arm.tools}
    assert by_tool["tool-00003"].panels[1] is None
    assert by_tool["tool-00003"].over.why is not None
    assert by_tool["tool-00004"].over.interval is not None


def test_a_small_catalog_is_listed_and_of_a_large_one_what_is_named() -> None:
    assert len(stats_of(panels(1, tools=30)).arms[0].tools) == 30
    large = panels(1, tools=31)
    assert stats_of(large).arms[0].tools == ()
    [line] = stats_of(large, "tool-00007").arms[0].tools
    row = [(r.ships, r.skips) for r in large.rows if r.tool == "tool-00007"]
    assert line.panels == (combine([Tally(*each) for each in row]),)
    with pytest.raises(UsageError, match="Did you mean 'tool-00007'"):
        stats_of(large, "tol-00007")


def test_each_tools_rate_is_that_of_its_scorecard() -> None:
    frame = panels(3, tools=200)
    [arm] = stats_of(frame).arms
    by_tool: dict[str, list[Tally]] = {}
    for row in frame.rows:
        by_tool.setdefault(row.tool, []).append(Tally(row.ships, row.skips))
    results = [combine(tallies) for tallies in by_tool.values()]
    widths = [each.interval.high - each.interval.low for each in results if each.interval]
    found = arm.panels[0].tool_rates
    assert found.width == pytest.approx(np.median(widths))
    assert found.undecided == sum(bool(each.undecided) for each in results)


def test_effective_votes_are_those_of_the_panels_health() -> None:
    frame = panels(4, tools=40)
    by_tool: dict[str, dict[str, Tally]] = {}
    for row in frame.rows:
        by_tool.setdefault(row.tool, {})[row.persona] = Tally(row.ships, row.skips)
    health = panel_health(by_tool.values())
    effective = stats_of(frame).arms[0].panels[0].agreement.effective
    assert effective.value == pytest.approx(health.effective)
    assert (effective.interval, effective.n) == (health.interval, health.complete)


def test_answers_flip_as_often_as_the_simulated_truth_says() -> None:
    drawn = simulate(Design(4000, 5, arm_by_tool=0.0), 1)
    flips = stats_of(frame_of_panel(drawn)).arms[0].panels[0].agreement.flips
    truth = 100 * REFERENCE["simulated_truth"]["true_flip_rate"]
    assert flips.value == pytest.approx(truth, abs=0.7)
    assert flips.interval is not None and flips.interval.holds(truth)


def test_one_repeat_says_nothing_of_flips() -> None:
    flips = stats_of(panels(1)).arms[0].panels[0].agreement.flips
    assert flips.value is None
    assert flips.why == "each cell was answered once: ask again with --repeats"


def voted(rows: list[str], **more: Any) -> Frame:
    """Return a frame of rows of votes: 1 ships, 0 skips, t ties, . abstains."""
    counts = {"1": (1, 0), "0": (0, 1), "t": (1, 1), ".": (0, 0, 1)}
    return frame_of(
        "made",
        (
            VoteCount(f"tool-{tool}", f"p{place}", "m/0", "p0", "", *counts[vote])
            for tool, row in enumerate(rows)
            for place, vote in enumerate(row)
        ),
    )


def test_a_panel_that_always_ships_is_told_of_and_its_alpha_is_not_estimable() -> None:
    [panel] = stats_of(voted(["111"] * 20)).arms[0].panels
    outside, little = "outside 10 to 90 %", "a rate that hardly varies says little of a tool"
    assert panel.alarms == (
        *(
            f"p{place} ships every one of 20 tools: it tells none from another."
            for place in (0, 1, 2)
        ),
        f"The panel ships 100.0 % of 20 tools, {outside}: {little}.",
    )
    assert panel.agreement.alpha.value is None and panel.agreement.ac1.value == 1
    assert panel.agreement.alpha.why and panel.agreement.effective.why
    assert panel.catalog.interval is not None and panel.catalog.interval.low < 90


def test_a_mixed_panel_raises_no_alarm() -> None:
    assert stats_of(panels(5)).arms[0].panels[0].alarms == ()


def test_ties_and_abstentions_are_no_votes_of_the_majority() -> None:
    [panel] = stats_of(voted(["11t", "10.", "001", "..."])).arms[0].panels
    assert panel.agreement.ratings == 7
    assert panel.agreement.raw.n == 3
    assert [each.votes for each in panel.influence] == [3, 3, 1]
    assert panel.grid.abstains == 4


def test_few_tools_give_an_agreement_without_an_interval() -> None:
    raw = stats_of(panels(3, tools=9)).arms[0].panels[0].agreement.raw
    assert raw.value is not None and raw.interval is None
    assert raw.why == "its interval takes 10 tools with two votes or more"
    assert stats_of(panels(3, tools=10)).arms[0].panels[0].agreement.raw.interval is not None


@pytest.mark.parametrize("rows", [["1"], ["."], ["..", ".."], ["10"], ["1.", ".0"], ["t"]])
def test_the_smallest_sets_of_votes_are_answered_without_a_number_that_is_none(
    rows: list[str],
) -> None:
    [panel] = stats_of(voted(rows)).arms[0].panels
    for each in (panel.catalog, panel.agreement.raw, panel.agreement.flips):
        assert each.value is not None or each.why
        assert each.value is None or math.isfinite(each.value)


def test_work_grows_with_different_votes_and_not_with_tools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = 0

    def counting(tallies: Any) -> Any:
        nonlocal calls
        calls += 1
        return combine(tallies)

    monkeypatch.setattr("panel.research.panels.combine", counting)
    stats_of(panels(1, tools=2000))
    assert calls <= 5  # of four single votes, as many as there may be ships


def test_over_models_each_tool_of_a_large_catalog_is_summed_up_as_its_own_line_says() -> None:
    frame = panels(2, models=3, tools=40)
    rates = stats_of(frame).arms[0].tool_rates
    lines = [line.over for line in stats_of(frame, *frame.tools).arms[0].tools]
    spans = [each.interval for each in lines if each.interval]
    assert (rates.tools, rates.spread) == (40, len(spans)) and len(spans) > 30
    assert rates.undecided == sum(span.holds(50) for span in spans)
    assert rates.width == pytest.approx(np.median([span.high - span.low for span in spans]))
    assert stats_of(panels(2, tools=40)).arms[0].tool_rates.tools == 0, "there is one model"


@pytest.mark.parametrize("rows", [["1111", "0000"] * 10 + ["1110"], ["1100", "0011"] * 10])
def test_no_interval_of_an_agreement_goes_beyond_what_it_can_be(rows: list[str]) -> None:
    figures = stats_of(voted(rows)).arms[0].panels[0].agreement
    lows = {figures.raw: 0, figures.alpha: -1, figures.fleiss: -1, figures.ac1: -1}
    for each, low in lows.items():
        assert each.value is not None
        if each.interval is not None:
            assert low <= each.interval.low <= each.value <= each.interval.high <= 1
    assert rows[-1] != "1110" or (figures.alpha.interval and figures.alpha.interval.high == 1)


def test_where_votes_are_missing_the_interval_of_fleiss_kappa_holds_a_value_below_minus_one() -> (
    None
):
    rows = ["1..."] * 200 + ["10.."] * 5 + ["11.."] * 5
    fleiss = stats_of(voted(rows)).arms[0].panels[0].agreement.fleiss
    assert fleiss.value is not None and fleiss.value < -1
    assert fleiss.interval is not None and fleiss.interval.low < fleiss.value < 1
