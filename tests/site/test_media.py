"""Pictures of ``media/``: encoded anew, in the sizes that pages use, without what they carried."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from panel.errors import WorkspaceError
from panel.site import output
from panel.site.build import MANIFEST, SiteBuilder, build, plan
from panel.site.media import MediaFolder, picture, rendered, survey
from panel.site.publication import Publication, PublishedTool
from tests.support.git_repository import git, repository
from tests.support.media_files import bomb, png, put, scans, turned_jpeg
from tests.support.site_pages import VERSUS, Reading
from tests.support.site_publication import seed_publication

PIL = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
TOOL = "tools/codestral-2-0.html"


def pictured(root: Path) -> Publication:
    """Return the seed's publication with a logo, a lead picture, a portrait and a head."""
    put(root, "logo.png", png((300, 300)))
    put(root, "lead.jpg", turned_jpeg((3000, 2000)))
    plain = seed_publication()
    tools = tuple(
        PublishedTool(
            each.tool.model_copy(update={"logo": "logo.png", "image": "lead.jpg"}), each.card
        )
        for each in plain.tools
    )
    personas = tuple(
        each.model_copy(update={"portrait": "lead.jpg"}) if each.id == "skeptic" else each
        for each in plain.personas
    )
    files, unfit = survey(root, ["logo.png", "lead.jpg"])
    assert not unfit
    return replace(
        plain,
        tools=tools,
        personas=personas,
        site=plain.site.model_copy(update={"logo": "logo.png"}),
        media=MediaFolder(root, files),
    )


def test_pictures_stand_on_pages_with_their_size_and_their_words(tmp_path: Path) -> None:
    """Every picture that a page names is a file of the site, in its own folder."""
    files = {file.path: file for file in SiteBuilder(pictured(tmp_path)).files}
    for path in ("index.html", TOOL, VERSUS, "tools.html", "personas/skeptic.html"):
        reading = Reading(files[path].make())
        images = [attrs for tag, attrs in reading.tags if tag == "img"]
        assert images, path
        for attrs in images:
            assert {"src", "alt", "width", "height"} <= attrs.keys()
            shown = [str(attrs["src"])]
            wider = str(attrs.get("srcset") or "").split(", ")
            shown += [each.split()[0] for each in wider if each]
            for address in shown:
                assert address.removeprefix("../") in files, (path, address)
    lead = next(
        attrs
        for tag, attrs in Reading(files[TOOL].make()).tags
        if tag == "img" and attrs["class"] == "media-lead"
    )
    assert lead["alt"] == "Codestral 2.0, as its makers show it"
    assert (lead["width"], lead["height"]) == ("1067", "1600")
    assert " 640w" not in str(lead["srcset"]) and " 533w" in str(lead["srcset"])


def test_a_picture_is_turned_as_it_says_and_loses_all_else(tmp_path: Path) -> None:
    """Neither maker nor place of a photograph is in what readers get."""
    put(tmp_path, "a.jpg", turned_jpeg((400, 200)))
    files, _unfit = survey(tmp_path, ["a.jpg"])
    media = MediaFolder(tmp_path, files)
    shown = picture(media, "a.jpg", "lead")
    assert shown is not None and (shown.width, shown.height) == (200, 400)
    made = rendered(media, "a.jpg", "lead", (200, 400))
    assert b"SECRET" not in made and made[8:12] == b"WEBP"
    image = PIL.open(io.BytesIO(made))
    assert image.size == (200, 400) and not image.getexif()
    red, _green, blue = image.convert("RGB").getpixel((190, 10))
    assert red > blue, "the marked corner has gone from the left to the right"


@pytest.mark.slow
@pytest.mark.parametrize("within", [".", "site", "site/og"])
def test_a_picture_that_git_keeps_is_made_again_and_another_of_its_name_goes(
    tmp_path: Path, within: str
) -> None:
    """A branch may bring any picture, and any list of what the program wrote."""
    out = tmp_path / "site"
    site = pictured(tmp_path)
    build(site, out)
    swapped = [*out.glob("og/*.png"), *out.glob("media/*.webp")]
    whole = {file: file.read_bytes() for file in swapped}
    assert {file.parent.name for file in swapped} == {"og", "media"}
    made = out / MANIFEST
    repository(tmp_path / within)
    if within == "site/og":  # as a part of a repository that is one of its own
        git(tmp_path, "init", "-q")
        git(tmp_path, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
    listed = made.read_text()
    for file in swapped:
        file.write_bytes(b"another")
        digest = output.digest_of(b"another")
        listed = listed.replace(output.digest_of(whole[file]), digest)
    made.write_text(listed)
    planned = plan(site, out).changed
    written = build(site, out).written
    assert planned == written == tuple(sorted(str(file.relative_to(out)) for file in swapped))
    assert {file: file.read_bytes() for file in swapped} == whole
    assert build(site, out).written == ()


def test_no_picture_is_made_larger_and_a_portrait_is_cut_to_a_square(tmp_path: Path) -> None:
    put(tmp_path, "a.png", png((90, 40)))
    files, _unfit = survey(tmp_path, ["a.png"])
    media = MediaFolder(tmp_path, files)
    sizes = {
        use: [each.size for each in shown.renditions]
        for use in ("logo", "lead", "portrait")
        if (shown := picture(media, "a.png", use))  # type: ignore[arg-type]
    }
    assert sizes == {"logo": [(90, 40)], "lead": [(90, 40)], "portrait": [(40, 40)]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bomb(), "pixels"),
        (png()[:300], "is broken"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "is broken"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is broken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no PNG, JPEG or WebP"),
        (b"", "is no PNG, JPEG or WebP"),
        (scans(200), "scans"),
        (None, "there is no file media/a.png"),
    ],
    ids=["bomb", "cut", "zeros", "riff", "svg", "empty", "scans", "missing"],
)
def test_a_picture_that_cannot_be_shown_is_named_with_the_reason(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    """It neither stops the build nor takes memory for what it claims to be."""
    (tmp_path / "media").mkdir()
    if content is not None:
        put(tmp_path, "a.png", content)
    files, unfit = survey(tmp_path, ["a.png"])
    assert not files and message in unfit["a.png"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(png())
    (tmp_path / "space" / "media").mkdir(parents=True)
    (tmp_path / "space" / "media" / "a.png").symlink_to(elsewhere)
    files, unfit = survey(tmp_path / "space", ["a.png"])
    assert not files and "leads out of its folder" in unfit["a.png"]


@pytest.mark.slow
def test_a_picture_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    """Its name is made from its content, so another picture of the same name is a new file."""
    publication = pictured(tmp_path / "space")
    first = build(publication, tmp_path / "out")
    made = [path for path in first.written if path.startswith("media/")]
    assert made and not build(publication, tmp_path / "out").written
    put(tmp_path / "space", "logo.png", png((301, 300)))
    files, _unfit = survey(tmp_path / "space", ["logo.png", "lead.jpg"])
    changed = replace(publication, media=MediaFolder(tmp_path / "space", files))
    again = build(changed, tmp_path / "out")
    assert any(path.startswith("media/") for path in again.written)
    assert any(path.startswith("media/") for path in again.removed)


def test_a_picture_that_breaks_between_looking_and_building_says_which(tmp_path: Path) -> None:
    publication = pictured(tmp_path)
    put(tmp_path, "logo.png", b"broken")
    with pytest.raises(WorkspaceError, match=r"logo\.png"):
        rendered(publication.media, "logo.png", "logo", (192, 192))
