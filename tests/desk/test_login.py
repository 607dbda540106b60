"""Logging in to a desk that others can reach, also behind a proxy that speaks https."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.desk.login import (
    GUESSES_BOUND,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    MOST_SESSIONS,
    WRONG_TOKEN_SECONDS,
    Sessions,
)
from panel.desk.serving import Place, read_token
from panel.errors import UsageError
from panel.readers.serve.proxies import TrustedProxies
from tests.support.desk_session import Session, desk_open
from tests.support.space import Panel, Space

TAKE = "/take/anvil/builder"
TOKEN = "a long enough token"
DESK = "desk.example"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the list of waits that are asked for, none of which is waited."""
    found: list[float] = []

    async def noted(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr("anyio.sleep", noted)
    return found


@pytest.fixture
def session(asked: Space) -> Iterator[Session]:
    with desk_open(asked.root, place=Place("127.0.0.1", 0, TOKEN)) as opened:
        yield opened


@pytest.fixture
def proxied(asked: Space) -> Iterator[Session]:
    """Open a desk behind a proxy on 127.0.0.1, which the tests play."""
    proxies = TrustedProxies.parse(["127.0.0.1"])
    place = Place("127.0.0.1", 0, TOKEN, frozenset({DESK}), proxies)
    with desk_open(asked.root, place=place) as opened:
        yield opened


def forwarded(client: str = "192.0.2.1", host: str = DESK, proto: str = "https") -> dict[str, str]:
    """Return the headers of a form that a proxy passes on."""
    return {
        "X-Forwarded-For": client,
        "X-Forwarded-Host": host,
        "X-Forwarded-Proto": proto,
        "Origin": f"{proto}://{host}",
    }


def cookie_of(set_cookie: str | None) -> str:
    return (set_cookie or "").partition(";")[0]


@pytest.mark.parametrize(
    "place",
    [
        Place("0.0.0.0"),
        Place("192.0.2.1"),
        Place("desk.example"),
        Place(names=frozenset({DESK})),
        Place(proxies=TrustedProxies.parse(["::1"])),
    ],
)
def test_a_desk_that_others_reach_needs_a_token(place: Place) -> None:
    with pytest.raises(UsageError, match="needs a token"):
        place.check()


def test_on_loopback_alone_no_token_is_needed_and_a_short_one_is_refused() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        Place(host).check()
    with pytest.raises(UsageError, match="shorter than 12"):
        Place("0.0.0.0", token="short").check()


def test_a_token_is_demanded_and_compared_whole(session: Session, waits: list[float]) -> None:
    status, page = session.get("/")
    assert status == 200 and 'name="token"' in page and "anvil" not in page
    for wrong in ("wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "", "\ud7ff"):
        answer = session.token(wrong)
        assert answer.getheader("set-cookie") is None
        assert answer.getheader("location") == "/login?wrong=1"
    assert waits == [WRONG_TOKEN_SECONDS] * 6 and WRONG_TOKEN_SECONDS >= 1, "guessing is slow"
    evil = session.token(TOKEN, {"Origin": "http://evil.test"})
    assert evil.status == 403 and evil.getheader("set-cookie") is None
    cookie = session.token(TOKEN).getheader("set-cookie") or ""
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    held = {"Host": session.base[7:], "Cookie": cookie_of(cookie)}
    assert session.raw("GET", TAKE, held).status == 200
    held["Cookie"] = held["Cookie"][:-1] + "é"
    assert session.raw("GET", TAKE, held).status == 303


def test_a_service_worker_that_is_no_desks_is_ended_before_anybody_logs_in(
    session: Session,
) -> None:
    asked = {"Host": session.base[7:], "Service-Worker": "script"}
    answer = session.raw("GET", "/its/script.js", asked)
    assert answer.status == 200 and answer.getheader("service-worker-allowed") == "/"
    assert (answer.getheader("content-type") or "").startswith("text/javascript")


def test_a_form_with_too_many_fields_is_a_wrong_token(session: Session, waits: list[float]) -> None:
    sent = {"Host": session.base[7:], "Origin": session.base, "Content-Length": "400"}
    answer = session.raw("POST", "/login", sent, "a=1&" * 100)
    assert answer.getheader("location") == "/login?wrong=1" and waits


def test_who_is_not_logged_in_is_told_so_however_they_ask(session: Session) -> None:
    own = {"Host": session.base[7:], "Origin": session.base, "Content-Length": "0"}
    status, page = session.post(f"{TAKE}/decide", {"action": "approve", "text": "My words."})
    assert status == 401 and 'name="token"' in page and "kept in this browser" in page
    part = session.raw("POST", f"{TAKE}/preview", own | {"HX-Request": "true"})
    assert (part.status, part.getheader("hx-redirect")) == (401, "/login")
    assert session.raw("GET", f"{TAKE}/asked", own).getheader("location") == "/login"


def test_logging_out_is_a_form_and_ends_the_session(session: Session) -> None:
    headers = session.log_in(TOKEN)
    own = headers | {"Host": session.base[7:], "Content-Length": "0"}
    assert 'action="/logout"' in session.get("/", **headers)[1]
    assert session.raw("GET", "/logout", own).status == 404
    foreign = session.raw("POST", "/logout", own | {"Origin": "http://evil.test"})
    assert foreign.status == 403 and session.raw("GET", TAKE, own).status == 200
    out = session.raw("POST", "/logout", own)
    assert out.getheader("location") == "/login?out=1"
    assert "Max-Age=0" in (out.getheader("set-cookie") or "")
    assert session.raw("GET", TAKE, own).status == 303


@pytest.mark.parametrize("cookies", ['prefs={{"a":1}}; {}', "a b=c; {}", "{}; =;;", "x=1; {}"])
def test_cookies_of_other_programs_on_the_host_log_nobody_out(
    session: Session, cookies: str
) -> None:
    held = session.log_in(TOKEN)["Cookie"]
    headers = {"Host": session.base[7:], "cookie": "y=2", "Cookie": cookies.format(held)}
    assert session.raw("GET", TAKE, headers).status == 200


def test_a_desk_without_a_token_has_nothing_to_log_out_of(asked: Space) -> None:
    with desk_open(asked.root) as session:
        assert "/logout" not in session.get("/")[1]


def test_sessions_end_when_unused_and_after_a_day_of_work_and_are_bounded() -> None:
    now = [1000.0]
    sessions = Sessions(clock=lambda: now[0])
    idle, busy = sessions.begin(), sessions.begin()
    while now[0] < 1000 + LONGEST_SECONDS - IDLE_SECONDS / 2:
        assert sessions.admit(busy)
        now[0] += IDLE_SECONDS / 2
    assert not sessions.admit(idle)
    now[0] = 1000 + LONGEST_SECONDS
    assert not sessions.admit(busy)
    many = [sessions.begin() for _ in range(MOST_SESSIONS)]
    assert sessions.admit(many[0])  # so the second is the one unused for longest
    last = sessions.begin()
    assert [sessions.admit(each) for each in (many[0], many[1], many[2], last)] == [
        True,
        False,
        True,
        True,
    ]
    sessions.end(last)
    assert not sessions.admit(last) and last not in repr(vars(sessions))


def test_wrong_tokens_are_bounded_by_address_and_right_ones_are_not(
    proxied: Session, waits: list[float]
) -> None:
    for _ in range(2 * GUESSES_BOUND.burst):
        assert proxied.token(TOKEN, forwarded()).getheader("location") == "/"
    wrong = [proxied.token("wrong", forwarded()) for _ in range(GUESSES_BOUND.burst + 1)]
    assert [each.status for each in wrong] == [303] * GUESSES_BOUND.burst + [429]
    assert int(wrong[-1].getheader("retry-after") or "") >= 1
    assert proxied.token(TOKEN, forwarded()).status == 429
    assert proxied.token(TOKEN, forwarded("192.0.2.2")).getheader("location") == "/"
    made_up = forwarded("192.0.2.3, 192.0.2.1")  # the client's own words, then the proxy's
    assert proxied.token(TOKEN, made_up).status == 429


@pytest.mark.parametrize(
    ("mine", "share"),
    [("2001:db8::{:x}:0:0:0:1", 2), ("2001:db8:0:{:x}00::1", 4), ("192.0.2.{}", 4)],
)
def test_who_has_a_whole_network_keeps_nobody_else_from_logging_in(
    proxied: Session, waits: list[float], mine: str, share: int
) -> None:
    statuses = [proxied.token("wrong", forwarded(mine.format(turn))).status for turn in range(120)]
    assert statuses.count(303) == share * GUESSES_BOUND.burst
    assert proxied.token(TOKEN, forwarded("198.51.100.1")).getheader("location") == "/"


def test_guesses_from_everywhere_are_bounded_in_all(proxied: Session, waits: list[float]) -> None:
    statuses = [proxied.token("wrong", forwarded(f"192.0.{turn}.1")).status for turn in range(120)]
    assert statuses[:100] == [303] * 100 and statuses[-1] == 429 and len(waits) < 110


def test_behind_https_the_cookie_is_secure_and_of_this_host_alone(proxied: Session) -> None:
    answer = proxied.token(TOKEN, forwarded())
    cookie = answer.getheader("set-cookie") or ""
    assert cookie.startswith("__Host-panel_desk=") and "Secure" in cookie and "Path=/" in cookie
    assert "Domain" not in cookie
    held = {"Host": proxied.base[7:], "Cookie": cookie_of(cookie)}
    assert proxied.raw("GET", TAKE, held | forwarded()).status == 200
    assert proxied.raw("GET", TAKE, held).status == 303, "over http it is another cookie"
    plain = proxied.token(TOKEN).getheader("set-cookie") or ""
    assert plain.startswith("panel_desk=") and "Secure" not in plain


def test_only_known_names_and_origins_of_the_shown_host_pass_a_proxy(proxied: Session) -> None:
    cases = {
        403: [
            {"Origin": f"http://{DESK}"},
            {"Origin": f"https://{DESK}:8443"},
            {"Origin": proxied.base},
            {"Sec-Fetch-Site": "cross-site"},
        ],
        400: [
            {"X-Forwarded-Host": "evil.test"},
            {"X-Forwarded-Host": f"{DESK}, evil.test"},
            {"Host": "evil.test"},  # a rebound page sets any header, but not Host
        ],
        303: [{"X-Forwarded-Host": f"evil.test, {DESK}"}, {"Host": DESK}],
    }
    for status, sent in cases.items():
        for more in sent:
            assert proxied.token(TOKEN, forwarded() | more).status == status, more
    ported = forwarded(host=f"{DESK}:8443")
    assert proxied.token(TOKEN, ported).status == 303


def test_forwarded_headers_of_others_count_for_nothing(asked: Space, waits: list[float]) -> None:
    proxies = TrustedProxies.parse(["127.0.0.2", "10.0.0.0/8"])
    place = Place("127.0.0.1", 0, TOKEN, frozenset({DESK}), proxies)
    with desk_open(asked.root, place=place) as session:
        sent = forwarded(host="evil.test") | {"Origin": session.base}
        cookie = session.token(TOKEN, sent).getheader("set-cookie") or ""
        assert cookie.startswith("panel_desk=") and "Secure" not in cookie
        own = {"Host": DESK, "Origin": f"https://{DESK}"}  # a proxy that only passes Host on
        assert session.token(TOKEN, own).status == 303
        for turn in range(GUESSES_BOUND.burst):
            session.token("wrong", {"X-Forwarded-For": f"192.0.2.{turn}"})
        assert session.token(TOKEN, {"X-Forwarded-For": "192.0.2.200"}).status == 429


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.1/8", "0.0.0.0/0", "::/0", "1"])
def test_what_is_no_proxy_is_said(asked: Space, panel: Panel, text: str) -> None:
    refused = panel("desk", "--trust-proxy", text, "--editor", "Ada", cwd=asked.root)
    assert refused.code == 2 and f"--trust-proxy {text!r}" in refused.err


# The token's way in


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environment = {"PANEL_DESK_TOKEN": "another long token"}
    assert read_token(file, environment) == TOKEN
    assert read_token(None, environment) == "another long token"
    assert read_token(None, {}) is None and read_token(None, {"PANEL_DESK_TOKEN": " "}) is None
    for content in (b"", b"\n", b"\xff\xfe"):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=re.escape(str(file))):
            read_token(file, environment)
    with pytest.raises(UsageError, match="No such file"):
        read_token(tmp_path / "none", {})


@pytest.mark.slow
def test_the_command_shows_its_token_to_nobody(asked: Space) -> None:
    words = ["--port", "0", "--no-browser", "--editor", "Ada", "--allow-host", DESK]
    with subprocess.Popen(
        [sys.executable, "-m", "panel", "desk", *words],
        cwd=asked.root,
        env=os.environ | {"PANEL_DESK_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().strip()
        session = Session(None, address.rstrip("/"))  # type: ignore[arg-type]
        assert session.token(TOKEN).getheader("location") == "/"
        process.send_signal(2)
        assert process.wait(30) == 0
        said = process.stdout.read() + process.stderr.read()
    assert TOKEN not in address + said and "log in with the token" in said


def test_a_token_is_not_taken_from_the_command_line(asked: Space, panel: Panel) -> None:
    refused = panel("desk", "--token", TOKEN, "--editor", "Ada", cwd=asked.root)
    assert refused.code == 2 and "No such option" in refused.err
    alone = panel("desk", "--allow-host", DESK, "--editor", "Ada", cwd=asked.root)
    assert alone.code == 2 and "PANEL_DESK_TOKEN" in alone.err and "--token-file" in alone.err
