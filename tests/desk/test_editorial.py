"""The editors' own words at the desk: forms that write the files of editorial/."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from panel.workspace.loading import load_workspace
from tests.support.desk_forms import form_in, form_of
from tests.support.desk_session import Session, desk_open
from tests.support.space import Space, edit

HERE = "/editorial/tools/anvil"
EVIL = "<script>alert(1)</script><img src=https://evil.example/x.png>"


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root) as opened:
        yield opened


def test_a_new_text_is_signed_by_its_editor_and_read_back(session: Session) -> None:
    """The form writes front matter above Markdown, and the loader reads the same."""
    form = form_of(session, HERE)
    assert form["by"] == "Ada" and form["date"]
    form |= {
        "headline": "Keep: a forge #1",
        "pick": "1",
        "why": "It is *plain*.\n\nAnd free.",
        "text": "## Why\n\nBecause.",
        "corrections-1-date": "2026-11-20",
        "corrections-1-note": "The price was wrong.",
    }
    status, page = session.post(HERE, form)
    assert status == 200 and "Saved" in page and "<h4>Why</h4>" in page.replace("h3>", "h4>")
    said = load_workspace(session.desk.root).editorial.tools["anvil"]
    assert (said.headline, said.pick, said.why) == (
        "Keep: a forge #1", True, "It is *plain*.\n\nAnd free.",
    )  # fmt: skip
    assert said.corrections[0].note == "The price was wrong." and said.text == "## Why\n\nBecause."
    listed = session.get("/editorial")[1]
    assert "our pick" in listed and "1 correction" in listed


def test_comments_stay_and_a_change_in_between_is_seen(session: Session) -> None:
    """Only what was changed differs; another's change is shown and not overwritten."""
    file = session.desk.root / "editorial" / "tools" / "anvil.md"
    file.parent.mkdir(parents=True)
    file.write_text("---\n# ours\nby: Bo  # signed\nheadline: Old\n---\nText.\n")
    form = form_of(session, HERE) | {"headline": "New"}
    assert session.post(HERE, form)[0] == 200
    assert file.read_text() == "---\n# ours\nby: Bo  # signed\nheadline: New\n---\nText.\n"
    edit(file, "Text.", "Theirs.")
    status, page = session.post(HERE, form | {"text": "Mine."})
    assert status == 409 and "Theirs." in page and "Theirs." in file.read_text()
    assert session.post(HERE, form_in(page, HERE))[0] == 200 and "Mine." in file.read_text()


def test_words_alone_are_enough(session: Session) -> None:
    """Nobody has to sign: all of the front matter is optional."""
    form = form_of(session, HERE) | {"by": "", "date": "", "text": "Words."}
    assert session.post(HERE, form)[0] == 200
    assert load_workspace(session.desk.root).editorial.tools["anvil"].text == "Words."


def test_a_form_shows_the_file_and_not_what_was_read_before(session: Session) -> None:
    """While another file is broken the desk goes on with what it had; git's change is not lost."""
    root = session.desk.root
    file, other = root / "editorial" / "tools" / "anvil.md", root / "tools" / "bellows.md"
    file.parent.mkdir(parents=True)
    file.write_text("---\nheadline: Old\nby: Bo\n---\nText.\n")
    session.get(HERE)
    good = other.read_text()
    other.write_text("<<<<<<< ours\n" + good)
    edit(file, "Old", "By git")
    form = form_of(session, HERE)
    assert form["headline"] == "By git"
    other.write_text(good)
    edit(file, "Bo", "Cy")
    page = session.post(HERE, form | {"date": "soon"})[1]
    assert session.post(HERE, form_in(page, HERE) | {"date": ""})[0] == 409
    assert file.read_text() == "---\nheadline: By git\nby: Cy\n---\nText.\n"


def test_an_emptied_text_is_removed(session: Session) -> None:
    """A file that says nothing is none."""
    file = session.desk.root / "editorial" / "tools" / "anvil.md"
    assert session.post(HERE, form_of(session, HERE) | {"text": "Words."})[0] == 200
    assert file.is_file()
    assert session.post(HERE, form_of(session, HERE) | {"text": ""})[0] == 200
    assert not file.exists()


def test_pairs_digests_and_the_front_have_their_files(session: Session) -> None:
    """By names or slugs; each in its place, and none for what has no page."""
    for query, file in (
        ("kind=pairs&of=Bellows&of=anvil", "pairs/anvil--bellows.md"),
        ("kind=digest&of=2026-11-20", "digest/2026-11-20.md"),
        ("kind=tools&of=Anvil", "tools/anvil.md"),
    ):
        assert file in session.get(f"/editorial?{query}")[1]
    assert session.post("/editorial/front", form_of(session, "/editorial/front") | {
        "lead": "ANVIL", "headline": "Hello"})[0] == 200  # fmt: skip
    assert (session.desk.root / "editorial" / "front.md").is_file()
    for wrong in ("tools/nothing", "pairs/anvil", "pairs/anvil--anvil", "digest/soon", "other/x",
                  "digest/2026-02-31", "tools/..%2f..%2fpanel", "front/x", "tools"):  # fmt: skip
        assert session.get(f"/editorial/{wrong}")[0] == 404, wrong
        assert session.post(f"/editorial/{wrong}", {"seen": "none", "text": "x"})[0] == 404, wrong
    assert session.get("/editorial?kind=pairs&of=anvil&of=anvil")[0] == 422
    assert session.get("/editorial?kind=tools&of=anvli")[0] == 422


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_written(session: Session) -> None:
    """A lead that is no tool, a day that is none, a headline too long."""
    form = form_of(session, "/editorial/front") | {
        "lead": "nothing",
        "date": "soon",
        "headline": "x" * 600,
        "corrections-1-note": "When?",
    }
    status, page = session.post("/editorial/front", form)
    assert status == 422 and not (session.desk.root / "editorial").exists()
    for name in ("date", "headline", "corrections-1-date"):
        assert f'id="{name}-wrong"' in page, name
    fixed = form | {"date": "2026-11-20", "headline": "x", "corrections-1-note": ""}
    assert "there is no tool" in session.post("/editorial/front", fixed)[1].lower()


def test_a_text_that_no_file_may_hold_is_not_rendered(session: Session) -> None:
    status, shown = session.post("/editorial/preview", {"text": "a " * 50_000 + "END"})
    assert status == 422 and "a a" not in shown


def test_hostile_words_are_only_words(session: Session) -> None:
    """Raw HTML in Markdown is text, and nothing is loaded from elsewhere."""
    form = form_of(session, HERE) | {
        "headline": EVIL,
        "text": f"{EVIL}\n\n[x](javascript:alert(1)) ![y](https://evil.example/y.png)",
    }
    assert session.post(HERE, form)[0] == 200
    shown = session.post("/editorial/preview", form)[1]
    for page in (session.get(HERE)[1], session.get("/editorial")[1], shown):
        assert "<script>alert" not in page and "<img" not in page and 'href="javascript' not in page


def test_forms_from_elsewhere_are_refused(session: Session) -> None:
    """As every form of the desk."""
    other = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert session.post(HERE, {"seen": "none", "text": "x"}, other)[0] == 403
    assert session.post("/editorial/preview", {"text": "x"}, other)[0] == 403
    assert not (session.desk.root / "editorial").exists()
