"""Quotes and errors at the desk: corrected one by one, asked about, never published invented."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from panel.cells.answers import MOST_QUOTES
from panel.desk.decide import history
from panel.errors import UsageError
from panel.frozen.files import FOLDER
from panel.workspace.loading import load_workspace
from tests.support.desk_session import Session, ask, desk_open, stands
from tests.support.editors import do, entry
from tests.support.frozen_verdicts import freeze
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.results import thaw
from tests.support.space import Panel, Space
from tests.support.templates import Templates

PAIR = ("anvil", "builder")
TAKE = "/take/anvil/builder"
TRUE = "anvil reads JSON lines"
INVENTED = "trusted by nine of ten banks"
ALTERED = "It is not under the MIT licence"
OWN_WORDS = (  # those of the model are much the same in all takes, which is an error
    "Anvil reads JSON lines. It writes Parquet. A team that keeps its logs as text gets columns "
    "for nothing, since the entry price is free. What it does not say is how large a file may be "
    "or whether a broken line stops it. I would ship it."
)
SLIP = "anvil raeds JSON lines and writes Parquet"


def quoting(_index: int, body: dict[str, Any]) -> Answer:
    """Answer with one true quote, one invented, one altered, and one from the entry price."""
    schema = body["response_format"]["json_schema"]["schema"]
    beats = [name for name in schema["properties"] if name not in KNOWN]
    words = "Lines of JSON go in and Parquet comes out, which is all that it claims to do here."
    fields: dict[str, Any] = {"evidence": [TRUE, INVENTED, ALTERED, "Free"]}
    fields |= {
        beat: f"{words} Part {number}: I would ship it." for number, beat in enumerate(beats)
    }
    fields |= {"verdict": "ship", "verdict_confidence": 70}
    return Answer(body=completion(json.dumps(fields)))


KNOWN = ("evidence", "verdict", "verdict_confidence")


def invented(space: Space, mock: MockEndpoint) -> None:
    """Ask everything of a model that invents quotes."""
    mock.face = quoting
    ask(space.root)


@pytest.fixture
def quoted(templates: Templates, tmp_path: Any) -> Space:
    return templates.copy(invented, tmp_path / "space")


@pytest.fixture
def session(quoted: Space) -> Iterator[Session]:
    with desk_open(quoted.root) as opened:
        yield opened


def quotes_on(page: str) -> list[str]:
    """Return the quotes listed on a take's page."""
    listed = page.split('id="evidence"', 1)[1].split("</ul>", 1)[0]
    return [html.unescape(quote) for quote in re.findall('“([^”]*)”(?!")', listed)]


def edit_form(session: Session, **fields: str) -> dict[str, str]:
    """Return the fields of the edit form, as the page has them."""
    page = session.get(TAKE)[1].split('id="edit-form"', 1)[1]
    texts = re.findall(r'<textarea id="([\w-]+)" name="([\w-]+)"[^>]*>([^<]*)</textarea>', page)
    shown = {name: html.unescape(text) for _id, name, text in texts if name != "note"}
    return session.form(*PAIR) | shown | {"quotes": "1"} | fields


def test_the_desk_says_where_each_quote_stands_and_which_readers_will_not_see(
    session: Session,
) -> None:
    page = session.get(TAKE)[1]
    assert quotes_on(page) == [TRUE, INVENTED, ALTERED, "Free"]
    listed = page.split('id="evidence"', 1)[1].split("</ul>", 1)[0].split("<li>")[1:]
    assert ["not published" in each for each in listed] == [False, True, True, False]
    assert "Entry price" in listed[3] and "Description" in listed[0]
    assert re.search(r'<dt>Entry price</dt><dd>\s*<mark class="evidence" id="e4"', page)


@pytest.mark.slow
def test_a_quote_is_removed_corrected_rewritten_and_added_each_by_itself(session: Session) -> None:
    words = session.desk.snapshot().entry(*PAIR).text  # type: ignore[union-attr]
    session.post(f"{TAKE}/decide", edit_form(session, remove="2"))
    assert stands(session).revision.evidence == (TRUE, ALTERED, "Free")
    session.post(f"{TAKE}/decide", edit_form(session, correct="2"))
    assert stands(session).revision.evidence == (TRUE, "It is under the MIT licence", "Free")
    session.post(
        f"{TAKE}/decide", edit_form(session, action="edit", **{"quote-1": "", "quote-4": SLIP})
    )
    revision = stands(session).revision
    assert revision.evidence == ("It is under the MIT licence", "Free", SLIP)
    assert revision.text == words, "the words stay as they are"
    session.decide(*PAIR, action="undo", undoes=stands(session).in_force[-1])
    assert stands(session).revision.evidence[0] == TRUE


@pytest.mark.slow
def test_words_that_are_edited_keep_the_quotes_an_editor_chose(quoted: Space) -> None:
    do(quoted, "edit", evidence=(TRUE,))
    do(quoted, "edit", text="Other words.")
    do(quoted, "approve")
    published = entry(quoted).review.published
    assert published is not None and (published.text, published.evidence) == (
        "Other words.",
        (TRUE,),
    )


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (("x" * 1001,), "1,001 characters"),
        (tuple(map(str, range(MOST_QUOTES + 1))), f"{MOST_QUOTES + 1} quotes"),
    ],
)
def test_quotes_beyond_measure_are_refused(
    quoted: Space, evidence: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        do(quoted, "edit", evidence=evidence)


def test_words_with_errors_are_approved_only_with_a_reason_that_the_history_keeps(
    session: Session,
) -> None:
    form = session.form(*PAIR, action="approve")
    status, page = session.post(f"{TAKE}/decide", form)
    assert status == 422 and INVENTED in page and "Why do they stand all the same?" in page
    assert stands(session) is None
    assert session.post(f"{TAKE}/decide", form | {"note": "  \n "})[0] == 422
    assert stands(session) is None
    status, _page = session.post(
        f"{TAKE}/decide", form | {"note": "The vendor says so <elsewhere>."}
    )
    assert status == 200 and stands(session).published is not None
    (made,) = history(load_workspace(session.desk.root), *PAIR)
    assert made.note == "The vendor says so <elsewhere>."
    assert "The vendor says so &lt;elsewhere&gt;." in session.get(f"{TAKE}/history")[1]


def test_words_without_errors_are_approved_at_once(session: Session) -> None:
    fields = {"quote-2": "", "quote-3": "", "action": "approve", "text": OWN_WORDS}
    assert session.post(f"{TAKE}/decide", edit_form(session, **fields))[0] == 200
    assert stands(session).published.evidence == (TRUE, "Free")
    (made,) = history(load_workspace(session.desk.root), *PAIR)
    assert made.note is None


def test_an_invented_quote_reaches_no_reader_whatever_was_approved(
    quoted: Space, panel: Panel
) -> None:
    for pair in [(tool, persona) for tool in ("anvil", "bellows") for persona in PERSONAS]:
        do(quoted, "approve", pair, note="All the same.")
    out = quoted.root / "site"
    assert panel("publish", out, cwd=quoted.root).code == 0
    html_file = quoted.root / "compare.html"
    assert panel("compare", "anvil", "bellows", "--html", html_file, cwd=quoted.root).code == 0
    shown = panel("show", "anvil", "--json", cwd=quoted.root).out
    compared = panel("compare", "anvil", "bellows", "--json", cwd=quoted.root).out
    with desk_open(quoted.root) as session:
        for words in ("approved", "drafts"):
            shown_page = f"/preview/page/{words}/anvil--bellows/compare/anvil-vs-bellows.html"
            status, page = session.get(shown_page)
            assert status == 200
            compared += page
    published = {
        file.name: file.read_text(encoding="utf-8")
        for file in [html_file, *out.rglob("*")]
        if file.suffix in (".html", ".xml", ".json")
    }
    for name, text in (published | {"show": shown, "compare": compared}).items():
        assert INVENTED not in text and ALTERED not in text, name
    assert TRUE in published["anvil.html"] and TRUE in published["compare.html"] and TRUE in shown
    assert TRUE not in published["bellows.html"], "it says nothing about anvil"


PERSONAS = ("builder", "skeptic", "futurist", "business-analyst")


def test_a_quote_that_left_the_description_leaves_the_site(quoted: Space, panel: Panel) -> None:
    do(quoted, "approve")
    quoted.tool("anvil", description="It is under the MIT licence, and writes Parquet.")
    assert panel("publish", quoted.root / "site", cwd=quoted.root).code == 0
    page = (quoted.root / "site" / "tools" / "anvil.html").read_text(encoding="utf-8")
    assert TRUE not in page and ">Free</span></q>" in page


@pytest.mark.slow
def test_quotes_chosen_by_an_editor_are_frozen_thawed_and_rebuilt(quoted: Space) -> None:
    do(quoted, "edit", evidence=(TRUE,))
    do(quoted, "approve")
    freeze(quoted)
    filed = json.loads((quoted.root / FOLDER / "anvil.json").read_text())
    assert filed["personas"]["builder"]["decisions"][-1]["evidence"] == [TRUE]
    for journal in quoted.journals:
        journal.unlink()
    (quoted.root / "runs" / "panel.duckdb").unlink()
    thaw(quoted.root)
    published = entry(quoted).review.published
    assert published is not None and published.evidence == (TRUE,)


def test_findings_and_their_marks_have_the_same_numbers_in_the_order_of_the_text(
    session: Session,
) -> None:
    """From 1 on each take; the list has the errors first, and no number where there is no place."""
    words = (
        "In our tests it took ten minutes. I tried it in the first ten minutes. I would ship it."
    )
    session.decide(*PAIR, action="edit", text=words)
    page = session.get(TAKE)[1]
    take = page.split('class="words take', 1)[1].split("</div>", 1)[0]
    found = page.split('<ol class="findings">', 1)[1].split("</ol>", 1)[0].split("<li ")[1:]
    marked = [int(number) for number in re.findall(r'href="#nf(\d+)"[^>]* data-n="\1"', take)]
    numbers = [re.search(r'id="nf(\d+)"', each) for each in found]
    placed = [int(each[1]) for each in numbers if each]
    assert marked == sorted(placed) == [*range(1, len(placed) + 1)] and len(placed) > 1
    assert None in numbers
    worst = [re.search("error|warning|note", each) for each in found]
    ranks = [["error", "warning", "note"].index(each[0]) for each in worst if each]
    assert ranks == sorted(ranks) and len(ranks) == len(found)
    for number, row in zip(numbers, found, strict=True):
        if number is None:
            assert 'class="nth"' not in row
        else:
            assert f'href="#f{number[1]}" class="nth"' in row and f'id="f{number[1]}"' in take


def test_a_reason_for_errors_is_kept_and_is_no_unsaved_words(session: Session) -> None:
    """A key that went astray into its field is not kept at all."""
    own = {"Origin": session.base, "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
    assert '"saved_at":null' in session.post(f"{TAKE}/draft", {"doubt": "b"}, own)[1]
    session.post(f"{TAKE}/draft", {"doubt": "The vendor says so."}, own)
    assert "Unsaved words of yours" not in session.get("/")[1]
    assert "You have unsaved words here" not in session.get(TAKE)[1]
    form = session.form(*PAIR, action="approve")
    status, page = session.post(f"{TAKE}/decide", form)
    assert status == 422 and "The vendor says so.</textarea>" in page
