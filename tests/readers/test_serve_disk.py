"""A full or read-only disk while readers vote and subscribe: 503 in plain words, nothing promised.

The disk is a small tmpfs in a mount namespace of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.readers_server import Reply, Served, serving_on_a_small_disk, write_site
from tests.support.smtp_server import Mailbox
from tests.support.subscribing import ANN, link, wait_for
from tests.support.threads import wait_until

FULL, READ_ONLY = "No space left on device", "Read-only file system"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


def workspace(tmp_path: Path) -> tuple[Path, Path]:
    """Make a workspace without bounds on votes, and a site; return both folders."""
    root = tmp_path / "space"
    root.mkdir()
    (root / "panel.toml").write_text("[site]\nvotes_per_address = 1000\n")
    return root, write_site(tmp_path / "out")


def requests(site: Served, cookie: str, token: str) -> list[Callable[[], Reply]]:
    """Return a request for each thing that is written: votes, a change, mails, subscribers."""
    return [
        lambda: site.vote("anvil", "skip", cookie),
        lambda: site.vote("bellows", "ship"),
        lambda: site.post("/vote", {"tool": "bellows", "vote": "ship", "next": "/"}),
        lambda: site.post("/subscribe", {"email": "bob@example.org"}),
        lambda: site.post("/confirm", {"token": token}),
    ]


def test_on_a_read_only_disk_nothing_is_acknowledged_and_all_goes_on_afterwards(
    tmp_path: Path, box: Mailbox
) -> None:
    with serving_on_a_small_disk(*workspace(tmp_path), box.environment) as (site, order):
        cookie = site.vote("anvil", "ship").cookie
        site.post("/subscribe", {"email": ANN})
        wait_for(box, 1)
        token = link(box, site).partition("=")[2]
        # Busy while the server still writes down that the mail went out.
        wait_until(lambda: order("mount -o remount,ro community") == "done: 0")
        for ask in requests(site, cookie, token):
            reply = ask()
            assert reply.status == 503 and "could not be saved. Try again later" in reply.text
            assert reply.cookie == ""
        assert site.get("/").status == site.get(f"/confirm?token={token}").status == 200
        assert site.get("/api/votes/anvil.json").json["ships"] == 1
        assert site.get("/api/votes/bellows.json").json["n"] == 0
        assert order("mount -o remount,rw community") == "done: 0"
        statuses = [ask().status for ask in requests(site, cookie, token)]
        assert statuses == [200, 200, 303, 202, 200]
        wait_for(box, 2)
    assert box.addresses == [ANN, "bob@example.org"]
    told = [line for line in site.said if READ_ONLY in line]
    assert len(told) == 3 and all(re.match("cannot write .*community", line) for line in told)
    assert not any("Traceback" in line or "Exception" in line for line in site.said)


def test_on_a_full_disk_only_what_was_written_is_acknowledged(tmp_path: Path, box: Mailbox) -> None:
    with serving_on_a_small_disk(*workspace(tmp_path), box.environment) as (site, order):
        cookie = site.vote("anvil", "ship").cookie
        site.post("/subscribe", {"email": ANN})
        wait_for(box, 1)
        token = link(box, site).partition("=")[2]
        assert order("head -c 100000 /dev/zero >community/filler 2>/dev/null") == "done: 1"
        # What is there of the last block of a file can be written still.
        changes = [site.vote("anvil", vote, cookie).status for vote in ("skip", "ship") * 14]
        votes = [site.vote("bellows", "ship").status for _ in range(28)]
        assert set(changes + votes) == {200, 503}
        assert site.get("/api/votes/bellows.json").json["n"] == votes.count(200)
        assert site.post("/subscribe", {"email": "bob@example.org"}).status == 503
        assert order("rm community/filler") == "done: 0"
        assert site.post("/subscribe", {"email": "bob@example.org"}).status == 202
        assert site.post("/confirm", {"token": token}).status == 200
        assert site.vote("bellows", "ship").json["n"] == votes.count(200) + 1
        wait_for(box, 2)
    assert box.addresses == [ANN, "bob@example.org"]
    told = [line for line in site.said if FULL in line]
    assert len(told) == len({*told}) == 2  # the same once a minute at most
