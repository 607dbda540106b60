"""The fonts of the pages: from the site itself, small, under names that their licence allows."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from panel.site.assets import FONTS, STYLE, font, font_faces, load_assets
from panel.site.build import build
from tests.support.browser import serving, wait_until
from tests.support.site_publication import seed_publication

FOLDER = Path(__file__).parents[2] / "src" / "panel" / "site" / "assets" / "fonts"


def test_the_fonts_are_those_whose_origin_is_told() -> None:
    """Each has its hash and its licence in THIRD_PARTY.md; together they have at most 90 kB."""
    told = (FOLDER / "THIRD_PARTY.md").read_text("utf-8")
    assert {file.name for file in FOLDER.glob("*.woff2")} == set(FONTS)
    for name in FONTS:
        assert hashlib.sha256(font(name)).hexdigest() in told
    assert sum(len(font(name)) for name in FONTS) <= 90_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in told and "Adobe Systems Incorporated" in told


@pytest.mark.parametrize("name", FONTS)
def test_a_changed_font_has_another_name(name: str) -> None:
    """The name that its licence reserves may not be that of a changed font."""
    pil = pytest.importorskip("PIL.ImageFont", reason="Pillow is not installed")
    family, _style = pil.truetype(io.BytesIO(font(name)), 20).getname()
    assert family == ("Panel Sans" if name.startswith("sans") else "Panel Serif")


def test_a_stylesheet_loads_fonts_from_beside_itself() -> None:
    """Under names that hold the hash of their content; text is shown before they are there."""
    assets = load_assets()
    addresses = re.findall(r"url\(([^)]*)\)", assets.files[STYLE][1].decode())
    assert {f"assets/{each}" for each in addresses} == {assets.path(name) for name in FONTS}
    assert font_faces().count("font-display: swap") == len(FONTS)


@pytest.mark.slow
def test_a_browser_shows_the_pages_in_them(page: Any, tmp_path: Path) -> None:
    """Letters of the extended Latin block bring the second file, other scripts none."""
    build(seed_publication(), tmp_path / "out")
    with serving(tmp_path / "out") as base:
        page.goto(f"{base}/index.html")
        page.evaluate("document.fonts.ready")
        loaded = "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family).sort()"
        assert set(page.evaluate(loaded)) == {"Panel Sans", "Panel Serif"}
        few = page.evaluate(f"{loaded}.length")
        page.evaluate("document.querySelector('h1').textContent = '日本語 العربية'")
        page.evaluate("document.fonts.ready")
        assert page.evaluate(f"{loaded}.length") == few
        page.evaluate("document.querySelector('h1').textContent = 'Škoda Łódź'")
        wait_until(page, f"{loaded}.length > {few}")
