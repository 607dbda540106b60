"""Gathering a publication, and ``panel publish``, from a workspace with real answers in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panel.errors import UsageError
from panel.results.publication import publication
from panel.site.publication import Publication
from panel.stats import Tally
from panel.workspace.loading import load_workspace
from tests.support.editors import do, entry
from tests.support.mock_endpoint import MockEndpoint
from tests.support.results import target_of
from tests.support.runs import run
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, everything_asked


def gathered(space: Space, **options: Any) -> Publication:
    workspace = load_workspace(space.root)
    with target_of(space.root) as (target, connection):
        return publication(workspace, target, connection, **options)


def half_approved(space: Space, mock: MockEndpoint) -> None:
    """Ask everything and approve every take of the builder and the skeptic, as an editor does."""
    everything_asked(space, mock)
    for slug in space.tools:
        for persona in ("builder", "skeptic"):
            do(space, "approve", (slug, persona))


@pytest.fixture
def approved(copied: Callable[[Make], Space]) -> Space:
    """Make a workspace in which the takes of the builder and the skeptic are approved."""
    return copied(half_approved)


def test_nothing_is_published_before_an_editor_has_approved_it(asked: Space) -> None:
    assert gathered(asked).tools == ()
    assert gathered(asked).waiting == 8


def test_drafts_hold_every_take_and_say_so(asked: Space) -> None:
    drafts = gathered(asked, drafts=True)
    assert [edition.tool.slug for edition in drafts.tools] == ["anvil", "bellows"]
    assert drafts.drafts and all(edition.card.result.n == 4 for edition in drafts.tools)


@pytest.mark.slow
def test_only_approved_takes_are_there_and_only_they_count(approved: Space) -> None:
    for edition in gathered(approved).tools:
        takes = {line.persona: line.take for line in edition.card.lines}
        assert [who for who, take in takes.items() if take] == ["builder", "skeptic"]
        assert edition.card.result.n == 2


@pytest.mark.slow
def test_changes_are_told_of_published_takes_only(approved: Space) -> None:
    changes = gathered(approved).changes
    assert {change.persona for change in changes} == {"builder", "skeptic"}
    drafts = gathered(approved, drafts=True).changes
    assert {(change.persona, change.reason) for change in drafts} > {("futurist", "new")}
    assert all(change.before is None for change in drafts), "nobody approved a change"


def test_the_prompts_the_sampling_and_the_model_are_the_real_ones(asked: Space) -> None:
    made = gathered(asked, drafts=True, votes={"anvil": Tally(ships=1)})
    assert made.systems.keys() == {persona.id for persona in made.personas}
    assert "You are the Skeptic" in made.systems["skeptic"]
    assert "UNTRUSTED MATERIAL" in made.review and made.review_of == "Anvil"
    assert made.sampling["temperature"] == 0.7 and str(made.model) == "mock/mock-1"
    assert made.votes["anvil"].ships == 1


def site(space: Space, text: str) -> None:
    file = space.root / "panel.toml"
    file.write_text(file.read_text() + f"\n[site]\n{text}\n")


def test_pairs_may_be_slugs_or_names(asked: Space) -> None:
    site(asked, 'pairs = [["Bellows", "anvil"]]\ntitle = "T"\nbase_url = "https://a.example"')
    made = gathered(asked, drafts=True)
    assert made.pairs == (("bellows", "anvil"),)
    assert (made.site.title, made.site.base_url) == ("T", "https://a.example/")
    assert gathered(asked, base_url="https://b.example/x").site.base_url == "https://b.example/x/"


@pytest.mark.parametrize(
    ("pairs", "word"),
    [
        ('[["anvil", "belows"]]', "there is no tool 'belows'. Did you mean 'bellows'"),
        ('[["anvil", "Anvil"]]', "are the same tool"),
    ],
)
def test_a_pair_that_cannot_be_is_named(asked: Space, pairs: str, word: str) -> None:
    site(asked, f"pairs = {pairs}")
    with pytest.raises(UsageError, match=word):
        gathered(asked)


def test_an_unknown_key_of_the_site_table_names_the_nearest(mocked: Space, panel: Panel) -> None:
    site(mocked, 'titel = "T"')
    checked = panel("check", cwd=mocked.root)
    assert checked.code == 2 and "'titel'" in checked.out and "'title'" in checked.out


def test_publish_writes_nothing_while_nothing_is_approved(
    asked: Space, panel: Panel, tmp_path: Path
) -> None:
    done = panel("publish", tmp_path / "out", cwd=asked.root)
    assert done.code == 1 and done.out == ""
    assert "8 takes of mock/mock-1 wait for an editor" in done.err and "--drafts" in done.err
    assert "'panel desk'" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_publish_says_what_readers_will_not_see(
    approved: Space, panel: Panel, tmp_path: Path
) -> None:
    """How many takes wait, and of which tools the percentage is of some reviewers only."""
    for words in ((), ("--dry-run",)):
        told = panel("publish", tmp_path / "out", *words, cwd=approved.root).err
        assert "4 takes wait for an editor and are not in it." in told
        assert (
            "Anvil shows 2 of 4 reviewers, Bellows 2 of 4: the others are not approved, and are "
            "not counted." in told
        )
    for persona in ("futurist", "business-analyst"):
        do(approved, "approve", ("anvil", persona))
    do(approved, "reject", ("bellows", "futurist"))
    do(approved, "approve", ("bellows", "business-analyst"))
    told = panel("publish", tmp_path / "out", "--json", cwd=approved.root)
    assert "in it" not in told.err and json.loads(told.out)["waiting"] == 0
    assert "Bellows shows 3 of 4 reviewers: the other is not approved, and is not" in told.err
    drafts = panel("publish", tmp_path / "drafts", "--drafts", cwd=approved.root).err
    assert "shows" not in drafts and "not in it" not in drafts


def test_publish_drafts_says_what_it_wrote_and_what_the_site_lacks(
    asked: Space, panel: Panel, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = panel("publish", out, "--drafts", cwd=asked.root)
    assert done.code == 0 and "2 tools, 0 comparisons" in done.out
    assert "not for readers" in done.err and "No feeds, no sitemap" in done.err
    assert "Drafts. Not for readers." in (out / "tools" / "anvil.html").read_text()
    again = panel("publish", out, "--drafts", "--json", cwd=asked.root)
    report = json.loads(again.out)
    assert report["written"] == report["removed"] == 0 and report["unchanged"] > 10


def test_publish_with_an_address_makes_the_whole_site(
    approved: Space, panel: Panel, tmp_path: Path
) -> None:
    site(approved, 'pairs = [["anvil", "bellows"]]')
    do(approved, "approve", ("bellows", "futurist"))
    out = tmp_path / "out"
    done = panel("publish", out, "--base-url", "https://a.example", "--json", cwd=approved.root)
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["tools"], report["comparisons"], report["pictures"]) == (2, 1, True)
    assert "https://a.example/compare/anvil-vs-bellows.html" in (out / "sitemap.xml").read_text()
    assert "Not published" in (out / "tools" / "anvil.html").read_text()


def test_publish_says_when_the_forms_of_a_site_would_reach_nobody(
    approved: Space, panel: Panel, tmp_path: Path
) -> None:
    site(approved, "community = true")
    told = {
        address: panel("publish", tmp_path / "out", "--base-url", address, cwd=approved.root)
        for address in ("https://a.example/panel/", "https://a.example/")
    }
    assert [done.code for done in told.values()] == [0, 0]
    says = ["is not the root of its host" in done.err for done in told.values()]
    assert says == [True, False]
    assert 'action="/vote"' in (tmp_path / "out" / "tools" / "anvil.html").read_text()


def test_publish_names_the_chosen_pair_it_cannot_make(
    mocked: Space, panel: Panel, tmp_path: Path
) -> None:
    run(mocked, tools=["anvil"])
    site(mocked, 'pairs = [["anvil", "bellows"]]')
    done = panel("publish", tmp_path / "out", "--drafts", cwd=mocked.root)
    assert done.code == 0
    assert "No comparison of anvil and bellows: one of them is not published." in done.err


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "a.example", "https://a.example/?q", "https://"]
)
def test_publish_refuses_an_address_that_is_none(
    asked: Space, panel: Panel, tmp_path: Path, url: str
) -> None:
    done = panel("publish", tmp_path / "out", "--drafts", "--base-url", url, cwd=asked.root)
    assert done.code == 2 and "is not the address of a site" in done.err
    assert not (tmp_path / "out").exists()


def test_publish_refuses_a_folder_that_is_not_a_sites(asked: Space, panel: Panel) -> None:
    done = panel("publish", asked.root, "--drafts", cwd=asked.root)
    assert done.code == 2 and "holds files" in done.err


@pytest.mark.slow
def test_a_withdrawn_tool_leaves_the_site_only_with_remove(approved: Space, panel: Panel) -> None:
    out = approved.root / "site"
    assert panel("publish", out, cwd=approved.root).code == 0
    for persona in ("builder", "skeptic"):
        do(approved, "reject", ("bellows", persona))
    refused = panel("publish", out, cwd=approved.root)
    assert refused.code == 2 and "tools/bellows.html" in refused.err and "--remove" in refused.err
    assert refused.err.count("\n") == 1 and (out / "tools" / "bellows.html").exists()
    assert panel("publish", out, "--remove", cwd=approved.root).code == 0
    assert not (out / "tools" / "bellows.html").exists()


def held(space: Space, line: str) -> None:
    """Write a line into the front matter of the tool bellows."""
    file = space.root / "tools" / "bellows.md"
    file.write_text(file.read_text(encoding="utf-8").replace("---\n", f"---\n{line}\n", 1))


@pytest.mark.parametrize("line", ["hold: true", "publish_after: 2999-01-01"])
def test_a_tool_that_its_file_holds_back_is_told_to_nobody(
    approved: Space, panel: Panel, line: str
) -> None:
    """It is on no page, in no feed and no search; whoever publishes is told of it in one line."""
    held(approved, line)
    out = approved.root / "site"
    done = panel("publish", out, cwd=approved.root)
    assert done.code == 0 and done.err.count("Bellows") == 1
    assert "Held back from readers by hold or publish_after in their files: Bellows.\n" in done.err
    for file in out.rglob("*.*"):
        assert b"ellows" not in file.read_bytes() and "bellows" not in file.name, file
    assert panel("publish", f"{out}-drafts", "--drafts", cwd=approved.root).code == 0
    drafts = out.with_name("site-drafts") / "tools"
    assert "Held back:" in (drafts / "bellows.html").read_text(encoding="utf-8")
    assert "Held back:" not in (drafts / "anvil.html").read_text(encoding="utf-8")


def test_a_day_to_publish_after_that_has_come_holds_nothing_back(approved: Space) -> None:
    """The tool appears with the next build from that day on."""
    held(approved, "publish_after: 2001-01-01")
    made = gathered(approved)
    assert [each.tool.slug for each in made.tools] == ["anvil", "bellows"] and made.held == ()


@pytest.mark.slow
def test_a_published_tool_that_is_held_leaves_the_site_only_with_remove(
    approved: Space, panel: Panel
) -> None:
    """To unpublish is to hold; what readers may link to never goes unasked."""
    out = approved.root / "site"
    assert panel("publish", out, cwd=approved.root).code == 0
    held(approved, "hold: true")
    refused = panel("publish", out, cwd=approved.root)
    assert refused.code == 2 and "tools/bellows.html" in refused.err
    assert "lift the tool's hold" in refused.err and (out / "tools" / "bellows.html").exists()
    assert panel("publish", out, "--remove", cwd=approved.root).code == 0
    assert not (out / "tools" / "bellows.html").exists()


def test_a_site_of_which_everything_is_held_back_is_not_written(
    approved: Space, panel: Panel
) -> None:
    """It says that they are held, and not that nobody has approved them."""
    held(approved, "hold: true")
    (approved.root / "tools" / "anvil.md").unlink()
    done = panel("publish", approved.root / "site", cwd=approved.root)
    assert done.code == 1 and "Held back from readers" in done.err
    assert not (approved.root / "site").exists()


def test_the_editors_words_reach_readers_only_with_what_they_are_about(approved: Space) -> None:
    """Of a tool that is held back no word is told, nor does it lead the front page."""
    held(approved, "hold: true")
    for name, text in {
        "front": "lead: bellows\nheadline: Soon",
        "tools/anvil": "pick: true\nby: Ada",
        "tools/bellows": "headline: Not yet",
        "pairs/anvil--bellows": "headline: Side by side",
    }.items():
        file = approved.root / "editorial" / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\n{text}\n---\n", encoding="utf-8")
    said = gathered(approved).editorial
    assert said.front is not None and (said.front.lead, said.front.headline) == (None, None)
    assert said.tools.keys() == {"anvil"} and not said.pairs
    drafts = gathered(approved, drafts=True).editorial
    assert drafts.tools.keys() == {"anvil", "bellows"} and len(drafts.pairs) == 1


def test_drafts_do_not_overwrite_what_readers_have(approved: Space, panel: Panel) -> None:
    out = approved.root / "site"
    assert panel("publish", out, cwd=approved.root).code == 0
    refused = panel("publish", out, "--drafts", cwd=approved.root)
    assert refused.code == 2 and "Name another folder" in refused.err
    assert "Drafts. Not for readers" not in (out / "index.html").read_text(encoding="utf-8")
    assert panel("publish", f"{out}-drafts", "--drafts", cwd=approved.root).code == 0


def headings(space: Space, panel: Panel) -> list[str]:
    """Publish, and return the headings in the builder's take on anvil."""
    out = space.root / "site"
    assert panel("publish", out, cwd=space.root).code == 0
    page = (out / "tools" / "anvil.html").read_text(encoding="utf-8")
    take = page.split('id="reviewer-1"', 1)[1].split("</article>", 1)[0]
    return re.findall(r"<dt dir=\"auto\">(.*?)</dt>", take)


@pytest.mark.slow
def test_a_take_keeps_its_headings_whatever_becomes_of_it(approved: Space, panel: Panel) -> None:
    whole = headings(approved, panel)
    assert len(whole) == 3, "the last beat is the closing, which has none"
    words = entry(approved).text.split()
    words[3] = "edited"
    do(approved, "edit", text=" ".join(words))
    do(approved, "approve")
    assert headings(approved, panel) == whole, "edited by a word"
    edit(approved.root / "tools" / "anvil.md", "writes Parquet", "writes Arrow")
    assert headings(approved, panel) == whole, "stale"
    run(approved, tools=["anvil"])
    assert headings(approved, panel) == whole, "stale beside a newer answer"
    edit(approved.root / "personas" / "builder.md", "id: dx_bet", "id: bet")
    assert headings(approved, panel) == whole, "of beats that the persona no longer has"


FIFTH = """---
name: Fifth
motto: What is missing here?
order: 5
beats:
  - {id: gap, label: The gap, ask: Say what is missing.}
ship_bar: Nothing is missing.
skip_bar: Something is missing.
---
You look for what is not there.
"""

SILENT = "no editor has approved a take of this reviewer"
REVIEW = '"@type":"Review"'  # the words of a take, in the page's data


def pages(out: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in out.rglob("*.html")}


@pytest.mark.slow
def test_a_persona_that_is_added_changes_no_page_before_it_is_asked(
    approved: Space, panel: Panel
) -> None:
    """Once it has answered it is named as not published, without its words."""
    out = approved.root / "site"
    for pair in [
        (tool, who) for tool in approved.tools for who in ("futurist", "business-analyst")
    ]:
        do(approved, "approve", pair)
    assert panel("publish", out, cwd=approved.root).code == 0
    before = pages(out)
    (approved.root / "personas" / "fifth.md").write_text(FIFTH)
    assert panel("publish", out, cwd=approved.root).code == 0
    assert pages(out) == before
    run(approved)
    assert panel("publish", out, cwd=approved.root).code == 0
    now = pages(out)
    assert "fifth.html" in now and "4 of 5 reviewers published" in now["anvil.html"]
    assert now["anvil.html"].count(SILENT) == 1 and now["anvil.html"].count(REVIEW) == 4
    do(approved, "approve", ("anvil", "fifth"))
    assert panel("publish", out, cwd=approved.root).code == 0
    now = pages(out)
    assert SILENT not in now["anvil.html"] and now["anvil.html"].count(REVIEW) == 5
    assert "4 of 5 reviewers published; 1 not published" in now["bellows.html"]


def test_one_approved_take_of_four_names_the_other_three(asked: Space, panel: Panel) -> None:
    """Otherwise readers would take one vote for the verdict of everyone."""
    do(asked, "approve", ("anvil", "builder"))
    out = asked.root / "site"
    assert panel("publish", out, cwd=asked.root).code == 0
    made = pages(out)
    for name in ("index.html", "tools.html", "anvil.html"):
        assert "1 of 4 reviewers published; 3 not published" in made[name], name
    for persona in ("skeptic", "futurist", "business-analyst"):
        assert f"{persona}.html" in made
    assert made["anvil.html"].count(SILENT) == 3 and made["anvil.html"].count(REVIEW) == 1


def test_a_reviewer_that_was_asked_only_in_another_wording_is_not_named(
    asked: Space,
) -> None:
    """Its answer is not to what would be asked now, so nobody waits for its approval."""
    do(asked, "approve", ("anvil", "builder"))
    edit(asked.root / "personas" / "futurist.md", "name: Futurist", "name: Futurologist")
    named = [each.id for each in gathered(asked).personas]
    assert named == ["builder", "skeptic", "business-analyst"]


def test_the_settings_say_whom_readers_see(approved: Space) -> None:
    site(approved, 'personas = ["skeptic", "futurist"]')
    made = gathered(approved)
    assert [each.id for each in made.personas] == ["skeptic", "futurist"], "in the panel's order"
    for each in made.tools:
        assert [line.persona for line in each.card.lines] == ["skeptic", "futurist"]
        assert each.card.result.n == 1
    assert made.systems.keys() == {"skeptic", "futurist"}
    assert {change.persona for change in made.changes} == {"skeptic"}


def test_a_reviewer_without_a_published_verdict_is_said_to_have_none(
    approved: Space, panel: Panel
) -> None:
    site(approved, 'personas = ["builder", "futurist"]')
    out = approved.root / "site"
    assert panel("publish", out, cwd=approved.root).code == 0
    for name in ("index.html", "personas.html", "futurist.html"):
        page = pages(out)[name]
        assert "Ships nobody" not in page and "Ships 0 of 0" not in page
    assert "No verdict published yet" in pages(out)["index.html"]


def test_a_persona_of_the_settings_that_is_not_on_the_panel_is_named(approved: Space) -> None:
    site(approved, 'personas = ["sceptic"]')
    with pytest.raises(UsageError, match=r"'sceptic' is not on the panel\. Did you mean 'skeptic'"):
        gathered(approved)
