"""How many votes one person, household or network may cast, over real sockets."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Collection, Iterator
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from starlette.requests import Request

from panel.readers.community.ledger import FOLDER, Ledger
from panel.readers.community.votes import FILE, share_json
from panel.readers.serve import tools as serve_tools
from panel.readers.serve.limits import Bound
from panel.readers.serve.proxies import TrustedProxies
from panel.readers.serve.tools import Tools
from panel.readers.serve.visitors import address_of, cookie_of, is_secure
from panel.workspace import tools as workspace_tools
from panel.workspace.tools import slugify
from tests.support.readers_server import Reply, Served, limits, serving, write_site

LOOSE = Bound(10_000, 1, 10_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (["reader=1.a"], "1.a"),
        (["a=b; reader=1.a;c"], "1.a"),
        (["x=1", "reader = 1.a "], "1.a"),
        (['a="\\073; reader=1.a'], "1.a"),
        (['reader="' + "\\" * 16_000 + '"'], '"' + "\\" * 16_000 + '"'),
        (["other_reader=1.a", "reader"], ""),
        (["reader=1.a; reader=2.b"], ""),
        (["reader=1.a", "reader=2.b"], ""),
        ([], ""),
    ],
)
def test_a_cookie_is_read_as_it_was_sent(sent: list[str], found: str) -> None:
    headers = [(b"cookie", each.encode()) for each in sent]
    scope = {"type": "http", "scheme": "http", "server": ("127.0.0.1", 80), "path": "/"}
    assert cookie_of(Request(scope | {"headers": headers}), "reader") == found


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Served]:
    """Serve behind a trusted proxy, with no bound on the speed."""
    loose = limits(votes=LOOSE, changes=LOOSE)
    with serving(tmp_path, trust_proxy=["127.0.0.1"], limits=loose) as served:
        yield served


def vote_from(
    site: Served, address: str, tool: str = "anvil", vote: str = "ship", cookie: str = ""
) -> Reply:
    """Vote through the proxy, which names the visitor's address last."""
    body = json.dumps({"tool": tool, "vote": vote})
    return site.post(
        "/api/vote",
        body,
        Content_Type="application/json",
        Cookie=cookie,
        X_Forwarded_For=f"192.0.2.99, {address}",
    )


def votes(site: Served, tool: str = "anvil") -> int:
    return int(site.get(f"/api/votes/{tool}.json").json["n"])


def test_throwing_the_cookie_away_does_not_fill_the_ballot_box(site: Served) -> None:
    answers = [site.vote("anvil", "ship") for _ in range(8)]
    assert [each.status for each in answers] == [200] * 5 + [429] * 3
    assert votes(site) == 5
    assert "have come from your network. Try again in 24 hours." in answers[-1].json["error"]
    assert 86000 < int(answers[-1].headers["retry-after"]) <= 86400
    form = site.post("/vote", {"tool": "anvil", "vote": "skip"})
    assert form.status == 429 and "<h1>Not counted" in form.text and "24 hours" in form.text


def test_cookies_earned_on_another_tool_are_counted_like_new_ones(proxied: Served) -> None:
    cookies = [vote_from(proxied, f"198.51.{n}.7", "bellows").cookie for n in range(30)]
    assert all(cookies) and votes(proxied, "bellows") == 30
    statuses = [vote_from(proxied, "203.0.113.5", "anvil", cookie=each).status for each in cookies]
    assert statuses == [200] * 5 + [429] * 25 and votes(proxied) == 5


def test_the_same_voter_may_change_the_vote_whatever_the_network_has_used(site: Served) -> None:
    cookies = [site.vote("anvil", "ship").cookie for _ in range(5)]
    assert site.vote("anvil", "ship").status == 429
    for cookie in cookies:
        assert site.vote("anvil", "skip", cookie).status == 200
    assert site.get("/api/votes/anvil.json").json["skips"] == 5
    assert site.vote("bellows", "ship", cookies[0]).status == 200


def test_a_neighbour_who_votes_without_end_blocks_no_change(tmp_path: Path) -> None:
    with serving(tmp_path, limits=limits(votes=Bound(2, 60, 100))) as site:
        cookie = site.vote("anvil", "ship").cookie
        assert [site.vote("bellows", "ship").status for _ in range(3)] == [200, 429, 429]
        assert site.vote("anvil", "skip", cookie).status == 200


def test_changes_of_a_vote_have_a_bound_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path, limits=limits(changes=Bound(2, 60, 100))) as site:
        cookie = site.vote("anvil", "ship").cookie
        answers = [site.vote("anvil", vote, cookie) for vote in ("skip", "ship", "skip")]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert 50 < int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "share"),
    [
        ("2001:db8:1:1::{:x}", 1),  # one /64
        ("2001:db8:1:1{:02x}::1", 2),  # one /56
        ("2001:db8:1:{:02x}00::1", 4),  # one /48
        ("203.0.113.{}", 4),
    ],
)
def test_a_network_changes_and_casts_votes_no_faster_however_many_addresses_it_uses(
    tmp_path: Path, pattern: str, share: int
) -> None:
    once = Bound(1, 3600, 1)
    with serving(
        tmp_path, trust_proxy=["127.0.0.1"], limits=limits(votes=once, changes=once)
    ) as site:
        cookies = [vote_from(site, f"198.{n}.100.7").cookie for n in range(10 * share + 2)]
        addresses = [pattern.format(n) for n in range(len(cookies))]
        voters = list(zip(addresses, cookies, strict=True))
        changed = [
            vote_from(site, address, vote="skip", cookie=cookie).status
            for address, cookie in voters
        ]
        fresh = [vote_from(site, address, "bellows").status for address in addresses[:6]]
    assert changed == [200] * 10 * share + [429] * 2
    assert fresh == [200] * share + [429] * (6 - share)


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("pattern", "counted"),
    [
        ("2001:db8:1:1::{:x}", 5),  # one /64
        ("2001:db8:1:1{:02x}::1", 10),  # the /64s of one /56
        ("2001:db8:1:{:02x}00::1", 20),  # the /56s of one /48
        ("2001:db8:{:x}::1", 50),  # a /48 for each
        ("198.51.100.{}", 20),  # one /24
        ("198.51.{}.7", 50),  # a /24 for each
        ("127.1.{}.7", 40),  # all of them are this machine
        ("::ffff:198.51.100.7", 5),
        ("2002:c633:6407:{:x}::1", 5),  # 6to4: the 65,536 networks of one IPv4 address
        ("64:ff9b::198.51.100.7", 5),
        ("198.51.100.7:{}", 5),  # with the port, as some proxies write it
        ("made-up-{}", 5),
    ],
)
def test_votes_are_bounded_by_network(proxied: Served, pattern: str, counted: int) -> None:
    statuses = [vote_from(proxied, pattern.format(n)).status for n in range(50)]
    assert statuses == [200] * counted + [429] * (50 - counted)
    assert votes(proxied) == counted


def test_one_ipv4_address_is_the_same_in_all_its_forms(proxied: Served) -> None:
    forms = ["198.51.100.7", "::ffff:198.51.100.7", "64:ff9b::c633:6407", "2002:c633:6407::1"]
    forms += ["2001:0:5ef5:79fd:0:59:39cc:9bf8", str(IPv6Address("::ffff:0:198.51.100.7"))]
    statuses = [vote_from(proxied, each).status for each in forms]
    assert statuses == [200] * 5 + [429]


def test_each_tool_has_a_bound_of_its_own(proxied: Served) -> None:
    for tool in ("anvil", "bellows"):
        assert [vote_from(proxied, "198.51.100.7", tool).status for _ in range(6)][4:] == [200, 429]


def test_an_office_may_be_given_more_votes(tmp_path: Path) -> None:
    with serving(tmp_path, votes_per_address=12) as site:
        assert [site.vote("anvil", "ship").status for _ in range(14)] == [200] * 12 + [429] * 2


def test_what_was_counted_is_known_after_a_restart(tmp_path: Path) -> None:
    for counted in (5, 0):
        with serving(tmp_path) as site:
            statuses = [site.vote("anvil", "ship").status for _ in range(6)]
            assert statuses == [200] * counted + [429] * (6 - counted)
            assert votes(site) == 5


def test_one_voter_in_many_threads_is_counted_once(site: Served) -> None:
    cookie = site.vote("bellows", "ship").cookie
    threads = [
        threading.Thread(target=site.vote, args=("anvil", vote, cookie))
        for vote in ("ship", "skip") * 6
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert votes(site) == 1
    assert [site.vote("anvil", "ship").status for _ in range(5)] == [200] * 4 + [429]


def test_all_shares_are_made_anew_only_where_votes_came_in(tmp_path: Path) -> None:
    root = tmp_path / "space"
    tools = [f"tool-{number}" for number in range(300)]
    counted = {"kind": "import", "digest": "x", "counted": {tool: [1, 2] for tool in tools}}
    Ledger(root / FOLDER / FILE, lambda _line: None, lambda: None).append(counted)
    share_json.cache_clear()
    with serving(tmp_path, tools=frozenset(tools)) as site:
        shares = [site.get("/api/votes.json") for _ in range(3)]
        assert share_json.cache_info().misses == len(shares[0].json["votes"]) == 300
        tag = shares[0].headers["etag"]
        assert site.get("/api/votes.json", If_None_Match=tag).status == 304
        mine = site.vote("tool-7", "ship").json
        after = site.get("/api/votes.json", If_None_Match=tag).json["votes"]
        assert share_json.cache_info().misses == 301
        assert {**next(each for each in after if each["n"] == 4), "vote": "ship"} == mine


@pytest.mark.slow
def test_pages_and_shares_are_answered_while_many_votes_wait_for_another_writer(
    proxied: Served,
) -> None:
    statuses: list[int] = []

    def cast(number: int) -> None:
        statuses.append(vote_from(proxied, f"198.51.{number}.7").status)

    other = Ledger(proxied.root / FOLDER / FILE, lambda _line: None, lambda: None)
    threads = [threading.Thread(target=cast, args=(number,)) for number in range(60)]
    with other.writing():
        for thread in threads:
            thread.start()
        for _ in range(20):
            assert proxied.get("/").status == 200 and votes(proxied) == 0
            assert proxied.get("/confirm?token=x").status == 400
        assert statuses == []
    for thread in threads:
        thread.join()
    assert statuses == [200] * 60 and votes(proxied) == 60


def test_without_a_trusted_proxy_its_header_tells_nothing(site: Served) -> None:
    statuses = [vote_from(site, f"198.51.{n}.7").status for n in range(6)]
    assert statuses == [200] * 5 + [429]


def test_what_the_visitor_put_before_the_proxys_entry_tells_nothing(proxied: Served) -> None:
    statuses = [
        proxied.post(
            "/vote", {"tool": "anvil", "vote": "ship"}, X_Forwarded_For=f"198.51.{n}.7, 203.0.113.9"
        ).status
        for n in range(6)
    ]
    assert statuses == [303] * 5 + [429]


@pytest.mark.parametrize(
    ("peer", "believed"),
    [
        ("127.0.0.1", True),
        ("172.17.0.2", True),
        ("fd00::2", True),
        ("::ffff:172.17.0.2", True),
        ("172.18.0.2", False),
        ("8.8.8.8", False),
        ("64:ff9b::172.17.0.2", False),
    ],
)
def test_only_who_was_named_is_a_proxy(peer: str, believed: bool) -> None:
    proxies = TrustedProxies.parse(["127.0.0.1", "172.17.0.0/16", "fd00::/8"])
    headers = [(b"x-forwarded-for", b"9.9.9.9, 172.17.0.3"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": (peer, 4711), "headers": headers, "scheme": "http"}
    scope |= {"server": ("127.0.0.1", 80), "path": "/", "query_string": b"", "state": {}}
    proxies.apply(scope)
    request = Request(scope)
    assert (str(address_of(request)) == "9.9.9.9") is believed
    assert is_secure(request) is believed


def test_only_a_trusted_proxy_can_say_that_the_browser_uses_https(
    site: Served, proxied: Served
) -> None:
    for served, secure in ((site, False), (proxied, True)):
        fields = {"tool": "anvil", "vote": "ship"}
        origin = served.origin.replace("http:", "https:") if secure else served.origin
        reply = served.post("/vote", fields, X_Forwarded_Proto="https", Origin=origin)
        assert ("Secure" in reply.headers["set-cookie"]) is secure


def test_behind_https_a_neighbouring_host_cannot_give_readers_its_own_voter(
    proxied: Served,
) -> None:
    https = {"X_Forwarded_Proto": "https", "Origin": proxied.origin.replace("http:", "https:")}

    def vote(cookie: str, choice: str = "ship") -> str:
        fields = {"tool": "anvil", "vote": choice}
        return proxied.post("/vote", fields, Cookie=cookie, **https).cookie

    own = vote("")
    name, _equals, value = own.partition("=")
    assert name == "__Host-panel_visitor", "browsers take it from this very host alone"
    assert vote(own, "skip") == "" and votes(proxied, "anvil") == 1
    assert vote(f"panel_visitor={value}"), "one of another name is nobody's"
    assert votes(proxied, "anvil") == 2


def test_of_two_cookies_of_a_voter_neither_counts(site: Served) -> None:
    planted = site.vote("anvil", "skip").cookie
    own = site.vote("anvil", "ship").cookie
    for both in (f"{planted}; {own}", f"{own}; {planted}"):
        assert site.vote("anvil", "ship", both).cookie not in ("", planted, own)
    assert votes(site, "anvil") == 4


def test_a_tool_without_a_page_is_not_named_among_the_votes(tmp_path: Path) -> None:
    """One that is held, or was never published: it has votes, from elsewhere or from before."""
    counted = {"kind": "import", "digest": "x", "counted": {"held": [3, 1], "anvil": [1, 0]}}
    Ledger(tmp_path / "space" / FOLDER / FILE, lambda _line: None, lambda: None).append(counted)
    with serving(tmp_path) as site:
        assert [each["tool"] for each in site.get("/api/votes.json").json["votes"]] == ["anvil"]
        assert site.get("/api/votes/held.json").status == 404


def test_a_name_longer_than_any_slug_is_no_tools_and_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To compose its letters may take the square of their number."""
    looked = list[str]()

    def slugified(text: str) -> str:
        looked.append(text)
        return slugify(text)

    monkeypatch.setattr(workspace_tools, "slugify", slugified)
    tools = Tools(tmp_path)
    assert "a" + "\u0344" * 2000 not in tools and looked == []
    assert "anvil" not in tools and looked == ["anvil"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list with an entry for each time that the tools with votes are looked for."""
    found = list[int]()

    def listed(tools: Tools, vote_ids: Collection[str]) -> dict[str, str]:
        found.append(1)
        return looked(tools, vote_ids)

    looked = Tools.listed
    monkeypatch.setattr(Tools, "listed", listed)
    return found


def test_the_shares_of_all_tools_are_made_once_until_a_vote_or_a_page_comes(
    site: Served, made: list[int]
) -> None:
    folder = site.folder / "tools"

    def asked(changed: int) -> list[str]:
        """Ask three times, the folder having changed so many seconds after 1970."""
        os.utime(folder, (changed, changed))
        made.clear()
        replies = [site.get("/api/votes.json") for _ in range(3)]
        heads = {site.ask("HEAD", "/api/votes.json").headers["etag"] for _ in range(3)}
        assert len(made) == 1 and heads == {each.headers["etag"] for each in replies}
        return [each["tool"] for each in replies[-1].json["votes"]]

    site.vote("anvil", "ship")
    assert asked(1) == ["anvil"]
    site.vote("bellows", "skip")
    assert asked(1) == ["anvil", "bellows"]
    (folder / "bellows.html").unlink()
    assert asked(2) == ["anvil"]
    (folder / "bellows.html").write_text("back")
    made.clear()
    for _ in range(2):  # the folder changed a moment ago, and may do so again
        assert len(site.get("/api/votes.json").json["votes"]) == 2
    assert len(made) == 2


def test_shares_are_kept_though_the_folder_is_dated_in_the_future(
    site: Served, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_tools, "SETTLED_SECONDS", 0.2)
    os.utime(site.folder / "tools", (time.time() + 3600,) * 2)  # as 'rsync -t' from a fast clock
    assert site.get("/api/votes.json").status == 200
    time.sleep(0.3)
    for _ in range(3):
        assert site.get("/api/votes.json").json == {"votes": []}
    assert len(made) == 2


def test_votes_on_a_tool_called_mail_are_not_counted_with_mails(tmp_path: Path) -> None:
    folder = write_site(tmp_path / "out")
    shutil.copy(folder / "tools" / "bellows.html", folder / "tools" / "mail.html")
    with serving(tmp_path, votes_per_address=1) as site:
        asked = site.post("/subscribe", {"email": "ann@example.org", "website": ""})
        assert asked.status == 202
        assert site.vote("mail", "ship").status == 200
