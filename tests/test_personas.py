"""The shipped personas, by the answers of a capable model that are kept in tests/labelled/second/.

The answers are of one day. What they show stands in docs/panel.md; a change of the personas or
samples needs new answers, and these figures with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from panel.stats import Tally, panel_health
from panel.stats.health import PanelHealth
from panel.workspace.personas import load_personas
from panel.workspace.tools import load_catalog
from tests.support.labelled_takes import FOLDER, Labelled, takes, tools
from tests.support.space import ROOT

SECOND = FOLDER / "second"
ALONE = {
    "murrowdeck": "builder",
    "gristlatch": "builder",
    "fennmark": "skeptic",
    "haloquent": "skeptic",
    "orrelay": "futurist",
    "velvoxia": "futurist",
    "dovetarn": "business-analyst",
    "pelgrove-desk": "business-analyst",
}
HYPED = ("auravantic", "omnivantra")


def answers(of_samples: bool | None = None) -> list[Labelled]:
    """Return the takes; of the samples, of the tools that others wrote, or (None) of both."""
    samples = {tool.slug for tool in load_catalog(ROOT / "tools")}
    return [
        one
        for one in takes("second/recorded")
        if of_samples is None or (one.subject.tool.slug in samples) == of_samples
    ]


def health(chosen: Iterable[Labelled]) -> PanelHealth:
    votes: dict[str, dict[str, Tally]] = {}
    for one in chosen:
        ship = one.subject.verdict == "ship"
        tally = Tally(ships=int(ship), skips=int(not ship))
        votes.setdefault(one.subject.tool.slug, {})[one.subject.persona.id] = tally
    return panel_health(votes.values())


def shipping(slug: str) -> set[str]:
    return {
        one.subject.persona.id
        for one in answers(of_samples=True)
        if one.subject.tool.slug == slug and one.subject.verdict == "ship"
    }


def test_the_answers_are_to_the_personas_and_samples_that_are_shipped() -> None:
    assert load_personas(SECOND / "personas") == load_personas(ROOT / "personas")
    shipped = {tool.slug: tool for tool in load_catalog(ROOT / "tools")}
    assert {slug: tools(SECOND)[slug] for slug in shipped} == shipped


@pytest.mark.parametrize("slug", ALONE)
def test_a_tool_made_for_one_reviewer_is_shipped_by_that_one_alone(slug: str) -> None:
    assert shipping(slug) == {ALONE[slug]}


@pytest.mark.parametrize("slug", HYPED)
def test_a_description_without_facts_is_shipped_by_nobody(slug: str) -> None:
    assert shipping(slug) == set()


@pytest.mark.parametrize("of_samples", [True, False, None])
def test_the_four_reviewers_count_as_more_than_half_their_number(of_samples: bool | None) -> None:
    found = health(answers(of_samples))
    assert found.mean_phi is not None and found.mean_phi <= 0.45
    assert found.effective is not None and found.effective >= 2
    assert 1 - found.unanimous / found.complete >= 0.45


@pytest.mark.parametrize("of_samples", [True, None])
def test_every_reviewer_ships_between_a_fifth_and_four_fifths(of_samples: bool | None) -> None:
    for rate in health(answers(of_samples)).personas:
        assert 20 <= (rate.votes.ship_percent or 0) <= 80, rate.persona


def test_no_reviewer_ends_more_than_three_takes_in_twenty_alike() -> None:
    for persona in load_personas(ROOT / "personas"):
        ends = [
            tuple(one.subject.text.casefold().strip(" .!?").split()[-3:])
            for one in answers()
            if one.subject.persona.id == persona.id
        ]
        assert max(Counter(ends).values()) <= 0.15 * len(ends)


def test_the_page_on_the_panel_has_these_figures() -> None:
    page = " ".join((ROOT / "docs" / "panel.md").read_text(encoding="utf-8").split())
    for chosen in (True, False, None):
        found = health(answers(chosen))
        assert found.interval is not None
        rates = " | ".join(
            f"{rate.votes.ships} of {rate.votes.n}"
            for rate in sorted(
                found.personas,
                key=lambda one: ["builder", "skeptic", "futurist", "business-analyst"].index(
                    one.persona
                ),
            )
        )
        row = (
            f"{rates} | {found.complete - found.unanimous} of {found.complete} | "
            f"{found.mean_phi:.2f} | {found.effective:.1f} "
            f"({found.interval.low:.1f}–{found.interval.high:.1f}) |"
        )
        assert row in page, row
