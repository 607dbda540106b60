"""The desk's ways: stale words wait, large selections, the server that answered, plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from panel.cells.cells import ModelIdentity
from panel.desk import asking
from panel.desk.asking import as_before
from panel.errors import Choice, UndecidedError
from panel.workspace.endpoints import resolve_endpoint
from panel.workspace.loading import load_workspace
from tests.support.desk_forms import form_in, form_of
from tests.support.desk_session import Session, desk_open, stands
from tests.support.editors import do
from tests.support.local_servers import Ollama
from tests.support.space import Space, edit

BUILDER = ("anvil", "builder")
TAKE = "/take/anvil/builder"


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    do(asked, "approve", BUILDER, note="Read.")
    edit(asked.root / "tools" / "anvil.md", "writes Parquet", "writes Arrow and Parquet")
    with desk_open(asked.root) as opened_desk:
        yield opened_desk


def rows(page: str) -> list[str]:
    return re.findall(r'class="row" href="/take/([^"?]+)', page)


@pytest.mark.slow
def test_stale_words_wait_in_a_group_of_their_own_until_they_are_said_to_stand(
    session: Session,
) -> None:
    page = session.get("/")[1]
    assert rows(page)[-1] == "anvil/builder" and len(rows(page)) == 8
    assert "Published and stale: 1" in page and "Queue: 8 waiting" in page
    assert "published words stale" not in page, "stale is said once"
    order = session.get(f"{TAKE}?sort=name")[1]
    assert ">8 of 8<" in order
    form = form_of(session, "/tool/anvil", "/tool/anvil/stands")
    page = session.post("/tool/anvil/stands", form | {"note": "It does."})[1]
    assert "the published words of 1 take" in page
    assert "Published and stale" not in session.get("/")[1]


def test_a_large_selection_is_sent_as_a_form(session: Session) -> None:
    picks = [("pick", f"anvil/none-{number}") for number in range(400)]
    status, page = session.post("/approve/look", [*picks, ("pick", "bellows/builder")])
    assert status == 200 and "Bellows × Builder" in page
    assert (
        session.post("/assign", [*picks, ("pick", "bellows/builder"), ("assignee", "Bo")])[0] == 200
    )
    assert session.desk.snapshot().assigned == {("bellows", "builder"): "Bo"}


@pytest.mark.slow
def test_what_the_facts_name_is_said_where_the_source_does_not(session: Session) -> None:
    """It stays an error: the reviewer did not see the facts."""
    file = session.desk.root / "tools" / "anvil.md"
    edit(file, "---\n", "---\nfacts:\n  Licence: Apache-2.0\n")
    session.decide(*BUILDER, action="edit", text="It is under the Apache-2.0 licence. Ship it.")
    page = session.get(TAKE)[1]
    assert "The tool’s facts name it (Licence: Apache-2.0)" in page
    assert 'id="tool-facts"' in page and 'class="error"' in page


@pytest.mark.slow
def test_plain_words_stand_where_files_and_fields_are_named(session: Session) -> None:
    form = form_of(session, "/tool/anvil")
    page = session.post("/tool/anvil", form | {"url": "nowhere", "name": ""})[1]
    assert re.findall(r'<a href="#(?:name|url)">([^<]*)</a>', page) == ["Name", "Vendor’s page"]
    assert "Skip to the content" in page and "Skip to the take<" in session.get(TAKE)[1]
    session.post(f"{TAKE}/draft", {"text": "Half", "quotes": "1"})
    assert "Anvil × Builder" in session.get("/tools")[1]
    for slug in ("anvil", "bellows"):
        path = f"/tool/{slug}/checked"
        session.post(path, form_in(session.get(f"/tool/{slug}")[1], path))
    page = session.get("/prices")[1]
    assert "Every price has been checked" in page and "0 prices" not in page


def test_a_reviewer_is_asked_again_where_it_answered_before(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two servers with the model it is the one that the endpoint's name stands for."""
    monkeypatch.delenv("CI", raising=False)
    space.settings("")
    has = {"m:1b": ("completion",)}
    with Ollama(models=has) as first, Ollama(models=has) as second:
        places = [second.base_url, first.base_url]
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{first.port}")
        found = as_before(load_workspace(space.root), ModelIdentity("ollama", "m:1b"), places)
        endpoint = resolve_endpoint(found.settings, space.root)
        assert (endpoint.name, endpoint.base_url) == ("ollama", first.base_url)
        gone = as_before(load_workspace(space.root), ModelIdentity("vllm", "m:1b"), places)
        assert gone.settings == load_workspace(space.root).settings


def test_where_several_could_be_asked_the_page_lists_them(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stands(session) is not None
    choice = Choice(
        "Ollama 0.12.9 at http://127.0.0.1:1/v1", "m", "", "panel setup --yes --model m"
    )

    def undecided(*_given: object) -> None:
        raise UndecidedError("no endpoint is configured, and many could be asked:", [choice])

    monkeypatch.setattr(asking, "prepare", undecided)
    session.post(f"{TAKE}/ask", {})
    assert session.desk.asker.wait(30)
    page = session.get(TAKE)[1]
    assert "More than one server could be asked" in page
    assert "<li>m of Ollama 0.12.9 at http://127.0.0.1:1/v1: <code>panel setup --yes" in page
