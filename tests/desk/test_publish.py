"""Publishing from the desk: what would change is shown first, then written, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from filelock import FileLock

from panel.workspace.settings import SiteSettings
from tests.support.desk_forms import form_in
from tests.support.desk_session import Session, desk_open
from tests.support.editors import do
from tests.support.space import Panel, Space, edit


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    for tool in ("anvil", "bellows"):
        do(asked, "approve", (tool, "builder"), note="It stands.")
    with desk_open(asked.root) as opened:
        yield opened


def publish_page(session: Session, path: str = "/publish") -> str:
    """Return the page once nothing is under way."""
    page = session.get(path)[1]
    while 'id="progress"' in page:
        page = session.get("/publish")[1]
    return page


def plan_of(session: Session) -> dict[str, str]:
    return form_in(publish_page(session), "/publish")


def publish(session: Session, form: dict[str, str]) -> tuple[int, str]:
    """Press the button; returns the status and the page once it is done."""
    status, page = session.post("/publish", form)
    return status, publish_page(session) if 'id="progress"' in page else page


@pytest.mark.slow
def test_the_page_shows_what_would_change_and_then_writes_it(session: Session) -> None:
    """Named pages first; nothing is written before the button."""
    page, out = publish_page(session), session.desk.root / "public"
    assert "tools/anvil.html" in page and not out.exists()
    assert "6 takes</a> wait" in page
    assert "Anvil shows 1 of 4 reviewers, Bellows 1 of 4: the others are not approved" in page
    status, page = publish(session, form_in(page, "/publish"))
    assert status == 200 and "Published:" in page and (out / "tools/anvil.html").is_file()
    assert "nothing to publish" in publish_page(session, "/publish?again=1")
    session.decide("anvil", "skeptic", action="approve")
    page = publish_page(session)
    changed = page.split('id="changed-title"', 1)[1].split("</section>", 1)[0]
    assert "tools/anvil.html" in changed and "tools.html" in changed


@pytest.mark.slow
def test_the_plan_is_what_publishing_does(session: Session, panel: Panel) -> None:
    """'panel publish --dry-run' says the same and writes nothing."""
    root = session.desk.root
    told = panel("publish", "public", "--dry-run", cwd=root)
    assert (
        told.code == 0 and "add    tools/anvil.html" in told.out and not (root / "public").exists()
    )
    assert publish(session, plan_of(session))[0] == 200
    told = panel("publish", "public", "--dry-run", cwd=root)
    assert "0 files would be added, 0 changed, 0 removed" in told.out
    edit(root / "tools" / "anvil.md", "Does one thing", "Does another")
    told = panel("publish", "public", "--dry-run", cwd=root)
    assert "change tools/anvil.html" in told.out and "change tools/bellows.html" not in told.out


@pytest.mark.slow
def test_votes_go_on_under_the_new_name_of_a_tool_that_is_published_from_the_desk(
    session: Session, panel: Panel
) -> None:
    root = session.desk.root
    with (root / "panel.toml").open("a") as settings:
        settings.write("[site]\ncommunity = true\n")
    (root / "votes.csv").write_text("tool,ships,skips\nanvil,37,63\n")
    assert panel("votes", "import", "votes.csv", cwd=root).code == 0
    (root / "tools/anvil.md").rename(root / "tools/crane.md")
    assert panel("plan", cwd=root).code == 0
    assert publish(session, plan_of(session))[0] == 200
    assert "37 of 100 ship" in (root / "public/tools/crane.html").read_text()
    assert panel("votes", "show", cwd=root).out.startswith("crane: 37")


@pytest.mark.slow
def test_pages_are_removed_only_with_a_tick(session: Session) -> None:
    """A withdrawn take takes its tool's page with it, once somebody says so."""
    assert publish(session, plan_of(session))[0] == 200
    do_withdraw(session)
    page = publish_page(session)
    removed = page.split('id="removed-title"', 1)[1].split("</section>", 1)[0]
    assert "tools/bellows.html" in removed and 'name="remove"' in page
    form = form_in(page, "/publish")
    status, page = publish(session, form)
    file = session.desk.root / "public" / "tools" / "bellows.html"
    assert status == 409 and "Tick that they may go" in page and file.is_file()
    status, page = publish(session, form | {"remove": "1"})
    assert status == 200 and not file.exists()
    assert "1 tool and 0 comparisons are on the site." in page


def do_withdraw(session: Session) -> None:
    path = "/take/bellows/builder"
    page = session.get(path)[1]
    form = session.form("bellows", "builder", action="reject", note="No more.")
    assert session.post(f"{path}/decide", form)[0] == 200, page


@pytest.mark.slow
def test_a_plan_that_was_overtaken_is_not_carried_out(session: Session) -> None:
    """What is written is what was shown, or nothing."""
    form = plan_of(session)
    edit(session.desk.root / "tools" / "anvil.md", "Does one thing", "Does another")
    status, page = publish(session, form)
    assert status == 409 and "have changed since you looked" in page
    assert not (session.desk.root / "public").exists()
    assert session.post("/publish", {"plan": "other"})[0] == 409


@pytest.mark.slow
def test_a_second_publishing_at_the_same_time_is_refused(session: Session) -> None:
    """Also by another desk over the same workspace."""
    form = plan_of(session)
    lock = FileLock(session.desk.root / "runs" / ".publishing", fallback_to_soft=False)
    with lock:
        page = publish(session, form)[1]
    assert "Another desk is publishing now" in page
    form = form_in(publish_page(session, "/publish?again=1"), "/publish")
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(session.post("/publish", form)[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]


@pytest.mark.slow
def test_the_folder_is_never_the_browsers(session: Session) -> None:
    """A path in the form is ignored; one in panel.toml must be the workspace's own."""
    form = plan_of(session) | {"folder": "/tmp/elsewhere", "out": "../x"}
    publish(session, form)
    assert (session.desk.root / "public" / "index.html").is_file()
    (session.desk.root / "public2").symlink_to(session.desk.root.parent)
    toml = session.desk.root / "panel.toml"
    toml.write_text(toml.read_text() + '[site]\nfolder = "public2"\n')
    status, page = session.get("/publish")
    assert status == 422 and "is a link" in page
    other = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert session.post("/publish", form, other)[0] == 403


def test_a_folder_with_other_files_is_left_alone(session: Session) -> None:
    """One sentence says so."""
    out = session.desk.root / "public"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    page = publish_page(session)
    assert "holds files" in page and 'name="plan"' not in page
    assert [each.name for each in out.iterdir()] == ["mine.txt"]


def test_without_an_approved_take_there_is_nothing_to_publish(asked: Space) -> None:
    """The page says so and has no button."""
    with desk_open(asked.root) as session:
        page = publish_page(session)
    assert "Nothing is approved yet" in page and 'name="plan"' not in page


def test_a_site_has_a_folder_of_its_own() -> None:
    """A setting that leads elsewhere, or into what the workspace keeps, is refused."""
    elsewhere = ("../out", "/tmp/out", "a/../../b", "", ".", "a\\b", "C:x")
    own = ("tools", "runs/site", "community", "Digests", ".git", ".github/pages", "site/.git")
    for folder in (*elsewhere, *own):
        with pytest.raises(ValueError, match="is not a folder for a site"):
            SiteSettings(folder=folder)
    assert SiteSettings(folder="build/site").folder == "build/site"
