"""Draws the pictures of the site in docs/: python -m tests.support.site_pictures [FOLDER].

The sample tools with a capable model's recorded answers, all approved, published and looked at in
the tests' browser.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from panel.workspace.scaffold import create
from tests.support.browser import chromium
from tests.support.editors import do, entries
from tests.support.mock_endpoint import MockEndpoint
from tests.support.page_workspaces import recorded_face, settings
from tests.support.runs import run
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.space import Space

COLOURS = 128
WIDE, NARROW = (1280, 1150), (390, 844)
SITE = """
[site]
title = "Ship or Skip Weekly"
base_url = "https://verdicts.example.org/"
"""
SAID = f"""---
lead: {MISTRAL}
headline: One model to keep, and one to argue about
standfirst: The weights are free to take. Two reviewers ask who would run 141 billion parameters.
by: Ada Byron
---
"""
PICTURES = (
    ("front", "", WIDE, "light"),
    ("front-narrow", "", NARROW, "light"),
    ("tool", f"tools/{CODESTRAL}.html", WIDE, "light"),
    ("tool-dark", f"tools/{CODESTRAL}.html", WIDE, "dark"),
    ("comparison", f"compare/{MISTRAL}-vs-{CODESTRAL}.html", WIDE, "light"),
    ("narrow", f"compare/{MISTRAL}-vs-{CODESTRAL}.html", NARROW, "light"),
)


def published(root: Path) -> Path:
    """Make a workspace, have every take approved, and publish it; return the site's folder."""
    create(root)
    with MockEndpoint(face=recorded_face) as mock:
        (root / "panel.toml").write_text(settings(mock) + SITE)
        run(Space(root))
    for pair in entries(Space(root)):
        do(Space(root), "approve", pair, note="Checked.")
    (root / "editorial").mkdir()
    (root / "editorial" / "front.md").write_text(SAID)
    subprocess.run([sys.executable, "-m", "panel", "publish", "public"], cwd=root, check=True)
    return root / "public"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def main() -> None:
    """Draw every picture."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    with tempfile.TemporaryDirectory() as made:
        site = published(Path(made) / "space")
        with served(site) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            for name, path, (width, height), scheme in PICTURES:
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page.goto(address + path)
                page.screenshot(path=folder / f"site-{name}.png")
                page.close()
            browser.close()
    for name, *_ in PICTURES:
        file = folder / f"site-{name}.png"
        with Image.open(file) as drawn:
            drawn.convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    main()
