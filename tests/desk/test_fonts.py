"""The desk is set in the fonts of the site, and serves them itself."""

from __future__ import annotations

from panel.site.assets import FONTS
from tests.support.desk_session import desk_open
from tests.support.space import Space


def test_the_desk_serves_the_fonts_of_its_stylesheet(asked: Space) -> None:
    """With the type that browsers want."""
    with desk_open(asked.root) as session:
        assets = f"/assets/{session.desk.start}"
        for name in FONTS:
            answer = session.raw("GET", f"{assets}/{name}", {"Host": session.base[7:]})
            assert answer.status == 200 and answer.getheader("content-type") == "font/woff2"
        assert "url(serif.woff2)" in session.get(f"{assets}/desk.css")[1]
