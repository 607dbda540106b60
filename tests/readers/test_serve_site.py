"""The published site under the server: its pages work there, and its tools can be voted on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.site.build import build
from tests.support.editors import do
from tests.support.readers_server import Served, serving
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import made_up
from tests.support.site_publication import seed_publication
from tests.support.space import Panel, Space


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    build(seed_publication(), tmp_path / "out")
    with serving(tmp_path) as served:
        yield served


def test_the_builders_own_records_are_not_served(site: Served) -> None:
    hidden = [file.name for file in site.folder.iterdir() if file.name.startswith(".")]
    for name in hidden:
        assert site.get(f"/{name}").status == 404


def test_every_published_tool_can_be_voted_on_and_nothing_else(site: Served) -> None:
    cookie = site.vote(MISTRAL, "ship").cookie
    assert site.vote(CODESTRAL, "skip", cookie).status == 200
    assert site.vote("index", "ship", cookie).status == 404
    assert site.vote(f"{MISTRAL}-vs-{CODESTRAL}", "ship", cookie).status == 404


@pytest.mark.slow
def test_a_page_of_a_list_is_no_tool(tmp_path: Path) -> None:
    build(made_up(30), tmp_path / "out")
    pages = [file.stem for file in (tmp_path / "out").rglob("*2.html")]
    with serving(tmp_path) as served:
        assert served.vote("t002", "ship").status == 200
        lists = [each for each in (*pages, "page-2") if not each.startswith("t0")]
        assert "tools-2" in lists
        assert {served.vote(each, "ship").status for each in lists} == {404}


@pytest.mark.slow
def test_votes_are_baked_into_the_pages_when_they_are_published(asked: Space, panel: Panel) -> None:
    """On a site with `community = true`; without it no page tells of votes."""
    out = asked.root / "out"
    do(asked, "approve", ("anvil", "builder"))
    (asked.root / "votes.csv").write_text("tool,ships,skips\nanvil,37,63\n")

    def published(*options: str) -> bool:
        done = panel("publish", out, *options, cwd=asked.root)
        assert done.code == 0, done.err
        page = (out / "tools" / "anvil.html").read_text()
        return "37\N{NO-BREAK SPACE}%" in page.replace("&nbsp;", "\N{NO-BREAK SPACE}")

    assert panel("votes", "import", "votes.csv", cwd=asked.root).code == 0
    assert not published()
    with (asked.root / "panel.toml").open("a") as settings:
        settings.write("[site]\ncommunity = true\n")
    assert published()
