"""The marks of the personas: one drawn for each that is shipped, an initial for every other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from panel.site.formats import initial
from panel.site.publication import Publication
from tests.support.site_pages import VERSUS, Reading, files_of
from tests.support.site_publication import seed_publication

TOOL = "tools/codestral-2-0.html"


def renamed(publication: Publication, persona: str, name: str) -> Publication:
    """Return a publication whose builder is another persona."""
    return replace(
        publication,
        personas=tuple(
            each.model_copy(update={"id": persona, "name": name}) if each.id == "builder" else each
            for each in publication.personas
        ),
        tools=tuple(
            replace(
                tool,
                card=replace(
                    tool.card,
                    lines=tuple(
                        replace(line, persona=persona, name=name)
                        if line.persona == "builder"
                        else line
                        for line in tool.card.lines
                    ),
                ),
            )
            for tool in publication.tools
        ),
    )


@pytest.mark.parametrize("path", ["index.html", "personas.html", TOOL, VERSUS])
def test_each_shipped_persona_has_a_drawn_mark_of_its_own(path: str) -> None:
    """Every mark that a page uses is drawn on that page, and no two personas share one."""
    reading = Reading(files_of(seed_publication())[path])
    drawn = {attrs["id"] for tag, attrs in reading.tags if tag == "symbol"}
    used = {attrs["href"] for tag, attrs in reading.tags if tag == "use"}
    marks = {f"#of-{persona.id}" for persona in seed_publication().personas}
    assert marks <= used and used <= {f"#{name}" for name in drawn}
    assert len(marks) == 4


def test_a_persona_without_a_drawing_has_its_initial_in_a_ring() -> None:
    """The initial is not read aloud, since the name stands beside it."""
    files = files_of(renamed(seed_publication(), "monk", "éloi the Monk"))
    for path in (TOOL, VERSUS, "personas/monk.html", "personas.html"):
        page = files[path].decode()
        assert 'text-anchor="middle">É</text>' in page, path
        assert '"#of-monk"' not in page and 'href="#of-builder"' not in page


@pytest.mark.parametrize(
    ("name", "letter"),
    [("the Monk", "T"), ("  «7 of 9»", "7"), ("監督", "監"), ("n\u0303andu", "N\u0303"),
     ("— ✦", ""), ("", "")],
)  # fmt: skip
def test_an_initial_is_the_first_letter_or_digit(name: str, letter: str) -> None:
    assert initial(name) == letter
