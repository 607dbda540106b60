"""Desk and readers' server behind a real nginx with TLS, set up as the documentation says."""

from __future__ import annotations

import http.client
import shutil
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from panel.desk.login import GUESSES_BOUND
from panel.desk.serving import Place
from panel.readers.serve.connections import Bounds
from panel.readers.serve.proxies import TrustedProxies
from tests.support.browser import NewPage, keys
from tests.support.desk_session import desk_open, stands
from tests.support.nginx import documented, nginx
from tests.support.raw_client import heard, opened
from tests.support.readers_server import serving
from tests.support.templates import Templates, everything_asked

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
TOKEN = "a long enough token"
NAME = "desk.test"
PROXIES = TrustedProxies.parse(["127.0.0.1"])


class Client:
    """A client of nginx from an address of this machine."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.port, self.address = port, address
        self.origin = f"https://{NAME}:{port}"
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def ask(
        self, method: str, path: str, fields: Mapping[str, str] | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(
            "127.0.0.1",
            self.port,
            timeout=30,
            context=self.context,
            source_address=(self.address, 0),
        )
        sent = {"Host": f"{NAME}:{self.port}", "Origin": self.origin}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = urlencode(fields) if fields is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer


@pytest.fixture
def seeded(templates: Templates, tmp_path: Path) -> Path:
    return templates.copy(everything_asked, tmp_path / "space").root


def test_an_editor_works_through_nginx_in_a_browser(
    new_page: NewPage, seeded: Path, tmp_path: Path
) -> None:
    place = Place("127.0.0.1", 0, TOKEN, frozenset({NAME}), PROXIES)
    with desk_open(seeded, place=place) as session:
        upstream = int(session.base.rsplit(":", 1)[1])
        with nginx(tmp_path / "nginx", documented("desk.md"), upstream, NAME) as port:
            page = new_page(ignore_https_errors=True)
            page.goto(f"https://{NAME}:{port}/take/anvil/builder")
            page.wait_for_selector("#token:focus")
            page.keyboard.type(TOKEN)
            page.keyboard.press("Enter")
            page.wait_for_selector("table.queue")
            cookies: list[dict[str, Any]] = page.context.cookies()
            assert [(each["name"], each["secure"]) for each in cookies] == [
                ("__Host-panel_desk", True)
            ]
            page.goto(f"https://{NAME}:{port}/take/anvil/builder")
            keys(page, "r", "Enter")
            page.wait_for_selector(".done:has-text('Rejected')")
            assert stands(session).state == "rejected"
            page.click("text=Log out")
            page.wait_for_selector("[role=status]:has-text('You are logged out.')")
            assert page.context.cookies() == []


def test_names_origins_and_addresses_are_told_apart_through_nginx(
    seeded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def noted(_seconds: float) -> None:
        """Wait for nothing."""

    monkeypatch.setattr("anyio.sleep", noted)
    place = Place("127.0.0.1", 0, TOKEN, frozenset({NAME}), PROXIES)
    with desk_open(seeded, place=place) as session:
        upstream = int(session.base.rsplit(":", 1)[1])
        with nginx(tmp_path / "nginx", documented("desk.md"), upstream, NAME) as port:
            one, other = Client(port, "127.0.0.7"), Client(port, "127.0.0.8")
            right = {"token": TOKEN}
            assert one.ask("POST", "/login", right, Origin=f"http://{NAME}:{port}").status == 403
            assert one.ask("POST", "/login", right, Origin="https://evil.test").status == 403
            assert one.ask("GET", "/login", Host="evil.test").status == 400
            made_up = {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Host": "evil.test"}
            assert one.ask("GET", "/login", **made_up).status == 400
            for turn in range(GUESSES_BOUND.burst):
                spoofed = {"X_Forwarded_For": f"192.0.2.{turn}"}
                assert one.ask("POST", "/login", {"token": "wrong"}, **spoofed).status == 303
            assert one.ask("POST", "/login", right).status == 429
            answer = other.ask("POST", "/login", right)
            cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
            assert other.ask("GET", "/take/anvil/builder", Cookie=cookie).status == 200
            out = other.ask("POST", "/logout", {}, Cookie=cookie)
            assert out.getheader("location") == "/login?out=1"
            assert other.ask("GET", "/take/anvil/builder", Cookie=cookie).status == 303


def test_readers_vote_through_nginx_and_slow_ones_shut_nobody_out(tmp_path: Path) -> None:
    bounds = Bounds(connections=40, one_address=4)
    with serving(
        tmp_path, bounds=bounds, hosts=frozenset({NAME}), trust_proxy=["127.0.0.1"]
    ) as site:
        (site.folder / "big.txt").write_bytes(b"x" * 8_000_000)
        with nginx(tmp_path / "nginx", documented("community.md"), site.port, NAME) as port:
            client = Client(port, "127.0.0.8")
            fields = {"tool": "anvil", "vote": "ship", "next": "/tools/anvil/"}
            vote = client.ask("POST", "/vote", fields)
            assert vote.status == 303 and "Secure" in (vote.getheader("set-cookie") or "")
            held = [
                Client(port, "127.0.0.9").context.wrap_socket(raw.__enter__())
                for raw in (opened(port, address="127.0.0.9", room=4096) for _ in range(30))
            ]
            for each in held:
                each.sendall(b"GET /big.txt HTTP/1.1\r\nHost: %s\r\n\r\n" % NAME.encode())
            assert client.ask("GET", "/").status == 200
            for each in held:
                each.close()


def test_nginx_stops_who_asks_too_fast_and_nobody_else(tmp_path: Path) -> None:
    with (
        serving(tmp_path, hosts=frozenset({NAME}), trust_proxy=["127.0.0.1"]) as site,
        nginx(tmp_path / "nginx", documented("community.md"), site.port, NAME) as port,
        opened(port, address="127.0.0.9") as raw,
        Client(port).context.wrap_socket(raw) as fast,
    ):
        ask = b"GET /style.css HTTP/1.1\r\nHost: %s\r\n" % NAME.encode()
        fast.sendall((ask + b"\r\n") * 800 + ask + b"Connection: close\r\n\r\n")
        answer = heard(fast)
        assert answer.count(b"HTTP/1.1 200") >= 500 and b"HTTP/1.1 429" in answer
        assert Client(port, "127.0.0.8").ask("GET", "/").status == 200
