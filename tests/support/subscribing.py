"""Subscribing to a served site by mail."""

from __future__ import annotations

import hashlib
import itertools
import re

from panel.readers.community.secret import load_secret
from panel.readers.community.subscribers import Subscribers
from tests.support.readers_server import SECRET, Served
from tests.support.smtp_server import Mailbox
from tests.support.threads import wait_until

ANN = "ann@example.org"


def addresses(site: Served) -> list[str]:
    """Return the addresses of the confirmed subscribers."""
    secret = load_secret(site.root / "community", {"PANEL_SECRET": SECRET})
    return [each.address for each in Subscribers(site.root, secret).all()]


def wait_for(box: Mailbox, count: int) -> None:
    """Wait until so many mails have come."""
    wait_until(lambda: len(box.taken) >= count)


def link(box: Mailbox, site: Served, index: int = -1) -> str:
    """Return the path of the confirmation that a mail leads to."""
    text = "\n".join(box.taken[index][1].get_content().splitlines())
    found = re.search(rf"^{re.escape(site.origin)}(/confirm\?token=\S+)$", text, re.MULTILINE)
    assert found
    return found[1]


def subscribe(site: Served, box: Mailbox, address: str = ANN) -> None:
    """Subscribe an address and confirm it."""
    before = len(box.taken)
    site.post("/subscribe", {"email": address, "website": ""})
    wait_for(box, before + 1)
    token = link(box, site).partition("=")[2]
    assert site.post("/confirm", {"token": token}).status == 200


def solve(puzzle: str, bits: int) -> str:
    """Return the solution of a puzzle, as the script finds it."""
    started = hashlib.sha256(f"{puzzle}.".encode())
    for n in itertools.count():
        tried = started.copy()
        tried.update(b"%d" % n)
        if int.from_bytes(tried.digest()[:8]) >> (64 - bits) == 0:
            return str(n)
    raise AssertionError


def work_of(page: str) -> dict[str, str]:
    """Return the fields of a page that asks for work, with the puzzle solved."""
    fields = dict(re.findall(r'name="(email|work)" value="([^"]*)"', page))
    found = re.search(r'data-puzzle="(\w+)" data-bits="(\d+)"', page)
    assert found and len(fields) == 2
    return {**fields, "solution": solve(found[1], int(found[2]))}


def leave_path(site: Served, address: str = ANN) -> str:
    """Return the path by which a subscriber leaves."""
    secret = load_secret(site.root / "community", {"PANEL_SECRET": SECRET})
    subscribers = Subscribers(site.root, secret)
    [subscriber] = [each for each in subscribers.all() if each.address == address]
    return "/unsubscribe?token=" + subscribers.leave_token(subscriber)
