"""Draws the pictures of docs/desk.md: python -m tests.support.desk_pictures [FOLDER].

A desk over the tools of the seed page, opened on loopback and looked at in the tests' browser.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from panel.desk.decide import decide
from panel.workspace.loading import load_workspace
from tests.support.browser import chromium
from tests.support.desk_session import (
    Session,
    ask,
    desk_open,
    mock_elsewhere,
    seed_asked,
    seed_face,
)
from tests.support.editors import entry, on
from tests.support.mock_endpoint import MockEndpoint
from tests.support.seed_takes import CODESTRAL, MISTRAL
from tests.support.space import Space, new_space
from tests.support.threads import elsewhere

COLOURS = 128
TAKE = f"/take/{MISTRAL}/skeptic"


def worked_on(space: Space) -> None:
    """Make some decisions, so that the queue has something of everything."""
    workspace = load_workspace(space.root)

    def do(pair: tuple[str, str], action: Any, **more: Any) -> None:
        decide(workspace, on(entry(space, pair), action, **more))

    do((CODESTRAL, "builder"), "approve", note="Checked.")
    do((CODESTRAL, "skeptic"), "reject", note="Wrong fact: the price is of another plan")
    why = "the description names no price at all"
    do((CODESTRAL, "futurist"), "edit", verdict="skip", verdict_reason=why)
    do((MISTRAL, "builder"), "approve", note="Checked.", editor="Bo")


def draw(page: Any, session: Session, folder: Path, path: str, name: str) -> None:
    """Draw what the desk shows at a path."""
    page.goto(session.base + path)
    page.wait_for_load_state("networkidle")  # the fonts of a page in a frame come last
    page.screenshot(path=folder / f"desk-{name}.png")


def draw_conflict(page: Any, session: Session, space: Space, folder: Path) -> None:
    """Draw what an editor sees whose words came after another's."""
    page.goto(session.base + TAKE)
    page.keyboard.press("e")
    page.keyboard.type("Read the licence first. ")
    words = entry(space, (MISTRAL, "skeptic")).text.replace("let down first", "left out")
    decide(
        load_workspace(space.root),
        on(entry(space, (MISTRAL, "skeptic")), "edit", "Bo", text=words),
    )
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("h1:has-text('Decided meanwhile')")
    page.screenshot(path=folder / "desk-conflict.png")


def draw_stale(page: Any, session: Session, space: Space, folder: Path) -> None:
    """Draw published words beside a new draft that says the opposite."""
    pair = (MISTRAL, "builder")
    note = "What does it cost to run?"
    decide(load_workspace(space.root), on(entry(space, pair), "ask_again", note=note))
    ask(space.root)
    page.goto(f"{session.base}/take/{MISTRAL}/builder")
    page.screenshot(path=folder / "desk-stale.png")


def main() -> None:
    """Draw every picture."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    with (
        tempfile.TemporaryDirectory() as made,
        mock_elsewhere(MockEndpoint(face=seed_face)) as mock,
    ):
        space = new_space(Path(made) / "space")
        space.point_at(mock)
        elsewhere(lambda: seed_asked(space, mock))
        worked_on(space)
        with desk_open(space.root) as session, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            wide, narrow = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
            session.desk.assign([(MISTRAL, "skeptic")], "Ada")
            page = browser.new_page(viewport=wide)
            for path, name in (
                ("/?state=all", "queue"),
                (TAKE, "take"),
                (f"{TAKE}?edit=1", "edit"),
                ("/approve?all=1&filter=state%3Dall", "many"),
                (f"/tool/{CODESTRAL}", "tool"),
                (f"/preview/tool/{CODESTRAL}", "preview"),
                (f"/editorial/tools/{CODESTRAL}", "editorial"),
                ("/publish", "publish"),
            ):
                draw(page, session, folder, path, name)
            draw(browser.new_page(viewport=narrow), session, folder, "/?state=all", "queue-narrow")
            dark = browser.new_page(viewport=wide, color_scheme="dark")
            draw(dark, session, folder, TAKE, "take-dark")
            draw_stale(browser.new_page(viewport=wide | {"height": 1560}), session, space, folder)
            draw_conflict(page, session, space, folder)
            browser.close()
    for file in folder.glob("desk-*.png"):
        with Image.open(file) as drawn:
            drawn.convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    main()
