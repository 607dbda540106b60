"""Each answer is of one file, also while the site is published again; and its conditions."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from panel.cells.renames import Rename
from panel.site.build import build
from panel.site.output import write_if_changed
from tests.support.raw_client import GET, heard, opened
from tests.support.readers_server import Reply, Served, serving
from tests.support.seed_takes import CODESTRAL
from tests.support.site_publication import seed_publication
from tests.support.sizes import size

TEXT = "0123456789"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        (served.folder / "text.txt").write_text(TEXT)
        yield served


def age(file: Path, seconds: float = 3600) -> None:
    """Let a file have been written so many seconds ago."""
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


def page(turn: int) -> bytes:
    """Return the page of one publication: a style of its own, and one letter, longer or shorter."""
    letter = b"abcdefgh"[turn % 8 : turn % 8 + 1]
    style = b"<style>p{margin:%dpx}</style>" % turn
    return style + letter * (1000 + 131 * (turn * 7919 % 997))


@pytest.mark.skipif(os.name == "nt", reason="no pipes with names")
@pytest.mark.timeout(20)
def test_what_is_no_plain_file_is_written_over_and_not_read(tmp_path: Path) -> None:
    """Nor a link to a device, whose size is that of an empty file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        assert write_if_changed(tmp_path / name, b"") and not write_if_changed(tmp_path / name, b"")
        assert (tmp_path / name).read_bytes() == b"" and not (tmp_path / name).is_symlink()


@pytest.mark.slow
def test_every_answer_is_of_one_publication_under_constant_republishing(site: Served) -> None:
    file, over = site.folder / "index.html", threading.Event()
    write_if_changed(file, page(0))

    def publish() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            write_if_changed(file, page(turn))

    thread = threading.Thread(target=publish)
    thread.start()
    content: dict[str, tuple[bytes, str]] = {}
    try:
        for _ in range(size(100, 5000)):
            reply = site.get("/")
            assert reply.status == 200 and int(reply.headers["content-length"]) == len(reply.body)
            _style, _, letters = reply.body.partition(b"</style>")
            assert len(set(letters)) == 1, "two publications in one answer"
            whole = (reply.body, reply.headers["content-security-policy"])
            assert content.setdefault(reply.headers["etag"], whole) == whole
            part = site.get("/", Range="bytes=40-99", If_Range=reply.headers["etag"])
            if part.status == 206:  # still the same file
                assert part.headers["etag"] == reply.headers["etag"]
                assert part.body == reply.body[40:100]
            again = site.get("/", If_None_Match=reply.headers["etag"])
            assert again.status == 200 or again.headers["etag"] == reply.headers["etag"]
    finally:
        over.set()
        thread.join()
    assert len(content) > 1


def test_an_answer_that_has_begun_is_of_the_old_file_to_its_end(site: Served) -> None:
    file = site.folder / "big.txt"
    file.write_bytes(b"a" * 4_000_000)
    request = GET.replace(b"/ ", b"/big.txt ") % site.port + b"Connection: close\r\n\r\n"
    with opened(site.port, request, room=4096) as client:
        first = client.recv(1)
        write_if_changed(file, b"b" * 10)
        body = (first + heard(client)).partition(b"\r\n\r\n")[2]
    assert body == b"a" * 4_000_000
    assert site.get("/big.txt").body == b"b" * 10


def test_a_file_that_becomes_shorter_in_place_is_cut_and_the_site_goes_on(site: Served) -> None:
    file = site.folder / "big.txt"
    file.write_bytes(b"a" * 8_000_000)
    request = GET.replace(b"/ ", b"/big.txt ") % site.port + b"\r\n"
    with opened(site.port, request, room=4096) as client:
        client.recv(1)
        os.truncate(file, 10)
        assert len(heard(client)) < 8_000_000
    assert site.get("/big.txt").body == b"a" * 10


@pytest.mark.parametrize(
    ("asked", "status", "said", "span"),
    [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-99", 206, TEXT, "bytes 0-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("Bytes=8-9", 206, "89", "bytes 8-9/10"),
        ("bytes = 8 - 9", 200, TEXT, None),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=99-100", 416, "", "bytes */10"),
        ("bytes=-0", 416, "", "bytes */10"),
        ("bytes=4-2", 200, TEXT, None),
        ("bytes=1-2,4-5", 200, TEXT, None),
        ("bytes=-", 200, TEXT, None),
        ("lines=1-2", 200, TEXT, None),
        ("bytes=1-99999999999999999999999", 200, TEXT, None),
        ("nothing", 200, TEXT, None),
    ],
)
def test_one_range_of_bytes_is_answered_and_anything_else_with_the_whole(
    site: Served, asked: str, status: int, said: str, span: str | None
) -> None:
    reply = site.get("/text.txt", Range=asked)
    assert (reply.status, reply.text, reply.headers["content-range"]) == (status, said, span)
    assert int(reply.headers["content-length"]) == len(said)
    assert (reply.headers["cache-control"] == "no-store") == (status == 416)


def test_a_range_of_a_file_that_has_changed_is_the_whole_new_one(site: Served) -> None:
    old = site.get("/text.txt").headers["etag"]
    assert site.get("/text.txt", Range="bytes=2-4", If_Range=old).status == 206
    write_if_changed(site.folder / "text.txt", b"abcdefghij")
    for condition in (old, "W/" + site.get("/text.txt").headers["etag"], formatdate(usegmt=True)):
        reply = site.get("/text.txt", Range="bytes=2-4", If_Range=condition)
        assert (reply.status, reply.text) == (200, "abcdefghij")


def test_tags_tell_files_apart_that_have_the_same_size_and_second(site: Served) -> None:
    file, tags = site.folder / "text.txt", set()
    for turn in range(20):
        write_if_changed(file, b"%010d" % turn)
        os.utime(file, (1_700_000_000, 1_700_000_000 + turn / 1e6))
        tags.add(site.get("/text.txt").headers["etag"])
    assert len(tags) == 20


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', '"x" ,W/{} , "y"', "*"])
@pytest.mark.parametrize("path", ["/text.txt", "/", "/-/vote.js"])
def test_what_the_browser_has_is_not_sent_again(site: Served, path: str, form: str) -> None:
    tag = site.get(path).headers["etag"]
    for method in ("GET", "HEAD"):
        reply = site.ask(method, path, {"If-None-Match": form.format(tag)})
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", tag)
    assert site.get(path, If_None_Match='"x"').status == 200


def test_a_date_counts_once_the_file_is_older_than_a_second_and_never_beside_a_tag(
    site: Served,
) -> None:
    file = site.folder / "text.txt"
    fresh = site.get("/text.txt")
    assert fresh.headers["last-modified"] is None
    later = formatdate(file.stat().st_mtime + 60, usegmt=True)
    assert site.get("/text.txt", If_Modified_Since=later).status == 200
    age(file)
    dated = site.get("/text.txt").headers["last-modified"]
    assert site.get("/text.txt", If_Modified_Since=dated).status == 304
    assert site.get("/text.txt", If_Modified_Since=dated, If_None_Match='"x"').status == 200
    odd = ("yesterday", "", "Thu, 99 Foo 2026 00:00:00 GMT", f"Thu, 1 Jan {10**30}")
    for wrong in (*odd, f"Thu, 1 Jan 2026 00:00:00 +{10**30}"):
        assert site.get("/text.txt", If_Modified_Since=wrong).status == 200


def test_the_page_for_what_is_not_there_is_whole_and_never_cut_into_ranges(site: Served) -> None:
    plain = site.get("/nothing")
    headers = {"Range": "bytes=0-3", "If-None-Match": "*"}
    reply = site.ask("GET", "/nothing", headers)
    assert (reply.status, reply.body) == (404, plain.body) and plain.body
    (site.folder / "404.html").unlink()
    assert site.get("/nothing").status == 404


def test_a_head_has_the_headers_of_the_answer_and_no_body(site: Served) -> None:
    def shown(reply: Reply) -> dict[str, str]:
        return {name.lower(): value for name, value in reply.headers.items() if name != "date"}

    for path in ("/", "/text.txt", "/tools/anvil/", "/nothing"):
        head, whole = site.ask("HEAD", path), site.get(path)
        assert head.status == whole.status and head.body == b"" and shown(head) == shown(whole)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_the_old_address_of_what_was_renamed_is_answered_with_the_new_one(tmp_path: Path) -> None:
    """301 to a relative address that no browser keeps; a page with another refresh is a page."""
    renames = (Rename("tool", "anvil", CODESTRAL),)
    build(seed_publication(renames=renames), tmp_path / "out")
    with serving(tmp_path) as served:
        for _again in range(2):
            reply = served.get("/tools/anvil.html")
            assert (reply.status, reply.headers["location"]) == (301, f"../tools/{CODESTRAL}.html")
            assert reply.headers["cache-control"] == "no-cache"
        for target in ("https://else.test/", "//else.test/", "javascript:x"):
            text = (served.folder / "tools/anvil.html").read_text("utf-8")
            other = text.replace(f"url=../tools/{CODESTRAL}.html", f"url={target}")
            (served.folder / "tools/other.html").write_text(other, "utf-8")
            assert other != text and served.get("/tools/other.html").status == 200
        assert served.get("/_redirects").status == 404


def test_what_is_no_file_is_not_waited_for(site: Served) -> None:
    os.mkfifo(site.folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(site.folder / "socket.txt"))
        for name in ("pipe.txt", "socket.txt", "text.txt/", "text.txt/x.txt", "/text.txt"):
            assert site.get(f"/{name}").status == 404
    (site.folder / "folder.html").mkdir()
    assert site.get("/folder.html").status == 404
    assert site.get("/text.txt").text == TEXT
