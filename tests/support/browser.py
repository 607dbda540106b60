"""A real browser for tests: Debian's Chromium driven by Playwright, on loopback only.

Where there is chromium-headless-shell, it is that one: the same engine without the browser's own
window, which takes nearly half of the CPU of these tests and is not what is tested.

``page`` is an ordinary page; ``new_page(scheme="dark", width=390, scripts=False)`` makes
others. Both fail a test at its end for a request beyond loopback, an uncaught error of a
script, or a breach of the page's Content-Security-Policy. Hosts that end in ``.test`` lead
to loopback, so that a foreign Host can be tried.

Playwright's synchronous interface keeps an event loop running in this thread, so a test
that uses these fixtures cannot call ``asyncio.run`` itself: do that in a thread or process.
"""

from __future__ import annotations

import functools
import importlib.resources
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
NONE = (
    "no browser here: install Debian's chromium-headless-shell ('make browser' tries to), or name "
    "one in PANEL_CHROMIUM"
)
SHOTS = "PANEL_SHOTS"  # a folder that keeps the screenshots; else they go with the test's own
RESOLVE = "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"

NewPage = Callable[..., Any]


def chromium() -> str | None:
    """Return the browser's executable: PANEL_CHROMIUM, one on PATH, or Playwright's own."""
    named = os.environ.get("PANEL_CHROMIUM")
    if named:
        return named
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium for one module's tests; skips them where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    # Until the browser runs, so that a crash of it never outlives the module.
    with api.sync_playwright() as playwright:
        executable = chromium()
        if executable is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(NONE)
        flags = [
            f"--host-resolver-rules={RESOLVE}",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        started = playwright.chromium.launch(executable_path=executable, args=flags)
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Any) -> Iterator[NewPage]:
    """Make pages: ``new_page(scheme="light", width=1280, height=900, scripts=True, **context)``.

    ``page.faults`` lists what has gone wrong so far; a test that expects a fault clears it.
    """
    made: list[Any] = []

    def make(
        scheme: str = "light",
        width: int = 1280,
        height: int = 900,
        scripts: bool = True,
        **more: Any,
    ) -> Any:
        options = {
            "color_scheme": scheme,
            "java_script_enabled": scripts,
            "reduced_motion": "reduce",
        }
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, **(options | more))
        context.set_default_timeout(30_000)  # a busy machine is slow, not wrong
        page = context.new_page()
        page.faults = []
        watch(page)
        made.append(page)
        return page

    yield make
    faults = [fault for page in made for fault in page.faults]
    for page in made:
        page.context.close()
    assert faults == [], faults


@pytest.fixture
def page(new_page: NewPage) -> Any:
    """Make one page: light, 1280 by 900, with scripts."""
    return new_page()


def watch(page: Any) -> None:
    """Keep in ``page.faults`` what no page of ours may do."""

    def asked(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob", "about"):
            return
        host = parts.hostname or ""
        if host not in ("127.0.0.1", "localhost") and not host.endswith(".test"):
            page.faults.append(f"asked for {request.url}")

    def said(message: Any) -> None:
        if "Content Security Policy" in message.text:
            page.faults.append(message.text)

    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", lambda error: page.faults.append(f"uncaught: {error}"))


def wait_until(page: Any, expression: str) -> None:
    """Wait until a JavaScript expression holds; raises AssertionError after 30 s.

    Playwright's own ``wait_for_function`` asks again with eval, which our pages forbid.
    """
    held = page.evaluate(
        "async () => { for (let left = 1500; left; left--) {"
        f"if ({expression}) return true; await new Promise(r => setTimeout(r, 20)) }} }}"
    )
    assert held, f"never: {expression}"


@functools.cache
def axe_source() -> str:
    """Return axe-core (MPL-2.0), as axe-playwright-python carries it."""
    package = importlib.resources.files("axe_playwright_python")
    return (package / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """Run every rule of axe-core on the page; returns one line for each violating element."""
    page.evaluate(axe_source())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe looked at nothing"
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]} ({node['failureSummary']})"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def keys(page: Any, *pressed: str) -> None:
    """Press keys one after the other, once the page heeds them: after a decision it rests."""
    page.wait_for_load_state()
    page.wait_for_selector("html:not([data-keys])", state="attached")
    for key in pressed:
        page.keyboard.press(key)


def shoot(page: Any, name: str, folder: Path, whole: bool = True) -> Path:
    """Save a screenshot as ``<name>.png`` in PANEL_SHOTS, or else in ``folder``."""
    target = Path(os.environ.get(SHOTS) or folder)
    target.mkdir(parents=True, exist_ok=True)
    file = target / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}.png"
    page.screenshot(path=file, full_page=whole, animations="disabled")
    return file


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder like a plain web host: index.html for folders, 404.html for nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with the folder's own page for what is not there."""
        own = Path(self.directory) / "404.html"
        if code != 404 or not own.is_file():
            super().send_error(code, message, explain)
            return
        body = own.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback while the block runs; gives its address, no slash at its end."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=os.fspath(folder))
    )
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
