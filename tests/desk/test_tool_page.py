"""The tool at the desk: its page, its file edited with comments kept, and prices that are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.desk.prices import checked_in_words
from panel.desk.tool_form import checked_tool, edited, tool_fields
from panel.desk.written_files import (
    ABSENT,
    ChangedMeanwhileError,
    read_file,
    write_file,
)
from panel.errors import WorkspaceError
from panel.site.differences import folded, word_changes
from panel.text import clean, clean_text, composed
from panel.workspace.tools import load_catalog
from tests.support.desk_forms import form_in, form_of
from tests.support.desk_session import Session, desk_open
from tests.support.space import Space, edit

SHEET = """---
name: Anvil  # as its vendor writes it
# the order below is ours
tagline: Does one thing
category: Developer Tools
url: https://anvil.example
pricing:
  entry: Free   # checked by hand
  plans:
    - name: Team
      price: $9
  verified: 2020-01-31
tags: [a, b]
facts:
  Licence: MIT
  Hosting: {value: "EU, or yours", source: https://anvil.example/eu, checked: 2026-01-02}
---

anvil reads JSON lines and writes Parquet. It is under the MIT licence.
"""
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def sheet(space: Space) -> Path:
    file = space.root / "tools" / "anvil.md"
    file.write_text(SHEET, encoding="utf-8")
    return file


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root) as opened_desk:
        yield opened_desk


# --- the form and the file --------------------------------------------------------------------


def test_a_form_that_changes_nothing_leaves_every_byte(sheet: Path) -> None:
    """What a tool's form shows, sent back as it is, is no change."""
    (tool,) = load_catalog_of(sheet)
    assert edited(SHEET, tool, tool_fields(tool), sheet) == SHEET


def load_catalog_of(file: Path) -> list[Any]:
    return [each for each in load_catalog(file.parent) if each.slug == file.stem]


def test_a_changed_field_keeps_comments_and_order(sheet: Path) -> None:
    """Only the lines of the fields that were changed differ."""
    (tool,) = load_catalog_of(sheet)
    sent = tool_fields(tool) | {
        "pricing.verified": "2026-11-20",
        "facts-3-label": "Limits",
        "facts-3-value": "yes",
        "url": "",
        "hold": "1",
    }
    text = edited(SHEET, tool, sent, sheet)
    kept = [line for line in SHEET.split("\n") if line in text.split("\n")]
    gone = [line for line in SHEET.split("\n") if line not in text.split("\n")]
    assert gone == ["url: https://anvil.example", "  verified: 2020-01-31"]
    assert "name: Anvil  # as its vendor writes it" in kept
    now = checked_tool(text, sheet)
    assert (now.url, now.hold, now.pricing.verified) == (None, True, date(2026, 11, 20))
    assert now.facts["Limits"].value == "yes" and now.facts["Hosting"] == tool.facts["Hosting"]


@given(st.text(max_size=60), st.text(max_size=200))
def test_whatever_is_typed_is_read_back_or_refused(name: str, description: str) -> None:
    """A form never writes a file that says something else than was typed."""
    file = Path("tools/anvil.md")
    tool = checked_tool(SHEET, file)
    sent = tool_fields(tool) | {"name": name, "description": description}
    try:
        now = checked_tool(edited(SHEET, tool, sent, file), file)
    except WorkspaceError:
        return
    assert now.slug == "anvil" and now.pricing == tool.pricing and now.facts == tool.facts
    assert now.name.split() == composed(clean(clean_text(name))).split()


def test_a_file_is_written_whole_and_only_over_what_was_seen(tmp_path: Path) -> None:
    """Another's change in between is found; a link out of the workspace is refused."""
    file = tmp_path / "tools" / "a.md"
    write_file(tmp_path, file, ABSENT, "one")
    with pytest.raises(ChangedMeanwhileError):
        write_file(tmp_path, file, ABSENT, "two")
    seen = read_file(tmp_path, file).seen
    file.write_text("theirs")
    with pytest.raises(ChangedMeanwhileError) as told:
        write_file(tmp_path, file, seen, "mine")
    assert told.value.now.text == "theirs" == file.read_text()
    assert [each.name for each in file.parent.iterdir()] == ["a.md"]
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    (tmp_path / "editorial").symlink_to(elsewhere)
    with pytest.raises(WorkspaceError):
        write_file(tmp_path, tmp_path / "editorial" / "front.md", ABSENT, "x")
    assert list(elsewhere.iterdir()) == []


# --- over sockets -----------------------------------------------------------------------------


def test_git_s_change_is_never_written_over_by_fields_read_before(asked: Space) -> None:
    """While another file is broken, and after a form that was refused."""
    file, other = (asked.root / "tools" / f"{slug}.md" for slug in ("anvil", "bellows"))
    file.write_text(SHEET, encoding="utf-8")
    with desk_open(asked.root) as session:
        form = form_of(session, "/tool/anvil")
        good = other.read_text()
        other.write_text("<<<<<<< ours\n" + good)
        edit(file, "Does one thing", "By git")
        page = session.get("/tool/anvil")[1]
        assert "has changed, and is not read yet" in page and "<form" not in page.split("<h2")[-1]
        other.write_text(good)
        page = session.post("/tool/anvil", form | {"pricing.verified": "soon"})[1]
        again = form_in(page, "/tool/anvil") | {"pricing.verified": ""}
        assert session.post("/tool/anvil", again)[0] == 409
        assert "tagline: By git" in file.read_text()


def test_the_page_of_a_tool_says_what_is_known_of_it(asked: Space) -> None:
    """Facts with their sources, the price with its age, four takes with states, and the cost."""
    (asked.root / "tools" / "anvil.md").write_text(SHEET, encoding="utf-8")
    with desk_open(asked.root) as session:
        began = datetime.now(UTC)
        status, page = session.get("/tool/anvil")
        assert status == 200
        days = {(moment.date() - date(2020, 1, 31)).days for moment in (began, datetime.now(UTC))}
        assert any(f"checked {many:,} days ago: overdue" in page for many in days)
        assert 'href="https://anvil.example/eu" rel="noreferrer nofollow"' in page
        assert page.count('class="row" href="/take/anvil/') == 4
        assert "0 of 4 approved" in page and "Cost so far:" in page
        take = session.get("/take/anvil/builder")[1]
        assert 'href="/tool/anvil"' in take and "vendor’s page" in take
        assert "0 of 4 approved" in session.get("/tools?q=ANV")[1]
        assert session.get("/tool/nothing")[0] == 404


@pytest.mark.slow
def test_editing_writes_the_file_and_says_how_many_takes_are_stale(session: Session) -> None:
    """Approved words stay published when the description has changed; one press lets them stand."""
    for persona in ("builder", "skeptic"):
        session.decide("anvil", persona, action="approve")
    form = form_of(session, "/tool/anvil")
    form["description"] += " It runs on Linux."
    status, page = session.post("/tool/anvil", form)
    assert status == 200 and "Saved" in page
    assert "4 of 4 takes answer an earlier question now" in page
    assert "<ins>It runs on Linux." in page.replace("</ins> <ins>", " ")
    assert page.count("It runs on Linux.</ins>") == 1, "what changed alike is shown once"
    stands = form_of(session, "/tool/anvil", "/tool/anvil/stands")
    status, page = session.post("/tool/anvil/stands", stands | {"only": ""})
    assert status == 422 and "Why do these words stand all the same?" in page
    stands = form_in(page, "/tool/anvil/stands") | {"only": "", "note": "They do."}
    status, page = session.post("/tool/anvil/stands", stands)
    assert status == 200 and "Changed since the words" not in page


def test_a_file_that_changed_meanwhile_is_not_overwritten(session: Session) -> None:
    """Both are shown, and insisting writes."""
    file = session.desk.root / "tools" / "anvil.md"
    form = form_of(session, "/tool/anvil") | {"tagline": "Mine"}
    edit(file, "Does one thing", "Theirs")
    status, page = session.post("/tool/anvil", form)
    assert status == 409 and "Changed meanwhile" in page
    assert "Theirs" in page and "Mine" in page and "Theirs" in file.read_text()
    assert session.post("/tool/anvil", form_in(page, "/tool/anvil"))[0] == 200
    assert "tagline: Mine" in file.read_text()


def test_what_is_wrong_stands_beside_its_field(session: Session) -> None:
    """The checks are those of 'panel check', nothing is written, and what was typed is kept."""
    file = session.desk.root / "tools" / "anvil.md"
    before = file.read_text()
    form = form_of(session, "/tool/anvil") | {
        "name": "",
        "url": "javascript:alert(1)",
        "released": "soon",
        "facts-1-label": "Licence",
        "facts-1-value": "MIT",
        "facts-1-source": "nowhere",
        "logo": "../../etc/passwd",
    }
    status, page = session.post("/tool/anvil", form)
    assert status == 422 and file.read_text() == before
    for name in ("name", "url", "released", "facts-1-source", "logo"):
        assert f'id="{name}-wrong"' in page, name
    assert 'value="javascript:alert(1)"' in page and 'href="javascript:' not in page


def test_a_tool_of_a_table_is_edited_there(session: Session) -> None:
    """The page names file and line, has no form, and a POST writes nothing."""
    table = session.desk.root / "tools" / "more.csv"
    table.write_text(
        "name,tagline,category,pricing.entry,description\nCinder,Burns,Data,Free,It burns.\n"
    )
    page = session.get("/tool/cinder")[1]
    assert "edit it in tools/more.csv, line 2" in page and 'name="seen"' not in page
    before = table.read_bytes()
    assert session.post("/tool/cinder", {"name": "Other", "seen": ""})[0] == 422
    assert session.post("/tool/cinder/checked", {"seen": ""})[0] == 422
    assert table.read_bytes() == before


def test_forms_from_elsewhere_and_addresses_out_of_the_folder_are_refused(
    session: Session,
) -> None:
    """A POST of another site is refused; a slug is looked up and never a path."""
    form = form_of(session, "/tool/anvil") | {"tagline": "Theirs"}
    other = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for path in ("/tool/anvil", "/tool/anvil/checked", "/tool/anvil/hold", "/tool/anvil/stands"):
        assert session.post(path, form, other)[0] == 403
        assert session.get(path.replace("anvil", "..%2f..%2fpanel"))[0] in (404, 405)
    assert "Theirs" not in (session.desk.root / "tools" / "anvil.md").read_text()


@pytest.mark.parametrize("path", ["/tool/anvil", "/tools", "/prices", "/take/anvil/builder"])
def test_hostile_words_are_only_words(asked: Space, path: str) -> None:
    """Markup in any field is shown as text."""
    quoted = "'" + EVIL.replace("'", "''") + "'"
    text = SHEET.replace("Does one thing", quoted).replace("MIT", quoted, 1)
    text = text.replace("entry: Free", f"entry: {quoted}").replace("name: Anvil", f"name: {quoted}")
    (asked.root / "tools" / "anvil.md").write_text(text + EVIL, encoding="utf-8")
    with desk_open(asked.root) as session:
        status, page = session.get(path)
    assert status == 200 and "alert(1)" in page
    assert "<script>alert" not in page and "<img src=x" not in page


# --- prices -----------------------------------------------------------------------------------


def test_the_age_of_a_price_is_said_in_words() -> None:
    """Never, today, yesterday, so many days ago, and whether that is too long."""
    tool = checked_tool(SHEET, Path("anvil.md"))
    day = date(2020, 1, 31)
    for days, words in (
        (0, "checked today"),
        (1, "checked yesterday"),
        (90, "checked 90 days ago"),
        (91, "checked 91 days ago: overdue"),
    ):
        assert checked_in_words(tool, 90, day + timedelta(days=days)) == words


def test_long_runs_that_stayed_are_folded() -> None:
    """A change in a long text is shown with the words around it."""
    old = " ".join(f"w{n}" for n in range(400))
    new = old.replace("w200", "other")
    shown = "".join(change.text for change in folded(word_changes(old, new)))
    assert "w200" in shown and "other" in shown and len(shown.split()) < 60
    assert folded(word_changes("a b", "a c")) == word_changes("a b", "a c")


def test_a_picture_that_is_not_in_media_is_told_beside_its_field(session: Session) -> None:
    """As 'panel check' tells it; what the form does not touch is written by the other buttons."""
    file = session.desk.root / "tools" / "anvil.md"
    before = file.read_text()
    form = form_of(session, "/tool/anvil")
    status, page = session.post("/tool/anvil", form | {"logo": "nothing.png", "image": "no.webp"})
    assert status == 422 and file.read_text() == before
    for field, name in (("logo", "nothing.png"), ("image", "no.webp")):
        told = page.split(f'id="{field}-wrong">', 1)[1].split("</div>", 1)[0]
        assert f"There is no file media/{name}. Put the picture there" in told
