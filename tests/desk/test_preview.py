"""Pages as readers will see them, before they are published, and links to them that can be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.desk.serving import Place
from panel.desk.sharing import DAY_SECONDS, SharedPage, Sharing
from tests.support.desk_forms import form_in
from tests.support.desk_session import Session, desk_open
from tests.support.editors import do
from tests.support.space import Panel, Space, edit

PAGE = "/preview/page/approved/anvil/tools/anvil.html"
FRAME = "/preview/tool/anvil"
TOKEN = "a long enough token"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    for persona in ("builder", "skeptic"):
        do(asked, "approve", ("anvil", persona), note="It stands.")
    with desk_open(asked.root) as opened:
        yield opened


def shared_of(page: str) -> str:
    """Return the path of the link that a page shows."""
    found = re.search(r'id="link" value="http://[^/]+(/shared/[^"]+)"', page)
    assert found is not None
    return found[1]


def make_link(session: Session, headers: dict[str, str] | None = None, **fields: str) -> str:
    sent = {"words": "approved", "days": "7"} | fields
    return shared_of(session.post(f"{FRAME}/link", sent, headers)[1])


# --- the preview ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_preview_is_the_page_that_publishing_writes(session: Session, panel: Panel) -> None:
    """But for its mark, and for the scripts that it goes without."""
    out = session.desk.root / "out"
    assert panel("publish", out, cwd=session.desk.root).code == 0
    status, page = session.get(PAGE)
    assert status == 200 and "Preview.</strong>" in page and "noindex" in page
    page = re.sub(r'<aside class="banner" aria-label="Preview">.*?</aside>\n', "", page, flags=re.S)
    page = page.replace('<meta name="robots" content="noindex">\n', "")
    written = (out / "tools" / "anvil.html").read_text(encoding="utf-8")
    written = re.sub(r"<script src=[^>]*></script>\n", "", written)
    assert page == written


@pytest.mark.slow
def test_a_preview_runs_nothing_and_sends_nothing(session: Session) -> None:
    """Its policy has no script and no form, and only the desk may frame it."""
    host = {"Host": session.base[7:]}
    answer = session.raw("GET", PAGE, host)
    policy = answer.getheader("content-security-policy") or ""
    assert "sandbox allow-same-origin" in policy and "script-src" not in policy
    assert "form-action 'none'" in policy and "frame-ancestors 'self'" in policy
    page = session.get(PAGE)[1]
    assert "<script src" not in page
    style = re.search(r'rel="stylesheet" href="\.\./([^"]+)"', page)
    assert style and session.get(PAGE.replace("tools/anvil.html", style[1]))[0] == 200
    other = session.raw("GET", PAGE.replace("tools/anvil.html", "search.json"), host)
    assert other.status == 404


@pytest.mark.slow
def test_drafts_and_pages_readers_do_not_have_are_told_apart(session: Session) -> None:
    """A tool without an approved take has no page, and the frame says so."""
    assert "no take of it is approved" in session.get("/preview/tool/bellows")[1]
    assert "<iframe" in session.get("/preview/tool/bellows?words=drafts")[1]
    assert "no take of one of them is approved" in session.get("/preview/compare/anvil/bellows")[1]
    drafts = "/preview/page/drafts/anvil--bellows/compare/anvil-vs-bellows.html"
    assert session.get(drafts)[0] == 200, "a pair that the site would not have of itself"
    assert session.get("/preview/compare/anvil/anvil")[0] == 404


@pytest.mark.slow
def test_a_tool_that_is_held_back_can_be_looked_at(session: Session) -> None:
    """Its preview shows the page that it will have, and says that readers have none."""
    edit(session.desk.root / "tools" / "anvil.md", "category:", "hold: true\ncategory:")
    page = session.get(FRAME)[1]
    assert "held back" in page and "<iframe" in page
    assert session.get(PAGE)[0] == 200


@pytest.mark.slow
def test_a_preview_follows_words_and_files(session: Session) -> None:
    """The next look has what was changed since, with nothing published."""
    edit(session.desk.root / "tools" / "anvil.md", "Does one thing", "Does another")
    assert "Does another" in session.get(PAGE)[1]
    session.decide("anvil", "futurist", action="edit", text="Words of my own.")
    session.decide("anvil", "futurist", action="approve")
    assert "Words of my own." in session.get(PAGE)[1]


def test_hostile_words_are_only_words_in_a_preview(asked: Space) -> None:
    """Markup in a description or an editor's words reaches neither page nor frame."""
    edit(asked.root / "tools" / "anvil.md", "It is under", f"{EVIL} It is under")
    edit(asked.root / "tools" / "anvil.md", "name: Anvil", "name: '<i>Anvil</i>'")
    with desk_open(asked.root) as session:
        for path in ("/preview/tool/anvil?words=drafts", PAGE.replace("approved", "drafts")):
            status, page = session.get(path)
            assert status == 200 and "<script>alert" not in page and "<i>Anvil" not in page
            assert "<img src=x" not in page


# --- links that can be sent -------------------------------------------------------------------


def test_a_link_shows_its_page_and_nothing_else(asked: Space) -> None:
    """Without logging in: the page with its style. Other pages, forms and the desk stay closed."""
    edit(asked.root / "tools" / "anvil.md", "anvil reads", 'anvil, "../robots.txt", reads')
    do(asked, "approve", note="It stands.")
    with desk_open(asked.root, place=Place("127.0.0.1", 0, TOKEN)) as session:
        mine = session.log_in(TOKEN)
        path = make_link(session, mine)
        host = {"Host": session.base[7:]}
        assert session.raw("GET", FRAME, host).status == 303, "the desk wants its token"
        first = session.raw("GET", path, host)
        assert first.status == 307
        page_path = first.getheader("location") or ""
        answer = session.raw("GET", page_path, host)
        assert answer.status == 200 and answer.getheader("x-robots-tag") == "noindex, nofollow"
        assert answer.getheader("set-cookie") is None
        assert "sandbox" in (answer.getheader("content-security-policy") or "")
        status, page = session.get(page_path)
        assert status == 200 and "Preview.</strong>" in page and "Ada" not in page[:2000]
        style = re.search(r'rel="stylesheet" href="\.\./([^"]+)"', page)
        assert style and session.get(f"{path}/{style[1]}")[0] == 200
        for other in (
            f"{path}/tools.html", f"{path}/index.html", f"{path}/feed.xml", f"{path}/../../",
            f"{path}/tools/bellows.html", f"{path}/robots.txt",
            f"{path}/%2e%2e/%2e%2e/panel.toml", "/shared/", "/shared/x",
            f"{path}/tools/../tools/anvil.html", f"{path}//tools/anvil.html",
        ):  # fmt: skip
            closed = session.raw("GET", other, host)
            assert closed.status in (303, 404), other
        own = {**host, "Origin": session.base, "Content-Length": "0"}
        assert session.raw("POST", path, own).status == 401
        assert session.raw("GET", path, {"Host": "evil.example"}).status == 400


def test_what_a_closed_link_says_tells_nothing_of_the_desk(session: Session) -> None:
    """Neither the editor's name nor the desk's own pages."""
    status, page = session.get("/shared/nonsense/tools/anvil.html")
    assert status == 404 and "Ada" not in page and "<" not in page


def test_links_end_and_are_revoked_together(session: Session) -> None:
    """Another desk over the workspace knows them too; one press ends all."""
    path = make_link(session, days="1")
    assert session.get(path)[0] == 200
    again = Sharing(session.desk.root / "runs")
    token = path.split("/")[2]
    assert again.read(token) == SharedPage("approved", "anvil")
    page = session.get(FRAME)[1]
    action = f"{FRAME}/revoke?words=approved&amp;width=window"
    status, page = session.post(f"{FRAME}/revoke", form_in(page, action))
    assert status == 200 and "Every link that was sent is over" in page
    assert session.get(path)[0] == 404 and again.read(token) is None


def test_a_link_lasts_as_long_as_it_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    """To the second, by the clock of the desk; one from the future is none."""
    now = [1_000_000.0]
    sharing = Sharing(tmp_path_factory.mktemp("runs"), lambda: now[0])
    token = sharing.token(SharedPage("drafts", "anvil--bellows"), 7)
    for seconds, open_ in ((0, True), (7 * DAY_SECONDS - 1, True), (7 * DAY_SECONDS, False)):
        now[0] = 1_000_000.0 + seconds
        assert (sharing.read(token) is not None) is open_
    now[0] = 1_000_000.0 - 2 * DAY_SECONDS
    assert sharing.read(token) is None


@given(data=st.data())
def test_a_changed_token_opens_nothing(data: st.DataObject, tmp_path_factory: object) -> None:
    """Whatever one character is replaced by."""
    sharing, token = _signed(tmp_path_factory)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda each: each != token[place]))
    assert sharing.read(token[:place] + other + token[place + 1 :]) is None
    assert sharing.read(data.draw(st.text(max_size=200))) is None


_kept: dict[str, tuple[Sharing, str]] = {}


def _signed(factory: object) -> tuple[Sharing, str]:
    if not _kept:
        assert isinstance(factory, pytest.TempPathFactory)
        sharing = Sharing(factory.mktemp("runs"))
        _kept["it"] = sharing, sharing.token(SharedPage("approved", "anvil"), 7)
    return _kept["it"]


@pytest.mark.slow
def test_the_secret_is_its_owners_alone(session: Session) -> None:
    """It stands in runs/, which git ignores, and nobody else may read it."""
    make_link(session)
    folder = session.desk.root / "runs" / ".desk"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "secret").stat().st_mode & 0o077 == 0


def test_a_secret_that_a_workspace_brings_signs_nothing_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the workspace on another machine, or of another user, makes no link that opens."""
    theirs = Sharing(tmp_path / "runs")
    token = theirs.token(SharedPage("drafts", "anvil"), 30)
    assert theirs.read(token)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    ours = Sharing(tmp_path / "runs")
    assert ours.read(token) is None
    own = ours.token(SharedPage("drafts", "anvil"), 30)
    assert ours.read(own) and own != token
    assert (tmp_path / "other/reviewer-panel/desk/secret").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("PANEL_SECRET", "a secret of the container, long enough")
    assert ours.read(own) is None
