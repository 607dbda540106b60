"""Pictures, Markdown, marks and an accent of one's own in a real browser: axe, narrow and dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panel.site.build import build
from panel.site.publication import Publication, PublishedTool
from tests.desk.test_browser_markdown import WRITTEN
from tests.site.test_media import pictured
from tests.support.browser import NewPage, serving, violations, wait_until
from tests.support.seed_takes import CODESTRAL
from tests.support.site_pages import VERSUS

pytest.importorskip("PIL", reason="Pillow is not installed")


def rich(root: Path) -> Publication:
    """Return a publication with pictures, long Markdown, and an accent that has to be changed."""
    publication = pictured(root)
    text = WRITTEN + "\n\n" + "\n\n".join(f"Paragraph {each} of many words." for each in range(90))

    def described(each: PublishedTool) -> PublishedTool:
        tool = each.tool.model_copy(update={"description": text})
        return PublishedTool(tool, replace(each.card, description=text))

    site = publication.site.model_copy(update={"accent": "#ffd400"})
    return replace(publication, site=site, tools=tuple(map(described, publication.tools)))


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_rich_pages_are_accessible_and_no_wider_than_their_window(
    new_page: NewPage, tmp_path: Path, scheme: str, width: int
) -> None:
    """With the folded part open as well, and with every picture loaded from the site itself."""
    build(rich(tmp_path / "space"), tmp_path / "out")
    page: Any = new_page(scheme=scheme, width=width)
    with serving(tmp_path / "out") as base:
        for path in ("index.html", f"tools/{CODESTRAL}.html", VERSUS, "personas/skeptic.html"):
            page.goto(f"{base}/{path}")
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            page.evaluate(
                "document.querySelectorAll('img').forEach(each => each.loading = 'eager')"
            )
            wait_until(page, "[...document.images].every(each => each.complete)")
            assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)"), path
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
            assert violations(page) == [], path
        page.screenshot(path=tmp_path / "rich.png", full_page=True)
