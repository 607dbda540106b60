"""The browser that tests drive: it works, and it notices what it must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import NewPage, serving, shoot, violations

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title></head>
<body><main><h1>A heading</h1>{body}</main></body></html>"""


CSP = '<meta http-equiv="Content-Security-Policy" content="script-src {}">'


def put(folder: Path, body: str, name: str = "index.html") -> None:
    (folder / name).write_text(PAGE.format(body=body), encoding="utf-8")


@pytest.mark.slow
def test_a_served_folder_is_shown_and_can_be_photographed(page: Any, tmp_path: Path) -> None:
    put(tmp_path, "<p>Words</p>")
    put(tmp_path, "<p>Not here</p>", "404.html")
    with serving(tmp_path) as base:
        assert page.goto(f"{base}/").status == 200
        assert page.inner_text("main") == "A heading\n\nWords"
        assert shoot(page, "a page", tmp_path / "shots").read_bytes()[:4] == b"\x89PNG"
        assert page.goto(f"{base}/nothing").status == 404
        assert "Not here" in page.inner_text("main")


@pytest.mark.slow
def test_axe_finds_nothing_in_a_good_page_and_the_fault_of_a_bad_one(
    page: Any, tmp_path: Path
) -> None:
    put(tmp_path, "<p>Words</p>")
    put(tmp_path, '<p style="color:#ccc;background:#fff">Pale</p><img src="data:,">', "bad.html")
    with serving(tmp_path) as base:
        page.goto(f"{base}/")
        assert violations(page) == []
        page.goto(f"{base}/bad.html")
        assert {line.split(":")[0] for line in violations(page)} == {"color-contrast", "image-alt"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ('<img alt="" src="https://elsewhere.example/x.png">', "asked for https://elsewhere"),
        ("<script>throw new Error('broken')</script>", "uncaught: broken"),
        (CSP.format("'none'") + "<script>1</script>", "Content Security Policy"),
    ],
)
def test_what_no_page_may_do_is_noticed(page: Any, tmp_path: Path, body: str, word: str) -> None:
    put(tmp_path, body)
    with serving(tmp_path) as base:
        page.goto(f"{base}/")
        assert any(word in fault for fault in page.faults), page.faults
    page.faults.clear()


def test_colours_width_and_scripts_are_as_asked(new_page: NewPage, tmp_path: Path) -> None:
    put(tmp_path, "<p id=p>static</p><script>p.textContent = 'scripted'</script>")
    with serving(tmp_path) as base:
        dark = new_page(scheme="dark", width=390)
        dark.goto(f"{base}/")
        assert dark.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert dark.evaluate("innerWidth") == 390 and dark.inner_text("#p") == "scripted"
        plain = new_page(scripts=False)
        plain.goto(f"{base}/")
        assert plain.inner_text("#p") == "static"


def test_hosts_that_end_in_test_lead_to_loopback(page: Any, tmp_path: Path) -> None:
    put(tmp_path, "<p>Words</p>")
    with serving(tmp_path) as base:
        assert page.goto(base.replace("127.0.0.1", "evil.test") + "/").status == 200
