"""A tool's logo at the desk: encoded anew, of the workspace's media/ alone."""

from __future__ import annotations

import urllib.request

import pytest

from tests.support.desk_session import desk_open
from tests.support.media_files import png, put
from tests.support.space import Space, edit

pytest.importorskip("PIL", reason="Pillow is not installed")


def test_a_logo_stands_beside_its_tool(asked: Space) -> None:
    """It is a WebP of the desk's own; a tool without one has no picture, and no address for it."""
    edit(asked.root / "tools" / "anvil.md", "pricing:", "logo: anvil.png\npricing:")
    put(asked.root, "anvil.png", png((300, 300)))
    with desk_open(asked.root) as session:
        for path in ("/?state=all", "/take/anvil/builder"):
            page = session.get(path)[1]
            assert 'src="/logo/anvil"' in page and 'src="/logo/bellows"' not in page
        with urllib.request.urlopen(f"{session.base}/logo/anvil", timeout=30) as answer:
            assert answer.headers["content-type"] == "image/webp"
            assert answer.read()[8:12] == b"WEBP"
        for slug in ("bellows", "nothing", "..%2F..%2Fpanel.toml"):
            assert session.get(f"/logo/{slug}")[0] == 404
        put(asked.root, "anvil.png", b"broken")
        assert session.get("/logo/anvil")[0] == 404
