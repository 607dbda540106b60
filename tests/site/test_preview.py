"""The pictures of links: what they say, and what becomes of letters that their font lacks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from panel.site.assets import EXTENDED, HEADLINES, covered, font
from panel.site.build import SiteBuilder
from panel.site.preview import drawable, preview
from panel.site.publication import Publication
from tests.support.site_pages import Reading
from tests.support.site_publication import seed_publication

TOOL = "tools/codestral-2-0.html"


def named(publication: Publication, name: str) -> Publication:
    """Return a publication whose first tool has another name."""
    first, *rest = publication.tools
    first = replace(
        first,
        tool=first.tool.model_copy(update={"name": name}),
        card=replace(first.card, name=name),
    )
    return replace(publication, tools=(first, *rest))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Codestral 2.0", "Codestral 2.0"),
        ("Łódź—“Škoda” €5", "Łódź—“Škoda” €5"),
        ("e\u0301clair", "éclair"),
        ("Rocket 🚀 Ship ✨", "Rocket Ship"),
        ("a\u2011b\n c", "a-b c"),
        ("日本語", None),
        ("Tool أداة", None),
        ("हिन्दी", None),
        ("👩‍🚀", ""),
        ("", ""),
    ],
)
def test_only_what_the_font_has_is_drawn(text: str, shown: str | None) -> None:
    """Signs that it lacks are left out; with a letter that it lacks there is no text at all."""
    assert drawable(text) == shown


@pytest.mark.parametrize("name", [HEADLINES, EXTENDED])
def test_a_font_has_every_letter_that_its_stylesheet_promises(name: str) -> None:
    """No picture has a box in place of a letter."""
    pil = pytest.importorskip("PIL.ImageFont", reason="Pillow is not installed")
    face = pil.truetype(io.BytesIO(font(name)), 24)
    box = bytes(face.getmask("\U0010fffd"))
    boxes = [each for each in covered(name) - {" ", "\u00a0"} if bytes(face.getmask(each)) == box]
    assert not boxes


@pytest.mark.parametrize("name", ["日本語ツール", "أداة", "👩‍🚀"])
def test_a_name_in_another_script_has_the_plain_picture_of_the_site(name: str) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    builder = SiteBuilder(named(seed_publication(), name))
    files = {file.path: file for file in builder.files}

    def pictured(path: str) -> list[str | None]:
        reading = Reading(files[path].make())
        return [a["content"] for t, a in reading.tags if t == "meta" and "og:image" in a.values()]

    slug = builder.index.by_name[-1].tool.slug
    paths = [f"tools/{each.tool.slug}.html" for each in builder.index.by_name]
    plain = pictured("index.html")
    assert [pictured(path) for path in paths].count(plain) == 1, slug
    assert pictured(builder.index.pairs[0].path) == plain
    assert all(file.make()[:4] == b"\x89PNG" for path, file in files.items() if path[:3] == "og/")


def test_a_picture_says_the_verdict_in_words_and_quotes_a_published_take() -> None:
    """The take is of the majority; a demo model's is not quoted."""
    (published, *_rest) = seed_publication().tools
    shown = preview(published.tool.name, published.card)
    assert shown is not None and shown.words == "All four ship"
    first = published.card.lines[0].take
    assert first is not None and shown.quote.strip("“”…") in first.take
    demo = replace(
        published.card,
        lines=tuple(
            replace(line, take=replace(line.take, demo=True))
            for line in published.card.lines
            if line.take
        ),
    )
    told = preview("Any", demo)
    assert told is not None and told.quote == ""


def test_the_same_site_has_the_same_pictures() -> None:
    """Byte for byte, and under the same names."""
    pytest.importorskip("PIL", reason="Pillow is not installed")
    made = [
        {f.path: f.make() for f in SiteBuilder(seed_publication()).files if f.path[:3] == "og/"}
        for _ in range(2)
    ]
    assert made[0] == made[1] and len(made[0]) == 4
