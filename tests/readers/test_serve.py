"""The server over real sockets: pages, votes, and everything that must be refused."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from panel.errors import UsageError
from panel.readers.serve import guard
from panel.readers.serve.forms import own_path
from panel.readers.serve.limits import MOST_KNOWN, Bound, VisitLimiter
from panel.readers.serve.pages import check_folder
from panel.readers.serve.site import ServerLimits
from panel.site.assets import FONTS
from panel.site.build import MANIFEST
from tests.support.journals import changed, plain_lines
from tests.support.readers_server import Served, limits, serving, serving_process, write_site
from tests.support.space import Panel, Space
from tests.support.threads import wait_until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve one site for the tests that are refused everything; nothing is written to it."""
    with serving(
        tmp_path_factory.mktemp("shared"),
        limits=limits(**dict.fromkeys(ServerLimits.__slots__, Bound(10_000, 1, 10_000))),
    ) as served:
        lay_traps(served)
        yield served


def lay_traps(site: Served) -> None:
    """Put files beside and into the site that must not be served."""
    (site.root / "secret.txt").write_text("TREASURE")
    folder = site.folder
    (folder / ".hidden").mkdir()
    for name in (".hidden/page.html", ".env.txt", "notes.md", "votes.jsonl"):
        (folder / name).write_text("TREASURE")
    (folder / "link.txt").symlink_to(site.root / "secret.txt")
    (folder / "linked").symlink_to(site.root)
    (folder / "circle.txt").symlink_to(folder / "circle.txt")


def lines(site: Served) -> list[dict[str, str]]:
    file = site.root / "community" / "votes.jsonl"
    return plain_lines(file) if file.exists() else []


# Pages


def test_pages_are_served_with_index_files_and_a_page_for_what_is_not_there(site: Served) -> None:
    assert "index.html" in site.get("/").text
    assert "tools/anvil/index.html" in site.get("/tools/anvil/").text
    missing = site.get("/tools/nothing")
    assert missing.status == 404 and "404.html" in missing.text


def test_a_folder_leads_to_its_slash_without_naming_a_host(site: Served) -> None:
    reply = site.get("/tools/anvil")
    assert (reply.status, reply.headers["location"]) == (307, "/tools/anvil/")
    reply = site.get("//tools/anvil")
    assert reply.status == 404 or reply.headers["location"] == "/tools/anvil/"


def test_a_folder_without_a_page_is_not_listed(site: Served) -> None:
    reply = site.get("/tools/")
    assert reply.status == 404 and "anvil/" not in reply.text


@pytest.mark.parametrize(
    "path",
    [
        "/../space/secret.txt",
        "/..%2fspace%2fsecret.txt",
        "/%2e%2e/space/secret.txt",
        "/tools/../../space/secret.txt",
        "/tools/..%5c..%5cspace%5csecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/secret.txt%00.html",
        "/.hidden/page.html",
        "/.env.txt",
        "/notes.md",
        "/votes.jsonl",
        "/link.txt",
        "/linked/secret.txt",
        "/circle.txt",
        "/-/../app.py",
        "/-/..%2fapp.py",
        "/" + "a" * 5000 + ".html",
    ],
)
def test_nothing_outside_the_site_is_ever_served(shared: Served, path: str) -> None:
    reply = shared.get(path)
    assert reply.status in (400, 404) and b"TREASURE" not in reply.body


def test_pages_are_revalidated_and_other_files_kept_for_an_hour(site: Served) -> None:
    page, style = site.get("/"), site.get("/style.css")
    assert page.headers["cache-control"] == "no-cache"
    assert style.headers["cache-control"] == "public, max-age=3600"
    again = site.get("/", If_None_Match=page.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["content-security-policy"] is None  # the browser keeps the page's own
    (site.folder / "index.html").write_text("<p>another, longer page than before")
    assert site.get("/", If_None_Match=page.headers["etag"]).status == 200


def test_every_answer_carries_the_security_headers(site: Served) -> None:
    replies = [
        site.get("/"),
        site.get("/nothing"),
        site.get("/api/votes.json"),
        site.get("/subscribe"),
        site.vote("anvil", "ship"),
        site.vote("nothing", "ship"),
        site.post("/vote", {}),
        site.post("/vote", {}, Origin="https://evil.example"),
        site.get("/", Host="evil.example"),
        site.ask("PUT", "/"),
    ]
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"
        assert reply.headers["server"] is None
        assert reply.headers["access-control-allow-origin"] is None


def test_a_pages_own_style_is_allowed_by_its_hash_and_no_other(site: Served) -> None:
    policy = site.get("/").headers["content-security-policy"]
    assert re.search(r"style-src 'self' 'sha256-[A-Za-z0-9+/]{43}=';", policy)
    (site.folder / "plain.html").write_text("<p>no style")
    plain = site.get("/plain.html").headers["content-security-policy"]
    assert "style-src 'self';" in plain


def test_only_published_folders_are_served(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        check_folder(tmp_path / "nothing")
    (tmp_path / "panel.toml").write_text("")
    with pytest.raises(UsageError, match=r"holds panel\.toml"):
        check_folder(tmp_path)


# Votes


def test_a_vote_counts_and_is_shown_with_n_and_interval(site: Served) -> None:
    reply = site.vote("anvil", "ship")
    assert reply.status == 200
    assert reply.json["n"] == 1 and reply.json["ship_percent"] == 100
    share = site.get("/api/votes/anvil.json").json
    assert share["ships"] == 1 and share["interval"] == pytest.approx([20.65, 100], abs=0.01)
    assert site.get("/api/votes.json").json == {"votes": [share]}


def test_a_tool_nobody_voted_on_has_null_for_a_percentage(site: Served) -> None:
    share = site.get("/api/votes/bellows.json").json
    assert (share["n"], share["ship_percent"], share["interval"]) == (0, None, None)
    assert site.get("/api/votes.json").json == {"votes": []}


def test_a_visitor_has_one_vote_a_tool_and_may_change_it(site: Served) -> None:
    cookie = site.vote("anvil", "ship").cookie
    second = site.vote("anvil", "skip", cookie)
    assert (second.json["ships"], second.json["skips"], second.cookie) == (0, 1, "")
    site.vote("bellows", "skip", cookie)
    assert {line["visitor"] for line in lines(site)} == {lines(site)[0]["visitor"]}
    assert site.get("/api/votes.json").json["votes"][0]["n"] == 1


def test_a_forged_or_changed_cookie_is_somebody_new(site: Served) -> None:
    cookie = site.vote("anvil", "ship").cookie
    name, _, token = cookie.partition("=")
    forgeries = [f"{name}={token[:-2]}xx", f"{name}=MTphbm5h.{token.split('.')[1]}", f"{name}=1"]
    for number, forged in enumerate(forgeries, 2):
        reply = site.vote("anvil", "ship", forged)
        assert reply.json["n"] == number and reply.cookie != forged


def test_the_cookie_is_out_of_reach_of_scripts_and_readers_get_none(site: Served) -> None:
    cookie = site.vote("anvil", "ship").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    assert "Path=/" in cookie
    for path in ("/", "/api/votes.json", "/api/votes/anvil.json", "/subscribe"):
        assert site.get(path).headers["set-cookie"] is None


def test_what_is_stored_of_a_voter_is_a_hash_and_nothing_else(site: Served) -> None:
    reply = site.vote("anvil", "ship")
    [line] = lines(site)
    assert sorted(line) == ["at", "kind", "tool", "visitor", "vote"]
    assert re.fullmatch(r"[0-9a-f]{32}", line["visitor"]) and line["visitor"] not in reply.cookie
    everything = b"".join(file.read_bytes() for file in site.root.rglob("*") if file.is_file())
    assert b"127.0.0.1" not in everything and reply.cookie.encode() not in everything


def test_a_plain_form_votes_and_comes_back_to_its_page(site: Served) -> None:
    fields = {"tool": "anvil", "vote": "skip", "next": "/tools/anvil/#community"}
    reply = site.post("/vote", fields)
    assert (reply.status, reply.headers["location"]) == (303, "/tools/anvil/#community")
    assert site.get("/api/votes/anvil.json").json["skips"] == 1


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b",
        "",
        "tools",
        "/" + "a" * 600,
    ],
)
def test_a_way_back_to_another_site_leads_home(site: Served, back: str) -> None:
    assert own_path(back) == "/"
    reply = site.post("/vote", {"tool": "anvil", "vote": "ship", "next": back})
    assert (reply.status, reply.headers["location"]) == (303, "/")
    assert len(reply.headers.get_all("set-cookie") or []) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"tool": "nothing", "vote": "ship"},
        {"tool": "../anvil", "vote": "ship"},
        {"tool": "anvil\n", "vote": "ship"},
        {"tool": "ANVIL", "vote": "ship"},
        {"tool": "=1+1", "vote": "ship"},
        {"tool": "<script>alert(1)</script>", "vote": "ship"},
        {"tool": "", "vote": "ship"},
        {"tool": "anvil", "vote": "SHIP"},
        {"tool": "anvil", "vote": 'ship","tool":"x'},
        {"tool": "anvil", "vote": ""},
        {"tool": "anvil"},
        {"vote": "ship"},
        {"tool": "anvil", "vote": "ship", "visitor": "1" * 32},
    ],
)
def test_what_is_no_vote_on_a_tool_of_this_site_is_refused(
    shared: Served, fields: dict[str, str]
) -> None:
    script = shared.post("/api/vote", json.dumps(fields), Content_Type="application/json")
    form = shared.post("/vote", fields)
    assert script.status in (400, 404) and set(script.json) == {"error"}
    assert form.status in (400, 404) and "<script>alert" not in form.text
    assert lines(shared) == []


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", "[]", 400),
        ("application/json", '[["tool","anvil"],["vote","ship"]]', 400),
        ("application/json", '{"tool":"anvil","vote":"ship","vote":"skip"}', 400),
        ("application/json", '{"tool":["anvil"],"vote":"ship"}', 400),
        ("application/json", '{"tool":"anvil","vote":', 400),
        ("application/json", "[" * 4000, 400),
        ("application/json", '{"tool":"anvil","vote":"ship\\ud800"}', 400),
        ("application/x-www-form-urlencoded", "tool=anvil&vote=ship&vote=skip", 400),
        ("application/x-www-form-urlencoded", "tool=anvil&vote=%ff", 400),
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(50)), 400),
        ("text/plain", '{"tool":"anvil","vote":"ship"}', 415),
        ("multipart/form-data; boundary=x", "--x--", 415),
    ],
)
def test_bodies_that_are_neither_form_nor_json_are_refused(
    shared: Served, kind: str, body: str, status: int
) -> None:
    assert shared.post("/api/vote", body, Content_Type=kind).status == status
    assert lines(shared) == []


@pytest.mark.parametrize("path", ["/vote", "/subscribe", "/confirm"])
def test_text_that_is_no_unicode_is_refused_in_every_field(shared: Served, path: str) -> None:
    fields = {"/vote": "next", "/subscribe": "email", "/confirm": "token"}
    sent = {"tool": "anvil", "vote": "ship"} if path == "/vote" else {}
    body = json.dumps(sent | {fields[path]: "/\ud800"})
    reply = shared.post(path, body, Content_Type="application/json")
    assert reply.status == 400 and f"The field {fields[path]} is not text" in reply.text
    assert lines(shared) == []


def test_shares_are_answered_with_a_tag_that_changes_with_the_votes(site: Served) -> None:
    first = site.get("/api/votes/anvil.json")
    assert site.get("/api/votes/anvil.json", If_None_Match=first.headers["etag"]).status == 304
    site.vote("anvil", "ship")
    assert site.get("/api/votes/anvil.json", If_None_Match=first.headers["etag"]).status == 200
    assert site.get("/api/votes/nothing.json").status == 404


def test_votes_imported_while_the_server_runs_are_seen(site: Served) -> None:
    site.vote("anvil", "ship")
    write = site.root / "community" / "votes.jsonl"
    line = {"kind": "import", "digest": "b2:1", "counted": {"anvil": [4, 5]}, "placed": []}
    changed(write, lambda lines: [*lines, line])
    assert site.get("/api/votes/anvil.json").json["n"] == 10


def test_votes_at_the_same_time_all_count(site: Served) -> None:
    cookies = [site.vote("anvil", "ship").cookie for _ in range(5)]
    threads = [
        threading.Thread(target=site.vote, args=("bellows", "skip", cookie)) for cookie in cookies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.get("/api/votes/bellows.json").json["skips"] == 5


# Bounds


def test_a_bucket_refills_and_the_day_has_its_own_bound() -> None:
    now = [1000.0]
    limiter = VisitLimiter(Bound(burst=2, seconds=10, daily=4), clock=lambda: now[0])
    assert [limiter.wait("a"), limiter.wait("a")] == [None, None]
    assert limiter.wait("a") == pytest.approx(10) and limiter.wait("b") is None
    now[0] += 25
    assert [limiter.wait("a"), limiter.wait("a")] == [None, None]
    now[0] += 100
    assert limiter.wait("a") == pytest.approx(86400 - 1125)
    now[0] = 86400.0
    assert limiter.wait("a") is None


def test_the_limiter_forgets_the_oldest_rather_than_grow_and_keeps_no_address() -> None:
    limiter = VisitLimiter(Bound(1, 0, 1), clock=lambda: 5.0)
    for number in range(MOST_KNOWN + 10):
        limiter.wait(f"10.0.0.{number}")
    assert limiter.wait("10.0.0.0") is None and limiter.wait(f"10.0.0.{MOST_KNOWN}") is not None
    assert "10.0.0." not in repr(vars(limiter))


# What comes from elsewhere


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": ""},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
@pytest.mark.parametrize("path", ["/api/vote", "/vote", "/subscribe", "/confirm"])
def test_a_post_from_another_site_is_refused(
    shared: Served, path: str, headers: dict[str, str]
) -> None:
    sent = {"Origin": shared.origin} | headers
    reply = shared.ask(
        "POST",
        path,
        {name: value for name, value in sent.items() if value}
        | {"Content-Type": "application/x-www-form-urlencoded"},
        "tool=anvil&vote=ship&email=a@example.org",
    )
    assert reply.status == 403
    assert lines(shared) == []


def test_two_origins_are_refused_and_a_browser_of_this_site_is_not(site: Served) -> None:
    good = site.post("/vote", {"tool": "anvil", "vote": "ship"}, Sec_Fetch_Site="same-origin")
    assert good.status == 303
    connection = socket.create_connection(("127.0.0.1", site.port))
    with connection:
        connection.sendall(
            f"POST /vote HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nOrigin: {site.origin}\r\n"
            "Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert b" 403 " in connection.recv(100)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "evil.example:{port}",
        "127.0.0.2",
        "[::2]",
        "",
        "127.0.0.1:x",
        "127.0.0.1, evil.example",
    ],
)
def test_a_foreign_name_for_this_machine_is_refused(shared: Served, host: str) -> None:
    given = host.format(port=shared.port)
    for path in ("/", "/api/votes.json"):
        reply = shared.get(path, Host=given)
        assert reply.status == 400 and "--allow-host" in reply.text
    form = {"Host": given, "Content-Type": "application/x-www-form-urlencoded"}
    rebound = shared.ask("POST", "/vote", form, "tool=anvil&vote=ship")
    assert rebound.status == 400 and lines(shared) == []


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST", "127.0.0.1", "[::1]:{port}"])
def test_the_names_of_loopback_are_answered(shared: Served, host: str) -> None:
    assert shared.get("/", Host=host.format(port=shared.port)).status == 200


def test_a_name_that_was_allowed_is_answered_under_its_own_origin(tmp_path: Path) -> None:
    with serving(tmp_path, hosts=frozenset({"tools.example"})) as site:
        fields = {"tool": "anvil", "vote": "ship"}
        good = site.post("/vote", fields, Host="tools.example", Origin="https://tools.example")
        assert good.status == 303
        mixed = site.post("/vote", fields, Host="tools.example", Origin=site.origin)
        assert mixed.status == 403


def test_other_methods_are_refused(site: Served) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert site.ask(method, "/api/vote", {"Origin": site.origin}).status == 405
    assert site.get("/api/vote").status in (404, 405)
    assert site.post("/", {}).status == 405
    assert site.ask("HEAD", "/").status == 200


# Bodies and time


def test_long_bodies_are_refused(site: Served) -> None:
    assert site.post("/vote", "x" * (guard.LONGEST_BODY + 1)).status == 413


def test_a_full_disk_is_said_and_the_site_goes_on(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    reply = site.vote("anvil", "ship")
    monkeypatch.undo()
    assert reply.status == 503 and "could not be saved" in reply.json["error"]
    assert any("No space left" in line for line in site.said)
    assert site.get("/api/votes/anvil.json").json["n"] == 0
    assert site.vote("anvil", "ship").json["n"] == 1


def test_a_folder_that_takes_nothing_more_is_one_line_and_a_plain_page(site: Served) -> None:
    """As on a disk that has become read-only."""
    community = site.root / "community"
    wait_until(community.is_dir)  # the server makes it while it starts
    community.rename(site.root / "aside")
    community.write_text("")
    for reply in (
        site.vote("anvil", "ship"),
        site.post("/vote", {"tool": "anvil", "vote": "ship", "next": "/"}),
    ):
        assert reply.status == 503 and "Try again later" in reply.text
        assert "Traceback" not in reply.text and str(site.root) not in reply.text
    said = [line for line in site.said if "votes.jsonl" in line]  # not what mail finds meanwhile
    assert len(said) == 2 and not any("\n" in line for line in site.said)
    assert all("community" in line for line in site.said)


# The script


def test_the_script_is_served_under_a_name_of_its_own_and_uses_text_only(site: Served) -> None:
    reply = site.get("/-/vote.js")
    assert reply.headers["content-type"].startswith("text/javascript")
    assert "innerHTML" not in reply.text and "eval(" not in reply.text
    assert site.get("/-/vote.js", If_None_Match=reply.headers["etag"]).status == 304
    assert site.get("/-/app.py").status == 404


@pytest.mark.parametrize("name", FONTS)
def test_the_servers_own_pages_have_the_fonts_of_the_site(site: Served, name: str) -> None:
    reply = site.get(f"/-/{name}")
    assert reply.status == 200 and reply.headers["content-type"] == "font/woff2"
    assert f"url({name})" in site.get("/-/community.css").text


@pytest.mark.parametrize(("name", "kind"), [("a.webp", "image/webp"), ("a.woff2", "font/woff2")])
def test_pictures_and_fonts_have_their_type_on_every_system(
    site: Served, name: str, kind: str
) -> None:
    (site.folder / name).write_bytes(b"any")
    assert site.get(f"/{name}").headers["content-type"] == kind


# The command


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_end(space: Space, tmp_path: Path) -> None:
    with serving_process(space.root, write_site(tmp_path / "out")) as (site, process):
        assert site.vote("anvil", "ship").json["n"] == 1
        process.send_signal(signal.SIGINT)
        out_text, err_text = process.communicate(timeout=30)
    assert process.returncode in (0, 130) and "Traceback" not in err_text
    assert out_text == "" and "127.0.0.1 -" not in err_text


def test_a_taken_port_a_bad_name_and_a_workspace_are_refused(
    space: Space, panel: Panel, tmp_path: Path
) -> None:
    out = write_site(tmp_path / "out")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = panel("serve", out, "--port", port, cwd=space.root)
    assert result.code == 2 and f"cannot listen on 127.0.0.1 port {port}" in result.err
    for name in ("https://example.org", "example.org:80", "*", ""):
        result = panel("serve", out, "--port", "0", "--allow-host", name, cwd=space.root)
        assert result.code == 2 and "is not a host name" in result.err
    result = panel("serve", space.root, "--port", "0", cwd=space.root)
    assert result.code == 2 and "holds panel.toml" in result.err
    result = panel("serve", out, "--port", "0", "--base-url", "ftp://x", cwd=space.root)
    assert result.code == 2 and "is not the address of a site's home" in result.err


def test_without_the_extra_one_line_says_what_to_install(
    space: Space, panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == "starlette" or name.startswith("panel.readers.serve"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    result = panel("serve", tmp_path, cwd=space.root)
    assert result.code == 2 and "pip install 'reviewer-panel[desk]'" in result.err
    assert len(result.err.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("published_for", "community", "says"),
    [("https://a.example/", True, False), (None, True, True), (None, False, False)],
)
def test_the_command_says_when_the_links_in_mails_would_reach_nobody(
    space: Space, tmp_path: Path, published_for: str | None, community: bool, says: bool
) -> None:
    """A site without forms sends no mails."""
    with (space.root / "panel.toml").open("a") as settings:
        settings.write(f"\n[site]\ncommunity = {str(community).lower()}\n")
    out = write_site(tmp_path / "out")
    (out / MANIFEST).write_text(json.dumps({"files": {}, "base_url": published_for}))
    process = subprocess.Popen(
        [sys.executable, "-m", "panel", "serve", str(out), "--port", "0"],
        cwd=space.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert ("The links in mails lead to http://127.0.0.1:" in err) == says, err
