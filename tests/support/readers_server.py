"""A running server for tests: a small site, a workspace, raw requests over real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn

from panel.readers.serve.app import Serving, create_app
from panel.readers.serve.limits import Bound, VisitLimiter
from panel.readers.serve.proxies import TrustedProxies
from panel.readers.serve.server import bind, make_server
from panel.readers.serve.site import ServerLimits, usual_limits

PAGE = "<!doctype html><html lang=en><title>{title}</title><style>p{{color:#123}}</style><p>{title}"
SECRET = "a secret of the tests, long enough to be one"


def limits(**bounds: Bound) -> ServerLimits:
    """Return the usual limits with other bounds for those named."""
    usual = usual_limits()
    for name in ServerLimits.__slots__:
        bounds.setdefault(name, getattr(usual, name).bound)
    return ServerLimits(**{name: VisitLimiter(bound) for name, bound in bounds.items()})


def write_site(folder: Path) -> Path:
    """Write a published site with the tools anvil and bellows; return its folder."""
    for path in ("index.html", "404.html", "tools/anvil/index.html", "tools/bellows.html"):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PAGE.format(title=path), encoding="utf-8")
    (folder / "style.css").write_text("p { margin: 0 }", encoding="utf-8")
    (folder / "feed.xml").write_text("<feed/>", encoding="utf-8")
    return folder


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        """The cookie that was set, as it is sent back."""
        return (self.headers["set-cookie"] or "").partition(";")[0]


@dataclass
class Served:
    """A server on loopback; ``said`` holds its narration."""

    root: Path
    folder: Path
    port: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """What a browser on this site sends as Origin."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
    ) -> Reply:
        """Send one request just as given; ``Host`` is right unless given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            given = dict(headers or {})
            connection.putrequest(method, path, skip_host="Host" in given)
            for name, value in given.items():
                connection.putheader(name, value)
            content = body.encode() if isinstance(body, str) else body
            if content is not None:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path."""
        return self.ask("GET", path, {name.replace("_", "-"): v for name, v in headers.items()})

    def post(self, path: str, fields: Mapping[str, Any] | str, **headers: str) -> Reply:
        """POST a form as a browser on this very site does."""
        sent = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        body = fields if isinstance(fields, str) else urlencode(fields)
        return self.ask("POST", path, sent, body)

    def vote(self, tool: str, vote: str, cookie: str = "") -> Reply:
        """Vote as the script does."""
        body = json.dumps({"tool": tool, "vote": vote})
        return self.post("/api/vote", body, Content_Type="application/json", Cookie=cookie)


@contextmanager
def serving(
    tmp_path: Path,
    environment: Mapping[str, str] | None = None,
    trust_proxy: Sequence[str] = (),
    **more: Any,
) -> Iterator[Served]:
    """Serve a small site until the block ends; ``more``: fields of Serving."""
    root, folder = tmp_path / "space", tmp_path / "out"
    root.mkdir(exist_ok=True)
    if not folder.exists():
        write_site(folder)
    bound = bind("127.0.0.1", 0)
    served = Served(root, folder, bound.getsockname()[1])
    what = Serving(root=root, folder=folder, base_url=served.origin, **more)
    app = create_app(what, {"PANEL_SECRET": SECRET} | dict(environment or {}), served.said.append)
    with running(make_server(app, what.bounds, TrustedProxies.parse(trust_proxy)), bound):
        yield served


@contextmanager
def running(server: uvicorn.Server, bound: socket.socket) -> Iterator[None]:
    """Let a server answer on a socket until the block ends, which closes both."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive() and time.monotonic() < until, "the server did not start"
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()
        assert not thread.is_alive()


@contextmanager
def serving_process(
    root: Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> Iterator[tuple[Served, subprocess.Popen[str]]]:
    """Serve a folder by ``panel serve`` in a process of its own, which is killed at the end.

    What it said is known then. before: words put before its command line.
    """
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "panel", "serve", str(folder), "--port", "0"],
        cwd=root,
        env={**os.environ, "PANEL_SECRET": SECRET, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said: list[str] = []
    try:
        assert process.stdout is not None
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline().strip())
        assert found
        site = Served(root, folder, int(found[1]), said)
        assert site.get("/").status == 200  # at once: what it prints is an address that answers
        yield site, process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said += (process.communicate(timeout=30)[1] or "").splitlines()


# A shell that mounts a small disk on community/, starts the command line, and does what it reads.
SMALL_DISK = """
mount -t tmpfs -o size=64k,mode=700 tmpfs community || exit
"$@" &
while read -r order; do eval "$order"; echo "done: $?"; done
"""


@contextmanager
def serving_on_a_small_disk(
    root: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Served, Callable[[str], str]]]:
    """Serve with ``community/`` on a disk of 64 KiB of its own; ``order`` runs a shell command.

    Skips the test where this machine gives no mount namespace.
    """
    inside = ["unshare", "--mount", "--user", "--map-root-user"]
    try:
        subprocess.run([*inside, "mount", "-t", "tmpfs", "x", root], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine gives no mount namespace")
    (root / "community").mkdir()
    shell = [*inside, "sh", "-c", SMALL_DISK, "sh"]
    with serving_process(root, folder, environment, shell) as (site, process):

        def order(command: str) -> str:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(command + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield site, order
