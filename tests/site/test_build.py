"""Building into a folder: what is written, what is left, what is removed, what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.site import a_publication

from panel.errors import PanelError, UsageError
from panel.scorecard import Scorecard
from panel.site import build as room
from panel.site import output, pictures
from panel.site.build import MANIFEST, SiteBuilder, build, plan
from panel.site.publication import Publication, PublishedTool
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.site_publication import ROOT, seed_publication

GOLDEN = ROOT / "tests" / "golden" / "site"
VERSUS = f"compare/{MISTRAL}-vs-{CODESTRAL}.html"


def files_in(out: Path) -> dict[str, bytes]:
    return {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in sorted(out.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Return what changes when a file is written anew, even with the same bytes."""
    return {
        file.relative_to(out).as_posix(): (file.stat().st_mtime_ns, file.stat().st_ino)
        for file in out.rglob("*")
        if file.is_file()
    }


def reworded(publication: Publication) -> Publication:
    """Return the publication with one take of Codestral in other words."""
    first, *rest = publication.tools
    line, *others = first.card.lines
    assert line.take
    said = "The model has said it in other words."
    line = replace(line, take=replace(line.take, take=said, beats=(("In short", said),)))
    card = replace(first.card, lines=(line, *others))
    return replace(publication, tools=(PublishedTool(first.tool, card), *rest))


def text_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return what people and machines read, without the hashes in the assets' names."""
    kinds = (".html", ".xml", ".txt", ".json")
    return {
        path: re.sub(rb"-[0-9a-f]{10}(?=\.(css|js|svg))", b"-HASH", content)
        for path, content in files.items()
        if path.endswith(kinds)
    }


def test_the_site_of_two_tools_equals_the_golden_files(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path / "out")
    files = text_files(files_in(tmp_path / "out"))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        for path, content in files.items():
            output.write_if_changed(GOLDEN / path, content)
        output.remove(GOLDEN, files_in(GOLDEN).keys() - files.keys())
    golden = files_in(GOLDEN)
    assert files.keys() == golden.keys()
    assert [path for path in files if files[path] != golden[path]] == []


def test_a_build_says_what_it_made_and_lists_every_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    built = build(seed_publication(), out)
    files = files_in(out)
    assert set(built.written) == set(files)
    assert (built.unchanged, built.removed) == (0, ())
    assert (built.tools, built.comparisons, built.pictures) == (2, 1, True)
    assert built.pages == sum(path.endswith(".html") for path in files)
    listed = json.loads((out / MANIFEST).read_text())["files"]
    assert listed == {path: output.digest_of(content) for path, content in files.items()}


def test_a_second_build_touches_nothing(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    before = stamps(tmp_path)
    built = build(seed_publication(), tmp_path)
    assert built.written == () and built.unchanged == len(before) - 1
    assert stamps(tmp_path) == before


def test_another_day_and_another_folder_make_the_same_bytes(tmp_path: Path) -> None:
    one = seed_publication()
    build(one, tmp_path / "a")
    build(replace(one, today=one.today.replace(day=25)), tmp_path / "b")
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")


def test_one_reworded_take_changes_the_pages_that_show_it_and_no_other(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    before = stamps(tmp_path)
    built = build(reworded(seed_publication()), tmp_path)
    pages = [path for path in built.written if not path.startswith("og/")]
    told = {"index.html", "feed.xml", "rss.xml", "search-words.json"}
    assert set(pages) == {f"tools/{CODESTRAL}.html", VERSUS} | told
    assert len(built.written) - len(pages) == 2, "the pictures that quote the take"
    after = stamps(tmp_path)
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {*built.written, MANIFEST}


def test_what_is_no_longer_published_goes_and_so_do_emptied_folders(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    one = seed_publication(tools=seed_publication().tools[:1], pairs=())
    built = build(one, tmp_path)
    assert {f"tools/{MISTRAL}.html", VERSUS} <= set(built.removed)
    assert not (tmp_path / "compare").exists() and (tmp_path / "tools").is_dir()
    assert files_in(tmp_path) == files_in_of(one, tmp_path.parent / "fresh")


def files_in_of(publication: Publication, out: Path) -> dict[str, bytes]:
    build(publication, out)
    return files_in(out)


def test_a_damaged_file_is_mended(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    whole = files_in(tmp_path)
    (tmp_path / VERSUS).write_text("defaced")
    (tmp_path / "index.html").unlink()
    [picture] = [p for p in whole if p.endswith(".png")][:1]
    (tmp_path / picture).unlink()
    built = build(seed_publication(), tmp_path)
    assert set(built.written) == {VERSUS, "index.html", picture}
    assert files_in(tmp_path) == whole


def test_files_of_others_are_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    (tmp_path / "CNAME").write_text("verdicts.example")
    (tmp_path / "compare" / "notes.txt").write_text("mine")
    one = seed_publication(tools=seed_publication().tools[:1], pairs=())
    build(one, tmp_path)
    assert (tmp_path / "CNAME").read_text() == "verdicts.example"
    assert (tmp_path / "compare" / "notes.txt").read_text() == "mine"


def unlisted(out: Path, *paths: str) -> None:
    """Take files out of the list of those that the program wrote."""
    record = json.loads((out / MANIFEST).read_text())
    for path in paths:
        del record["files"][path]
    (out / MANIFEST).write_text(json.dumps(record))


@pytest.mark.parametrize("kind", [".html", ".js", ".png", ".xml"])
def test_nothing_is_published_beside_a_strange_file_under_a_name_of_the_site(
    tmp_path: Path, kind: str
) -> None:
    """Readers would take it for a page of the site, or their browsers would load it."""
    build(seed_publication(), tmp_path)
    path = next(path for path in files_in(tmp_path) if path.endswith(kind))
    unlisted(tmp_path, path)
    (tmp_path / path).write_text("mine")
    before = stamps(tmp_path)
    for attempt in (build, plan):
        with pytest.raises(UsageError, match=f"does not list: {re.escape(path)}"):
            attempt(seed_publication(), tmp_path)
    assert stamps(tmp_path) == before
    (tmp_path / path).unlink()
    assert build(seed_publication(), tmp_path).written == (path,)


def test_a_file_that_the_list_lacks_is_the_sites_where_it_is_as_it_would_be_made(
    tmp_path: Path,
) -> None:
    build(seed_publication(), tmp_path)
    unlisted(tmp_path, "index.html", VERSUS)
    assert build(seed_publication(), tmp_path).written == ()
    assert {"index.html", VERSUS} <= json.loads((tmp_path / MANIFEST).read_text())["files"].keys()


def test_a_link_is_no_file_of_the_site_whatever_it_leads_to(tmp_path: Path) -> None:
    """Who packs the folder for a web host may follow it."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    build(seed_publication(), out)
    whole = files_in(out)
    for path in ("index.html", next(path for path in whole if path.endswith(".png"))):
        (out / path).rename(elsewhere)
        (out / path).symlink_to(elsewhere)
        assert build(seed_publication(), out).written == (path,)
        assert not (out / path).is_symlink() and files_in(out) == whole


def test_a_folder_that_holds_something_else_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"no \.panel-site\.json says that they are a site's"):
        build(seed_publication(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(UsageError, match="is a file"):
        build(seed_publication(), tmp_path / "thesis.txt")


@pytest.mark.parametrize(
    "path",
    ["../thesis.txt", "/etc/hostname", "a/../../thesis.txt", "", ".", "a/./b", "a\\..\\b", "a\0b"],
)
def test_a_manifest_that_points_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    out = tmp_path / "out"
    build(seed_publication(), out)
    (tmp_path / "thesis.txt").write_text("years of work")
    (out / MANIFEST).write_text(json.dumps({"format": 1, "files": {path: "x"}}))
    with pytest.raises(UsageError, match="no file of a site in this folder"):
        build(seed_publication(), out)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', "\xff"])
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read as a site's list of files"):
        build(seed_publication(), tmp_path)


def test_a_build_that_was_cut_off_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = output.write_if_changed, iter(range(100))

    def failing(file: Path, content: bytes) -> bool:
        if next(count) == 9:
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / f".0123{output.WRITING}").write_bytes(content[:10])
            raise KeyboardInterrupt
        return real(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(output, "write_if_changed", failing)
        with pytest.raises(KeyboardInterrupt):
            build(seed_publication(), tmp_path)
    built = build(seed_publication(), tmp_path)
    assert built.unchanged > 0
    assert files_in(tmp_path) == files_in_of(seed_publication(), tmp_path.parent / "fresh")


@pytest.mark.slow
def test_many_sheets_are_made_in_several_processes_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = files_in_of(seed_publication(), tmp_path / "alone")
    monkeypatch.setattr(room, "ALONE", 0)
    monkeypatch.setattr(room, "CHUNK", 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    assert files_in_of(seed_publication(), tmp_path / "several") == alone


def asked_of_cards(monkeypatch: pytest.MonkeyPatch, many: int) -> int:
    """Return how often the pages of so many tools ask one of them whether it is a demo's."""
    asked = 0
    known = Scorecard.demo.fget

    def counted(card: Scorecard) -> bool:
        nonlocal asked
        asked += 1
        return bool(known(card))

    monkeypatch.setattr(Scorecard, "demo", property(counted))
    for file in SiteBuilder(a_publication(many, 0)).files:
        if file.path.endswith(".html"):
            file.make()
    monkeypatch.undo()
    return asked


@pytest.mark.slow
def test_a_list_does_not_look_at_every_tool_for_each_of_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twice the tools ask twice as much, not four times."""
    assert asked_of_cards(monkeypatch, 60) < 2.5 * asked_of_cards(monkeypatch, 30)


class Deadly(str):
    """A text that ends the process that it is sent to."""

    def __reduce__(self) -> Any:
        return os.abort, ()


@pytest.mark.slow
def test_a_worker_that_the_system_ends_is_one_line_and_the_next_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ALONE", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    with pytest.raises(PanelError, match="ended a process that did a part"):
        build(seed_publication(version=Deadly("0.1.0")), tmp_path)
    build(seed_publication(), tmp_path)
    assert files_in(tmp_path) == files_in_of(seed_publication(), tmp_path.parent / "fresh")


def test_without_pillow_the_site_is_whole_but_for_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(seed_publication(), tmp_path)
    monkeypatch.setattr(pictures, "available", lambda: False)
    built = build(seed_publication(), tmp_path)
    assert not built.pictures and not (tmp_path / "og").exists()
    assert b"og:image" not in (tmp_path / "index.html").read_bytes()


def test_pillow_is_loaded_only_to_draw() -> None:
    code = "import panel.site.build, sys; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def drawn() -> Any:
    return pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def test_pictures_have_the_size_that_links_want_and_are_small(drawn: Any, tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    files = list((tmp_path / "og").iterdir())
    assert len(files) == 4
    for file in files:
        with drawn.open(file) as picture:
            assert (picture.size, picture.format, picture.mode) == ((1200, 630), "PNG", "P")
            assert len(picture.getcolors()) > 2
        assert file.stat().st_size < 40_000


def test_a_picture_gets_a_new_name_when_what_it_shows_changes(tmp_path: Path) -> None:
    def names(publication: Publication) -> set[str]:
        return {sheet.path for sheet in SiteBuilder(publication).files if sheet.named}

    one = seed_publication()
    assert len(names(one) & names(reworded(one))) == 2, "the pictures that do not quote the take"
    first, second = one.tools
    renamed = PublishedTool(first.tool.model_copy(update={"name": "Other"}), first.card)
    other = names(replace(one, tools=(renamed, second)))
    assert len(names(one) & other) == 2  # the front page's and the other tool's


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "name", ["", "工具", "أداة", "x" * 400, "a\nb", "\u202etxt.exe", "👩‍🚀", "W" * 60 + " i"]
)
def test_any_name_can_be_drawn(drawn: Any, name: str) -> None:
    first, second = seed_publication().tools
    strange = PublishedTool(first.tool.model_copy(update={"name": name}), first.card)
    for sheet in SiteBuilder(seed_publication(tools=(strange, second))).files:
        if sheet.named:
            assert sheet.make()[:4] == b"\x89PNG"


def test_drafts_go_nowhere_where_a_published_site_stands(tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(seed_publication(), out)
    before = stamps(out)
    with pytest.raises(UsageError, match=r"holds the published site.*out-drafts --drafts"):
        build(seed_publication(drafts=True), out)
    assert stamps(out) == before
    build(seed_publication(drafts=True), tmp_path / "drafts")
    build(seed_publication(drafts=True), tmp_path / "drafts")
    build(seed_publication(), tmp_path / "drafts")  # readers' pages may replace drafts
    with pytest.raises(UsageError, match="holds the published site"):
        build(seed_publication(drafts=True), tmp_path / "drafts")


def test_a_site_whose_manifest_does_not_say_its_kind_counts_as_published(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["drafts"]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="holds the published site"):
        build(seed_publication(drafts=True), tmp_path)


def test_published_pages_go_only_when_that_is_wanted(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    one = replace(seed_publication(), tools=seed_publication().tools[:1], pairs=())
    before = stamps(tmp_path)
    with pytest.raises(UsageError) as refused:
        build(one, tmp_path, remove=False)
    gone = sorted((f"tools/{MISTRAL}.html", VERSUS))
    assert f"2 published pages: {', '.join(gone)}" in str(refused.value)
    assert "--remove" in str(refused.value) and stamps(tmp_path) == before
    assert set(gone) <= set(build(one, tmp_path, remove=True).removed)
    build(seed_publication(drafts=True), tmp_path / "drafts")
    build(one, tmp_path / "drafts", remove=False)  # nobody has links to drafts


def test_lists_that_are_no_longer_made_go_without_asking(tmp_path: Path) -> None:
    build(seed_publication(), tmp_path)
    tools = [
        PublishedTool(each.tool.model_copy(update={"category": "Other"}), each.card)
        for each in seed_publication().tools
    ]
    removed = build(replace(seed_publication(), tools=tuple(tools)), tmp_path, remove=False).removed
    assert any(path.startswith("categories/") for path in removed)


def test_nothing_is_written_or_removed_through_a_link_in_the_folder(tmp_path: Path) -> None:
    """A folder from git may hold links and a list of files: what they lead to stays as it is."""
    out, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    (out / "tools").symlink_to(elsewhere, target_is_directory=True)
    for files in ({"tools/mine.txt": "x"}, {}):
        (out / MANIFEST).write_text(json.dumps({"format": 1, "files": files}))
        with pytest.raises(UsageError, match="is a link"):
            build(seed_publication(), out)
    assert [each.name for each in elsewhere.iterdir()] == ["mine.txt"]


def test_a_link_under_the_name_of_an_incomplete_file_is_not_followed(tmp_path: Path) -> None:
    """Each file is written anew before it is put in its place."""
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in ("index.html", MANIFEST):
        part = f".{output.digest_of(name.encode())[:16]}-{os.getpid()}{output.WRITING}"
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / part).symlink_to(mine)
        output.write_if_changed(tmp_path / "site" / name, b"new")
        assert (tmp_path / "site" / name).read_bytes() == b"new" and mine.read_text() == "mine"
