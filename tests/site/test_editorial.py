"""The editors' own words on the site: a person's, named, escaped, and apart from the reviewers'."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree as ET

from panel.site.assets import load_assets
from panel.site.index import SiteIndex
from panel.site.publication import Publication
from panel.site.render import PageRenderer
from panel.workspace.editorial import Correction, Editorial, EditorialFiles
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_pages import Reading, files_of
from tests.support.site_publication import seed_publication

ATOM = "{http://www.w3.org/2005/Atom}"
SAID = Editorial(
    headline="Open, <i>large</i>, hungry",
    standfirst="It wants a server.",
    pick=True,
    why="It **can** be forked. <script>alert(1)</script>",
    by="Ada",
    date=date(2026, 11, 26),
    corrections=(Correction(date=date(2026, 11, 20), note="The price was <b>wrong</b>."),),
    text="## Why\n\nA [link](javascript:alert(1)) and ![a picture](https://x.example/a.png).",
)


def publication(said: Editorial = SAID) -> Publication:
    pairs = {frozenset((CODESTRAL, MISTRAL)): said}
    return seed_publication(editorial=EditorialFiles(None, {MISTRAL: said}, pairs))


def written(said: Editorial | None) -> dict[str, Reading]:
    """Return what each of the macros writes."""
    renderer = PageRenderer(SiteIndex(publication()), load_assets(False))
    made = renderer.environment.get_template("site/editorial.html.j2").module
    names = ("head", "pick", "text", "corrections", "badge")
    return {name: Reading(str(getattr(made, name)(said)) + "<p></p>") for name in names}


def test_each_piece_says_which_person_wrote_it() -> None:
    """So nobody takes it for a reviewer's or a machine's."""
    pieces = written(SAID)
    for name in ("head", "pick", "text"):
        assert "Written by Ada, editor · 2026-11-26" in pieces[name].text, name
    assert "no machine wrote them" in pieces["text"].text
    unnamed = written(SAID.model_copy(update={"by": None, "date": None}))
    assert "Written by an editor" in unnamed["head"].text


def test_nothing_is_written_where_nothing_is_said() -> None:
    """A page without the editors' words is as it was."""
    for said in (None, Editorial(), Editorial(by="Ada")):
        assert {each.text for each in written(said).values()} == {""}


def test_the_words_are_escaped_and_markdown_can_do_nothing() -> None:
    """They are untrusted, as every text of a workspace is."""
    for name, read in written(SAID).items():
        tags = {tag for tag, _ in read.tags}
        assert not tags & {"script", "i", "b", "img"}, name
        assert not any(
            "javascript" in (value or "") for _, had in read.tags for value in had.values()
        )
    assert "Open, <i>large</i>, hungry" in written(SAID)["head"].text
    assert "The price was <b>wrong</b>." in written(SAID)["corrections"].text


def test_a_pick_is_marked_in_lists_and_a_correction_is_in_the_feed() -> None:
    """Both are news to readers who do not open the page."""
    files = files_of(publication())
    assert Reading(files["tools.html"]).text.count("Our pick") == 1
    entries = ET.fromstring(files["feed.xml"]).findall(f"{ATOM}entry")
    titles = [entry.findtext(f"{ATOM}title") or "" for entry in entries]
    corrected = [title for title in titles if title.startswith("Correction: ")]
    assert len(corrected) == 2 and any(" vs " in title for title in corrected)
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(ids) == len({*ids})


def test_search_engines_are_told_of_the_person_as_author_of_those_words_alone() -> None:
    """The reviews stay those of a machine."""
    page, *_ = Reading(files_of(publication())[f"tools/{MISTRAL}.html"]).linked
    assert page["hasPart"]["author"] == {"@type": "Person", "name": "Ada"}
    reviews = page["mainEntity"]["review"]
    assert reviews and all(each["author"]["@type"] == "Organization" for each in reviews)
    nameless = publication(SAID.model_copy(update={"by": None}))
    assert "hasPart" not in Reading(files_of(nameless)[f"tools/{MISTRAL}.html"]).linked[0]


def test_the_site_says_what_people_wrote_only_where_they_did() -> None:
    """The foot and "How it works" tell a person's words from a machine's."""
    files, plain = files_of(publication()), files_of(seed_publication())
    assert "What carries an editor’s name, people wrote." in Reading(files["tools.html"]).text
    assert "Editors also write in their own name." in Reading(files["methodology.html"]).text
    assert "people wrote" not in Reading(plain["tools.html"]).text
