"""The old address of what was renamed leads to the new one, on any static host."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.cells.renames import Rename
from panel.workspace.settings import SiteSettings
from tests.support.editors import do
from tests.support.frozen_verdicts import freeze
from tests.support.mock_endpoint import MockEndpoint
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import VERSUS, files_of
from tests.support.site_publication import seed_publication
from tests.support.space import Panel, Space, edit
from tests.support.templates import Make, everything_asked

PAIRS = '[site]\nbase_url = "https://verdicts.example.org/"\npairs = [["anvil", "bellows"]]\n'
OLD = ("tools/anvil.html", "compare/anvil-vs-bellows.html", "personas/builder.html")


def all_approved(space: Space, mock: MockEndpoint) -> None:
    """Ask everything and approve two takes of each tool."""
    everything_asked(space, mock)
    for slug in space.tools:
        for persona in ("builder", "skeptic"):
            do(space, "approve", (slug, persona))


@pytest.fixture
def site(copied: Callable[[Make], Space], mock: MockEndpoint, panel: Panel) -> Space:
    """Make a workspace with a published site in ``out``."""
    space = copied(all_approved)
    space.point_at(mock, PAIRS)
    publish(space, panel)
    return space


def publish(space: Space, panel: Panel) -> None:
    done = panel("publish", "out", cwd=space.root)
    assert done.code == 0, done.err


def leads_to(out: Path, path: str) -> str:
    """Return the file that a browser ends at, which must be a page of the site."""
    text = (out / path).read_text(encoding="utf-8")
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', text)
    if found is None:
        return path
    target = (out / path).parent / found[1]
    assert f'<a href="{found[1]}">' in text
    address = target.resolve().relative_to(out.resolve()).as_posix()
    assert f'<link rel="canonical" href="https://verdicts.example.org/{address}">' in text
    return leads_to(out, address)


def rename(space: Space, mock: MockEndpoint, was: str, now: str) -> None:
    (space.root / f"tools/{was}.md").rename(space.root / f"tools/{now}.md")
    space.point_at(mock, PAIRS.replace("anvil", now))


@pytest.mark.slow
def test_old_addresses_lead_to_the_new_ones_at_this_and_later_publications(
    site: Space, mock: MockEndpoint, panel: Panel
) -> None:
    out = site.root / "out"
    rename(site, mock, "anvil", "crane")
    personas = site.root / "personas"
    (personas / "builder.md").rename(personas / "maker.md")
    new = ("tools/crane.html", "compare/crane-vs-bellows.html", "personas/maker.html")
    for _again in range(2):
        publish(site, panel)
        assert tuple(leads_to(out, path) for path in OLD) == new
    assert "tools/anvil" not in (out / "sitemap.xml").read_text(encoding="utf-8")
    assert "approved" not in (out / "tools/anvil.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_rename_removes_no_page_so_the_guard_lets_it_pass_and_not_a_tool_that_is_gone(
    site: Space, mock: MockEndpoint, panel: Panel
) -> None:
    rename(site, mock, "anvil", "crane")
    said = panel("publish", "out", cwd=site.root)
    assert said.code == 0 and "--remove" not in said.err
    (site.root / "tools/crane.md").unlink()
    site.point_at(mock)
    said = panel("publish", "out", cwd=site.root)
    assert said.code == 2 and "--remove" in said.err
    assert "tools/anvil.html" in said.err and "tools/crane.html" in said.err


@pytest.mark.slow
def test_a_tool_renamed_twice_is_reached_by_both_old_addresses(
    site: Space, mock: MockEndpoint, panel: Panel
) -> None:
    out = site.root / "out"
    for was, now in (("anvil", "crane"), ("crane", "derrick")):
        rename(site, mock, was, now)
        publish(site, panel)
    assert leads_to(out, "tools/anvil.html") == leads_to(out, "tools/crane.html")
    assert leads_to(out, "tools/anvil.html") == "tools/derrick.html"


@pytest.mark.slow
def test_a_name_edited_keeps_its_page_and_its_approved_words(
    site: Space, mock: MockEndpoint, panel: Panel
) -> None:
    out = site.root / "out"
    rename(site, mock, "anvil", "anvil-pro")
    edit(site.root / "tools/anvil-pro.md", "name: Anvil", "name: Anvil Pro")
    publish(site, panel)
    assert leads_to(out, "tools/anvil.html") == "tools/anvil-pro.html"
    assert "Anvil Pro" in (out / "tools/anvil-pro.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_page_of_the_site_is_never_put_aside_for_an_old_address(
    site: Space, mock: MockEndpoint, panel: Panel
) -> None:
    out = site.root / "out"
    rename(site, mock, "anvil", "crane")
    publish(site, panel)
    rename(site, mock, "crane", "anvil")
    publish(site, panel)
    assert leads_to(out, "tools/anvil.html") == "tools/anvil.html"
    assert leads_to(out, "tools/crane.html") == "tools/anvil.html"


def test_hosts_that_read_a_list_of_redirects_have_one() -> None:
    """Each line is an old address, the new one and 301, below the path of the site's address."""
    seed = seed_publication(renames=(Rename("tool", "anvil", CODESTRAL),))
    files = files_of(seed)
    assert files["_redirects"].decode().splitlines() == [
        f"/panel/compare/{MISTRAL}-vs-anvil.html /panel/{VERSUS} 301",
        f"/panel/tools/anvil.html /panel/tools/{CODESTRAL}.html 301",
    ]
    assert "_redirects" not in files_of(seed_publication())


def test_no_line_of_redirects_stands_for_more_than_one_address() -> None:
    """Hosts read a colon or a star as any name, be it in the site's own address."""
    site = SiteSettings(base_url="https://verdicts.example/:a/*/é/")
    renames = (Rename("tool", "old", CODESTRAL),)
    lines = files_of(seed_publication(site=site, renames=renames))["_redirects"].splitlines()
    assert lines
    for line in lines:
        was, now, status = line.split(b" ")
        assert status == b"301" and not set(b":*") & {*was, *now}
        assert was.startswith(b"/%3Aa/%2A/%C3%A9/") and now.startswith(b"/%3Aa/%2A/%C3%A9/")


@pytest.mark.slow
def test_a_fresh_clone_publishes_the_redirects_that_verdicts_on_file_know(
    site: Space, mock: MockEndpoint, panel: Panel
) -> None:
    rename(site, mock, "anvil", "crane")
    freeze(site)
    for folder in ("runs", "out"):
        shutil.rmtree(site.root / folder)
    publish(site, panel)
    assert leads_to(site.root / "out", "tools/anvil.html") == "tools/crane.html"
