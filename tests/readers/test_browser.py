"""A reader's whole way, in a real browser: from what a model answered to a vote on the page.

Two tools are asked about at a mock endpoint that gives the seed page's takes, an editor
decides on all of them, ``panel publish`` writes the site, and ``panel serve`` (a process of
its own, with a real mail server beside it) serves it to Chromium.
"""

from __future__ import annotations

import email
import email.policy
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from panel.desk.decide import decide
from panel.results.entries import Entry
from panel.workspace.loading import load_workspace
from panel.workspace.tools import Tool
from tests.support.browser import NewPage, shoot, violations
from tests.support.browser import serving as serving_folder
from tests.support.desk_session import ask, mock_elsewhere, seed_asked, seed_face
from tests.support.editors import on
from tests.support.mock_endpoint import Answer, MockEndpoint
from tests.support.results import entries_of
from tests.support.seed_takes import CODESTRAL, MISTRAL, PLANTED, TAKES
from tests.support.sizes import size
from tests.support.smtp_server import Mailbox
from tests.support.space import Panel, Space
from tests.support.subscribing import wait_for
from tests.support.templates import Templates

SITE = f"""
[site]
title = "Ship or Skip Weekly"
author = "The Editors"
pairs = [["{MISTRAL}", "{CODESTRAL}"]]
community = true
"""
VERSUS = f"compare/{MISTRAL}-vs-{CODESTRAL}.html"
PAIR = "Mistral 8x22B Instruct v2 vs Codestral 2.0"
FALSE = (MISTRAL, "skeptic")
MENDED = "another model of that kind"
ANN = "ann@example.org"


def site_asked(space: Space, mock: MockEndpoint) -> None:
    """Ask the two tools of the seed page, in a workspace with a site."""
    seed_asked(space, mock)
    space.point_at(mock, SITE)


def site_edited(space: Space, mock: MockEndpoint) -> None:
    """Approve all takes, the one with the false claim in an editor's words."""
    site_asked(space, mock)
    approve(space.root, [pair for pair in TAKES if pair != FALSE])
    mend(space.root)


@pytest.fixture
def asked(templates: Templates, tmp_path: Path) -> Space:
    """Make a workspace whose eight cells are answered; nobody has decided on anything."""
    return templates.copy(site_asked, tmp_path / "space")


@pytest.fixture
def edited(templates: Templates, tmp_path: Path) -> Space:
    """Let an editor approve all takes, the one with the false claim in words of their own."""
    return templates.copy(site_edited, tmp_path / "space")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@dataclass
class Served:
    """A site that ``panel serve`` serves, and the folder it was published into."""

    root: Path
    out: Path
    origin: str

    def at(self, path: str) -> str:
        return f"{self.origin}/{path}"


def entries(root: Path) -> dict[tuple[str, str], Entry]:
    return entries_of(root)


def approve(root: Path, pairs: list[tuple[str, str]]) -> None:
    workspace, seen = load_workspace(root), entries(root)
    for pair in pairs:
        decide(workspace, on(seen[pair], "approve"))


def mend(root: Path) -> None:
    """Edit the false claim out of its take, then approve the new words."""
    seen = entries(root)[FALSE]
    assert PLANTED in seen.text
    decide(load_workspace(root), on(seen, "edit", text=seen.text.replace(PLANTED, MENDED)))
    approve(root, [FALSE])


@contextmanager
def panel_serve(root: Path, out: Path, box: Mailbox) -> Iterator[Served]:
    """Run ``panel serve OUT`` in the workspace until the block ends."""
    command = [sys.executable, "-m", "panel", "serve", str(out), "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=root,
        env=os.environ | box.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            origin = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", origin), origin
            yield Served(root, out, origin)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def site(edited: Space, box: Mailbox, panel: Panel) -> Iterator[Served]:
    out = edited.root / "public"
    assert panel("publish", out, cwd=edited.root).code == 0
    with panel_serve(edited.root, out, box) as served:
        yield served


def tab_to(page: Any, target: Any) -> None:
    """Press Tab until the target has the focus, and see that the focus shows."""
    for _press in range(120):
        page.keyboard.press("Tab")
        if target.evaluate("node => node === document.activeElement"):
            assert target.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
            return
    raise AssertionError("the keyboard does not get there")


def vote_group(page: Any, name: str) -> Any:
    return page.get_by_role("group", name=f"Your vote: would you ship {name}?")


def counted(page: Any, slug: str) -> str:
    """Return the share of a tool as its card shows it."""
    text = page.locator(f"dd[data-community={json.dumps(slug)}]").inner_text()
    return " ".join(text.split())


def link_in(box: Mailbox, origin: str, path: str) -> str:
    """Return the address below ``path`` that the newest mail holds."""
    message = box.taken[-1][1]
    body = message.get_body(("plain",))
    assert body is not None
    found = re.search(rf"{re.escape(origin)}{path}\?token=[A-Za-z0-9_.-]+", body.get_content())
    assert found, body.get_content()
    return found[0]


@pytest.mark.slow
def test_the_planted_licence_claim_is_found_and_gone_once_an_editor_mended_it(
    asked: Space, panel: Panel
) -> None:
    approve(asked.root, [pair for pair in TAKES if pair != FALSE])
    found = panel("lint", "--json", cwd=asked.root)
    assert found.code == 1
    errors = [
        (take["tool"], take["persona"], finding["check"], finding["quote"])
        for take in json.loads(found.out)
        for finding in take["findings"]
        if finding["severity"] == "error"
    ]
    assert [(tool, persona) for tool, persona, _check, _quote in errors] == [FALSE]
    assert errors[0][2] == "licence-about-another" and errors[0][3] in PLANTED
    mend(asked.root)
    assert panel("lint", cwd=asked.root).code == 0
    out = asked.root / "public"
    assert panel("publish", out, cwd=asked.root).code == 0
    page = (out / VERSUS).read_text(encoding="utf-8")
    assert PLANTED not in page and MENDED in page


def test_a_reader_gets_from_the_front_page_to_a_vote_by_keyboard_alone(
    site: Served, page: Any, panel: Panel
) -> None:
    page.goto(site.at(""))
    tab_to(page, page.get_by_role("link", name=PAIR))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{VERSUS}")
    seed_page_is_whole(page, load_workspace(site.root).tools)
    ship = vote_group(page, "Codestral 2.0").get_by_role("button", name="Ship")
    tab_to(page, ship)
    page.keyboard.press("Enter")
    page.get_by_text("Your vote: ship. You can change it.").wait_for()
    assert counted(page, CODESTRAL) == "100 % 1 of 1 ship, 95 % interval 21–100 %"
    assert counted(page, MISTRAL) == "— no votes"
    assert ship.get_attribute("aria-pressed") == "true"
    assert ship.evaluate("node => node === document.activeElement")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_text("Your vote: skip. You can change it.").wait_for()
    assert counted(page, CODESTRAL) == "0 % 0 of 1 ship, 95 % interval 0–79 %"
    assert violations(page) == []
    before = (site.out / VERSUS).read_text(encoding="utf-8")
    assert "0 of 1 ship" not in before
    assert panel("publish", site.out, cwd=site.root).code == 0
    page.context.route("**/api/votes/**", lambda route: route.abort())  # nothing brings it later
    page.reload()
    assert counted(page, CODESTRAL) == "0 % 0 of 1 ship, 95 % interval 0–79 %"


def seed_page_is_whole(page: Any, tools: Sequence[Tool]) -> None:
    """Find on the comparison page every element that the seed page shows its readers."""
    assert page.get_by_role("heading", level=1).inner_text() == PAIR
    for summary in page.locator(".description summary").all():
        summary.click()
    text = " ".join(page.inner_text("body").replace("\u00a0", " ").split())
    wanted = ["AI tool comparison", "Which one should you ship with?", "Reviewer scorecard"]
    wanted += ["100 % Panel ship", "Community", "— no votes", "Entry", "Free", "Reviewer split"]
    wanted += ["Weekly AI Tool Verdicts", "Get the next comparison in your inbox"]
    assert [each for each in wanted if each not in text] == []
    for tool in tools:
        for each in (tool.category, tool.tagline, tool.pricing.entry, tool.description):
            assert text.count(" ".join(each.split())) >= 1, each
    assert page.locator(".card .category").all_inner_texts() == ["Developer Tools"] * 2
    quotes = [" ".join(each.split()) for each in page.locator("blockquote").all_inner_texts()]
    assert len(quotes) == 8
    for pair, fields in TAKES.items():
        said = " ".join(fields["beats"].values())
        said = said.replace(PLANTED, MENDED) if pair == FALSE else said
        assert sum(said in quote for quote in quotes) == 1, pair
    assert page.get_by_label("E-mail address").is_visible()


@pytest.mark.slow
def test_a_vote_without_scripts_comes_back_to_the_page_and_is_acknowledged(
    site: Served, new_page: NewPage
) -> None:
    page = new_page(scripts=False)
    for path in (VERSUS, f"tools/{CODESTRAL}.html"):
        page.goto(site.at(path))
        assert not page.get_by_text("Counted.").first.is_visible()
        vote_group(page, "Codestral 2.0").get_by_role("button", name="Ship").click()
        assert page.url == site.at(f"{path}#voted-{CODESTRAL}")
        shown = [each.is_visible() for each in page.get_by_text("Counted.").all()]
        assert shown.count(True) == 1
    other = new_page()
    other.goto(site.at(VERSUS))
    other.get_by_text("1 of 1 ship").wait_for()


@pytest.mark.slow
def test_a_reader_subscribes_confirms_gets_the_digest_and_leaves(
    site: Served, page: Any, box: Mailbox, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(site.at(VERSUS))
    field = page.get_by_label("E-mail address")
    tab_to(page, field)
    page.keyboard.type(ANN)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Check your inbox").wait_for()
    wait_for(box, 1)
    page.goto(link_in(box, site.origin, "/confirm"))
    page.get_by_role("button", name="Subscribe").press("Enter")
    page.get_by_role("heading", name="You are subscribed").wait_for()
    for name, text in box.environment.items():
        monkeypatch.setenv(name, text)
    sent = panel(*digest_words(site.origin), "--send", "--json", cwd=site.root)
    assert sent.code == 0 and box.addresses == [ANN, ANN]
    page.goto(link_in(box, site.origin, "/unsubscribe"))
    page.get_by_role("button", name="Unsubscribe").press("Enter")
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    left = panel(*digest_words(site.origin), "--send", "--json", cwd=site.root)
    assert left.code == 0 and box.addresses == [ANN, ANN]
    assert ANN not in (site.root / "community" / "subscribers.jsonl").read_text(encoding="utf-8")


def digest_words(origin: str) -> list[str]:
    """Return the words of a digest that holds today."""
    today = datetime.now(UTC).date()
    span = (today - timedelta(days=6), today + timedelta(days=1))
    return ["digest", "--since", str(span[0]), "--until", str(span[1]), "--base-url", origin]


@pytest.fixture
def turned(edited: Space) -> Space:
    """Have one description edited since: the skeptic skips that tool now, and it is approved."""

    def face(index: int, body: dict[str, Any]) -> Answer | None:
        answer = seed_face(index, body)
        assert answer is not None and isinstance(answer.body, dict)
        message = answer.body["choices"][0]["message"]
        if "# You are the Skeptic" in body["messages"][0]["content"]:
            message["content"] = json.dumps(json.loads(message["content"]) | {"verdict": "skip"})
        return answer

    file = edited.root / "tools" / f"{CODESTRAL}.md"
    file.write_text(file.read_text(encoding="utf-8") + "\nThe API has no free tier.\n", "utf-8")
    with mock_elsewhere(MockEndpoint(face=face)) as mock:
        edited.point_at(mock, SITE)
        ask(edited.root)
    approve(edited.root, [(CODESTRAL, who) for tool, who in TAKES if tool == CODESTRAL])
    return edited


@pytest.mark.long
def test_the_digest_of_the_week_holds_the_comparison_and_what_changed_and_reads_well(
    turned: Space, new_page: NewPage, panel: Panel, tmp_path: Path
) -> None:
    home = "https://verdicts.example.org"
    assert panel(*digest_words(home), cwd=turned.root).code == 0
    files = sorted((turned.root / "digests").iterdir())
    assert [file.suffix for file in files] == [".eml", ".html", ".txt"]
    letter = email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default)
    bodies = [letter.get_body((kind,)) for kind in ("html", "plain")]
    for text in (*(file.read_text("utf-8") for file in files[1:]), *map(content_of, bodies)):
        told = " ".join(html.unescape(text).split())
        assert PAIR in told
        assert f"{home}/{VERSUS}" in told or f"{home}/comparisons.html" in told
        for wanted in ("75 %", "3 of 4", "30–95 %", "4 of 4", "description changed"):
            assert wanted in told, wanted
        assert re.search(r"Skeptic.{0,40}ship.{0,9}skip", re.sub("<[^>]+>", " ", told))
    for scheme, width in (("light", 700), ("dark", 390)):
        page = new_page(scheme=scheme, width=width, height=400)
        page.set_content(files[1].read_text(encoding="utf-8"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shoot(page, f"digest-{scheme}", tmp_path)


def content_of(part: Any) -> str:
    return str(part.get_content())


@pytest.mark.slow
def test_a_form_on_another_site_can_neither_vote_nor_subscribe(
    site: Served, new_page: NewPage, tmp_path: Path, box: Mailbox
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    fields = f'<input name="tool" value="{CODESTRAL}"><input name="vote" value="ship">'
    (trap / "vote.html").write_text(
        f'<form method="post" action="{site.origin}/vote">{fields}<button>Win</button></form>'
    )
    (trap / "subscribe.html").write_text(
        f'<form method="post" action="{site.origin}/subscribe">'
        f'<input name="email" value="{ANN}"><button>Win</button></form>'
    )
    with serving_folder(trap) as elsewhere:
        port = elsewhere.rpartition(":")[2]
        for origin in (f"http://evil.test:{port}", f"http://127.0.0.1:{port}"):
            for name in ("vote", "subscribe"):
                page = new_page()
                page.goto(f"{origin}/{name}.html")
                with page.expect_navigation() as gone:
                    page.get_by_role("button", name="Win").click()
                assert gone.value.status == 403
    page = new_page()
    page.goto(site.at(VERSUS))
    assert counted(page, CODESTRAL) == "— no votes" and box.taken == []


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("scheme", "width"),
    size(
        [("light", 320), ("dark", 1280)],
        [("light", 320), ("light", 1280), ("dark", 320), ("dark", 1280)],
    ),
)
def test_pages_with_forms_are_for_everybody_and_fit_their_window(
    site: Served, new_page: NewPage, scheme: str, width: int
) -> None:
    page = new_page(scheme=scheme, width=width)
    for path in ("index.html", VERSUS, f"tools/{CODESTRAL}.html", "methodology.html"):
        page.goto(site.at(path))
        if path != "index.html" and page.locator(".vote").count():
            page.locator(".vote").first.get_by_role("button", name="Skip").click()
            page.get_by_text("Your vote: skip").first.wait_for()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.long
def test_paper_has_no_forms_but_the_share(site: Served, page: Any) -> None:
    page.goto(site.at(VERSUS))
    assert page.locator("form[action='/vote']").first.is_visible()
    page.emulate_media(media="print")
    for form in page.locator("form").all():
        assert not form.is_visible()
    assert not page.get_by_text("Get the next comparison").is_visible()
    assert page.get_by_text("no votes").first.is_visible()


@pytest.mark.long
def test_the_voted_page_is_photographed(
    site: Served, new_page: NewPage, panel: Panel, tmp_path: Path
) -> None:
    ballots = site.root / "votes.csv"
    ballots.write_text(f"tool,ships,skips\n{MISTRAL},41,17\n{CODESTRAL},52,9\n", encoding="utf-8")
    assert panel("votes", "import", ballots, cwd=site.root).code == 0
    for earlier, (scheme, width) in enumerate((("light", 1280), ("dark", 390))):
        page = new_page(scheme=scheme, width=width)
        page.goto(site.at(VERSUS))
        page.get_by_text(f"{52 + earlier} of {61 + earlier} ship, 95 % interval").wait_for()
        group = vote_group(page, "Codestral 2.0")
        group.get_by_role("button", name="Ship").press("Enter")
        page.get_by_text("Your vote: ship").wait_for()
        for name, whole in (("votes", False), ("votes-whole", True)):
            page.keyboard.press("Home") if whole else group.scroll_into_view_if_needed()
            file = shoot(page, f"{name}-{scheme}-{width}", tmp_path, whole)
            assert file.stat().st_size > 10_000
