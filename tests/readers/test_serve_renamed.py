"""Readers vote while a tool is renamed: its votes go on, and nobody votes twice by that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.cells.renames import SlugChange
from panel.frozen.files import encode_frozen, read_frozen
from panel.readers.community import Votes
from tests.support.editors import do
from tests.support.mock_endpoint import MockEndpoint
from tests.support.readers_server import Served, serving
from tests.support.space import Panel, Space
from tests.support.templates import Make, everything_asked

COMMUNITY = "[site]\ncommunity = true\n"
TEXT = "{name} folds maps of any size along their creases, offline, in {way} and without glue."


def both_approved(space: Space, mock: MockEndpoint) -> None:
    """Ask everything and approve a take of each tool."""
    everything_asked(space, mock)
    for slug in space.tools:
        do(space, "approve", (slug, "builder"))


@pytest.fixture
def space(copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel) -> Space:
    """Make a workspace with a published site beside it, in ``out``."""
    space = copied(both_approved)
    space.point_at(mock, COMMUNITY)
    publish(space, panel)
    return space


def publish(space: Space, panel: Panel, *options: str) -> None:
    done = panel("publish", "../out", *options, cwd=space.root)
    assert done.code == 0, done.err


def rename(space: Space, was: str, now: str) -> None:
    (space.root / f"tools/{was}.md").rename(space.root / f"tools/{now}.md")


def served(space: Space) -> Path:
    """Return the folder that ``serving`` takes, in which the workspace is called "space"."""
    assert space.root.name == "space"
    return space.root.parent


def standing(site: Served, tool: str) -> tuple[str, int, int]:
    share = site.get(f"/api/votes/{tool}.json").json
    return share["tool"], share["ships"], share["skips"]


@pytest.mark.slow
def test_votes_go_on_under_the_new_name_while_the_site_is_served(
    space: Space, panel: Panel
) -> None:
    with serving(served(space)) as site:
        first = site.vote("anvil", "ship").cookie
        site.vote("anvil", "ship")
        rename(space, "anvil", "crane")
        publish(space, panel)
        assert standing(site, "crane") == standing(site, "anvil") == ("crane", 2, 0)
        assert site.vote("crane", "skip", first).json["n"] == 2
        assert site.vote("anvil", "ship", first).json["ships"] == 2
        assert [each["tool"] for each in site.get("/api/votes.json").json["votes"]] == ["crane"]
        assert site.get("/tools/anvil.html").headers["location"] == "../tools/crane.html"
    assert "2 of 2 ship" in (space.root.parent / "out/tools/crane.html").read_text()
    shown = json.loads(panel("votes", "show", "anvil", "--json", cwd=space.root).out)["votes"]
    assert [(each["tool"], each["n"]) for each in shown] == [("crane", 2)]


@pytest.mark.slow
def test_an_address_has_no_more_new_votes_because_a_tool_was_renamed(
    space: Space, panel: Panel
) -> None:
    with serving(served(space)) as site:
        assert [site.vote("anvil", "ship").status for _ in range(3)] == [200] * 3
        for was, now in (("anvil", "crane"), ("crane", "derrick")):
            rename(space, was, now)
            publish(space, panel)
        statuses = [site.vote(name, "ship").status for name in ("derrick", "anvil", "crane")]
        assert statuses == [200, 200, 429]
        assert standing(site, "derrick") == ("derrick", 5, 0)


@pytest.mark.slow
def test_a_tool_that_is_called_as_before_has_all_its_votes(space: Space, panel: Panel) -> None:
    with serving(served(space)) as site:
        cookie = site.vote("anvil", "ship").cookie
        for was, now in (("anvil", "crane"), ("crane", "anvil")):
            rename(space, was, now)
            publish(space, panel)
        assert site.vote("crane", "skip", cookie).json["n"] == 1
        assert standing(site, "anvil") == ("anvil", 0, 1)


@pytest.mark.slow
def test_another_tool_of_the_old_name_has_its_own_votes(
    space: Space, mock: MockEndpoint, panel: Panel
) -> None:
    with serving(served(space)) as site:
        cookie = site.vote("anvil", "ship").cookie
        rename(space, "anvil", "crane")
        assert panel("plan", cwd=space.root).code == 0
        space.tool("anvil", description=TEXT.format(name="Anvil", way="one go"))
        assert panel("run", cwd=space.root).code == 0
        do(space, "approve", ("anvil", "builder"))
        publish(space, panel)
        assert site.vote("anvil", "skip", cookie).json["n"] == 1
        assert standing(site, "anvil") == ("anvil", 0, 1)
        assert standing(site, "crane") == ("crane", 1, 0)


@pytest.mark.slow
def test_a_file_of_verdicts_that_claims_a_living_tool_gets_none_of_its_votes(
    space: Space, panel: Panel
) -> None:
    assert panel("freeze", cwd=space.root).code == 0
    folder = space.root / "verdicts"
    thief = read_frozen(folder)["bellows"]
    claims = (*(f"gone-{number}" for number in range(300)), "anvil")
    named = thief.named("bellows", claims, thief.described)
    (folder / "bellows.json").write_text(encode_frozen(named))
    with serving(served(space)) as site:
        site.vote("anvil", "ship")
        publish(space, panel)
        assert standing(site, "anvil") == ("anvil", 1, 0)
        assert standing(site, "bellows") == ("bellows", 0, 0)
    assert (space.root / "community/votes.jsonl").read_text().count("\n") <= 102


@pytest.mark.slow
def test_votes_follow_a_rename_that_only_the_file_of_verdicts_tells_of(
    space: Space, panel: Panel
) -> None:
    """As on a server whose answers came from verdicts/ alone."""
    with serving(served(space)) as site:
        site.vote("anvil", "ship")
        rename(space, "anvil", "crane")
        assert panel("freeze", cwd=space.root).code == 0
        shutil.rmtree(space.root / "runs")
        publish(space, panel)
        assert standing(site, "crane") == ("crane", 1, 0)


@pytest.mark.slow
def test_what_is_only_looked_at_moves_no_votes(space: Space, panel: Panel) -> None:
    with serving(served(space)) as site:
        site.vote("anvil", "ship")
        before = (space.root / "community/votes.jsonl").read_bytes()
        rename(space, "anvil", "crane")
        publish(space, panel, "--dry-run")
        assert panel("publish", "../seen", "--drafts", cwd=space.root).code == 0
        assert (space.root / "community/votes.jsonl").read_bytes() == before
        assert standing(site, "anvil") == ("anvil", 1, 0)


def moved(site: Served, was: str, now: str) -> None:
    """Put a page at an old address, as panel.site writes it."""
    head = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    file = site.folder / "tools" / f"{was}.html"
    file.write_text(f'{head}<meta http-equiv="refresh" content="0; url={now}.html">\n')


def test_an_old_address_of_which_the_votes_know_nothing_takes_none(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        moved(site, "smithy", "bellows")
        answer = site.vote("smithy", "ship")
        assert answer.status == 404 and "another name. Reload the page." in answer.json["error"]
        assert site.get("/api/votes/smithy.json").status == 404
        assert not (site.root / "community/votes.jsonl").exists()


def test_a_vote_on_a_page_that_is_not_replaced_yet_counts_for_the_renamed_tool(
    tmp_path: Path,
) -> None:
    at = "2026-11-24T12:00:00.000000"
    with serving(tmp_path) as site:
        page = site.folder / "tools/bellows.html"
        Votes(site.root).follow([SlugChange("bellows", "crane", at)], at)
        cookie = site.vote("bellows", "ship").cookie
        assert standing(site, "bellows") == ("crane", 1, 0)
        (site.folder / "tools/crane.html").write_text("<!doctype html>")
        assert site.vote("bellows", "skip", cookie).status == 404
        assert site.vote("crane", "ship", cookie).json["n"] == 1
        page.unlink()
        assert site.vote("bellows", "skip", cookie).json["skips"] == 1
        Votes(site.root).begin(["bellows"], at)
        page.write_text("<!doctype html>")
        assert site.vote("bellows", "ship", cookie).json["n"] == 1
        assert standing(site, "crane") == ("crane", 0, 1)
