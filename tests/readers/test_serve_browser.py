"""The server in a real browser: votes with and without scripts, attacks from other sites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panel.readers.serve.limits import Bound, VisitLimiter
from panel.site.build import build
from tests.support.browser import NewPage, violations
from tests.support.browser import serving as serving_folder
from tests.support.readers_server import Served, limits, serving
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_publication import seed_publication
from tests.support.smtp_server import Mailbox
from tests.support.subscribing import addresses, link, wait_for

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Anvil</title>
<style>p { max-width: 30rem }</style><script src="/-/vote.js" defer></script>
<main><h1>Anvil</h1>
<div data-community="anvil">
<p>Community <span data-community-share>—</span> <span data-community-votes>no votes</span></p>
<form method="post" action="/vote"><input type="hidden" name="tool" value="anvil">
<input type="hidden" name="next" value="/tools/anvil.html">
<button name="vote" value="ship">Ship</button> <button name="vote" value="skip">Skip</button>
</form><p data-community-status role="status"></p></div></main>
"""


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def site(tmp_path: Path, box: Mailbox) -> Iterator[Served]:
    with serving(tmp_path, box.environment) as served:
        (served.folder / "tools" / "anvil.html").write_text(PAGE, encoding="utf-8")
        yield served


def share(site: Served) -> tuple[int, int]:
    record = site.get("/api/votes/anvil.json").json
    return record["ships"], record["skips"]


@pytest.mark.slow
def test_a_reader_votes_by_keyboard_and_may_change_it(page: Any, site: Served) -> None:
    page.goto(f"{site.origin}/tools/anvil.html")
    page.get_by_role("button", name="Ship").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Your vote: ship. You can change it.").wait_for()
    assert page.locator("[data-community-share]").inner_text() == "100 %"
    assert (
        "1 of 1 ship, 95 % interval 21–100 %" in page.locator("[data-community-votes]").inner_text()
    )
    assert page.get_by_role("button", name="Ship").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Skip").press("Enter")
    page.get_by_text("Your vote: skip.").wait_for()
    assert share(site) == (0, 1)
    page.reload()
    page.get_by_text("0 of 1 ship").wait_for()
    assert violations(page) == []


@pytest.mark.slow
def test_without_scripts_the_form_votes_and_comes_back(new_page: NewPage, site: Served) -> None:
    page = new_page(scripts=False)
    page.goto(f"{site.origin}/tools/anvil.html")
    page.get_by_role("button", name="Ship").click()
    assert page.url == f"{site.origin}/tools/anvil.html"
    page.get_by_role("button", name="Skip").click()
    assert share(site) == (0, 1)


def test_a_vote_that_does_not_count_is_said(page: Any, site: Served) -> None:
    page.goto(f"{site.origin}/tools/anvil.html")
    (site.folder / "tools" / "anvil.html").unlink()
    (site.folder / "tools" / "anvil" / "index.html").unlink()
    page.get_by_role("button", name="Ship").click()
    page.get_by_text(
        "Not counted. There is no such tool, or it has just got another name. Reload the page."
    ).wait_for()


@pytest.mark.slow
def test_a_form_on_another_site_cannot_vote(
    new_page: NewPage, site: Served, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    form = PAGE.replace('action="/vote"', f'action="{site.origin}/vote"').replace("/-/vote.js", "")
    (trap / "index.html").write_text(form, encoding="utf-8")
    with serving_folder(trap) as elsewhere:
        port = elsewhere.rpartition(":")[2]
        for other in (f"http://evil.test:{port}/", f"http://127.0.0.1:{port}/"):
            page = new_page()
            page.goto(other)
            with page.expect_navigation() as gone:
                page.get_by_role("button", name="Ship").click()
            assert gone.value.status == 403
    assert share(site) == (0, 0)


def test_a_name_that_was_rebound_to_this_machine_gets_nothing(page: Any, site: Served) -> None:
    answer = page.goto(f"http://evil.test:{site.port}/tools/anvil.html")
    assert answer.status == 400 and "Anvil" not in page.content()


def test_an_inline_script_in_a_published_page_does_not_run(page: Any, site: Served) -> None:
    attack = '<title>x</title><p id="p">calm</p><script>p.textContent = "mad"</script>'
    attack += '<img src="/x.png" onerror="p.textContent = \'mad\'">'
    (site.folder / "attack.html").write_text(attack, encoding="utf-8")
    page.goto(f"{site.origin}/attack.html")
    assert page.locator("#p").inner_text() == "calm"
    assert any("Content Security Policy" in fault for fault in page.faults)
    page.faults.clear()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_reader_subscribes_by_keyboard(
    new_page: NewPage, site: Served, box: Mailbox, scheme: str, width: int
) -> None:
    page = new_page(scheme=scheme, width=width)
    page.goto(f"{site.origin}/subscribe")
    assert violations(page) == []
    page.get_by_label("E-mail address").fill("ann@example.org")
    page.get_by_label("E-mail address").press("Enter")
    page.get_by_role("heading", name="Check your inbox").wait_for()
    wait_for(box, 1)
    page.goto(site.origin + link(box, site))
    assert violations(page) == [] and addresses(site) == []
    page.get_by_role("button", name="Subscribe").press("Enter")
    page.get_by_role("heading", name="You are subscribed").wait_for()
    assert addresses(site) == ["ann@example.org"]


@pytest.mark.slow
def test_a_browser_works_for_a_subscription_above_the_bound(
    new_page: NewPage, tmp_path: Path, box: Mailbox
) -> None:
    with serving(tmp_path, box.environment, limits=limits(subscribe=Bound(0, 3600, 100))) as site:
        page = new_page(width=390)
        page.goto(f"{site.origin}/subscribe")
        page.get_by_label("E-mail address").fill("ann@example.org")
        page.get_by_label("E-mail address").press("Enter")
        page.get_by_role("heading", name="Check your inbox").wait_for()
        wait_for(box, 1)
        assert box.addresses == ["ann@example.org"]


@pytest.mark.slow
def test_without_scripts_a_reader_above_the_bound_is_told_to_wait_and_may_then_subscribe(
    new_page: NewPage, tmp_path: Path, box: Mailbox
) -> None:
    now = [1000.0]
    slow = VisitLimiter(Bound(1, 120, 100), clock=lambda: now[0])
    with serving(tmp_path, box.environment, limits=replace(limits(), subscribe=slow)) as site:
        site.post("/subscribe", {"email": "bob@example.org"})
        page = new_page(scripts=False)
        page.goto(f"{site.origin}/subscribe")
        page.get_by_label("E-mail address").fill("ann@example.org")
        for _ in range(2):
            page.get_by_role("button", name="Subscribe").click()
            page.get_by_text("Without it, wait: press the button in 2 minutes").wait_for()
        now[0] += 120
        page.get_by_role("button", name="Subscribe").click()
        page.get_by_role("heading", name="Check your inbox").wait_for()
        wait_for(box, 2)
    assert box.addresses == ["bob@example.org", "ann@example.org"]


@pytest.mark.slow
def test_the_page_that_asks_for_work_is_readable_for_everybody(
    new_page: NewPage, site: Served
) -> None:
    for n in range(5):
        site.post("/subscribe", {"email": f"n{n}@example.org"})
    page = new_page(scheme="dark", width=390)
    page.route("**/work.js", lambda route: route.abort())
    page.goto(f"{site.origin}/subscribe")
    page.get_by_label("E-mail address").fill("ann@example.org")
    page.get_by_label("E-mail address").press("Enter")
    page.get_by_role("heading", name="One moment").wait_for()
    assert page.get_by_text("Without it, wait: press the button in 2 minutes").is_visible()
    assert violations(page) == []
    page.faults.clear()  # the script that was left out


@pytest.mark.slow
def test_the_digest_is_readable_for_everybody(new_page: NewPage) -> None:
    file = Path(__file__).parents[1] / "golden" / "digest.html"
    for scheme, width in (("light", 700), ("dark", 390)):
        page = new_page(scheme=scheme, width=width)
        page.set_content(file.read_text(encoding="utf-8"))
        found = [each for each in violations(page) if not re.match(r"landmark|region", each)]
        assert found == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_kind_of_page_works_under_the_servers_own_policy(page: Any, tmp_path: Path) -> None:
    build(seed_publication(), tmp_path / "out")
    with serving(tmp_path) as site:
        paths = ["index.html", f"tools/{MISTRAL}.html", f"compare/{MISTRAL}-vs-{CODESTRAL}.html"]
        paths += ["methodology.html", "changes.html", "personas.html"]
        for path in paths:
            assert page.goto(f"{site.origin}/{path}").status == 200
            assert page.locator("h1").count() == 1
            sheets = "Array.from(document.styleSheets).filter(s => s.cssRules.length).length"
            assert page.evaluate(sheets) > 0
        assert page.goto(f"{site.origin}/nothing.html").status == 404
        for path in ("feed.xml", "sitemap.xml", "search.json", "robots.txt"):
            assert site.get(f"/{path}").status == 200
