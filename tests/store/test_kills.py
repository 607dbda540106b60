"""Kills of what answers people (editors' decisions, readers' votes, mails) or writes files.

What was acknowledged is there after the kill, once; every file is whole; 'panel verify' says so.
docs/guarantees.md has the figures. The server that runs the commands is that of test_guarantees.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, cast
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from panel.cells.journal import find_journals, read_lines
from panel.cli.main import ExitCode
from panel.desk.session import Desk
from panel.readers.community.votes import FILE as VOTES
from tests.store.test_guarantees import Server, one_server  # noqa: F401 - a fixture
from tests.support.desk_session import Session
from tests.support.editors import do
from tests.support.frozen_verdicts import freeze, texts
from tests.support.mock_endpoint import MockEndpoint
from tests.support.readers_server import SECRET, write_site
from tests.support.sizes import size
from tests.support.smtp_server import Mailbox
from tests.support.space import Space
from tests.support.templates import Templates, everything_asked

pytestmark = [pytest.mark.process, pytest.mark.timeout(size(300, 1500))]
GONE = (urllib.error.URLError, http.client.HTTPException, OSError)  # the server has been killed
AT_ONCE = 3
Work = Callable[[str, int], bool]


@pytest.fixture
def server(one_server: Server) -> Server:  # noqa: F811
    return one_server


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("PANEL_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"PANEL_TEST_SEED={seed}")
    return random.Random(seed)


class Callers:
    """People who ask a server, several at once, until it is killed."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.sent = 0

    def until_killed(self, address: Iterator[str], work: Work, seconds: float) -> None:
        """Let them work at an address; the block that gives it kills the server."""
        killed = Event()

        def caller() -> None:
            while not killed.is_set():
                self.sent += 1
                number = self.sent
                try:
                    if work(base, number):
                        self.acknowledged.append(number)
                except GONE:  # killed, or not listening yet
                    killed.wait(0.005)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            with cast("Any", address) as base:
                before = len(self.acknowledged)
                callers = [pool.submit(caller) for _ in range(AT_ONCE)]
                while len(self.acknowledged) == before and not any(c.done() for c in callers):
                    killed.wait(0.005)
                killed.wait(seconds)
            killed.set()
            for each in callers:
                each.result()


def verified(running: Server) -> None:
    done = running("verify")
    assert (done.code, "whole" in done.out) == (0, True), done.out


def test_no_decision_that_the_desk_acknowledged_is_lost_or_there_twice(
    asked: Space,
    server: Server,
    chance: random.Random,
) -> None:
    server.cwd = asked.root
    pairs = [(tool, who) for tool in ("anvil", "bellows") for who in ("builder", "skeptic")]
    people, kills = Callers(), size(2, 40)

    def edit(base: str, number: int) -> bool:
        session = Session(cast("Desk", None), base)
        words = {"action": "edit", "text": f"Words number {number}."}
        status, _page = session.decide(*pairs[number % len(pairs)], **words)
        return status == 200

    for _ in range(kills):
        people.until_killed(
            server.running("desk", "--port", "0", "--no-browser", "--editor", "Ada"),
            edit,
            chance.uniform(0, 0.3),
        )
        verified(server)
        written = Counter(
            line.fields["text"]
            for journal in find_journals(asked.root / "runs")
            for line in read_lines(journal.file)
            if line.fields and line.fields["kind"] == "decision"
        )
        stored = Counter(row["text"] for row in server.rows("SELECT text FROM decisions"))
        assert stored == written and set(written.values()) <= {1}
        assert {f"Words number {number}." for number in people.acknowledged} <= set(written)
    assert len(people.acknowledged) >= kills
    print(
        f"{kills} kills of the desk: {len(people.acknowledged)} decisions acknowledged, 0 of them "
        f"lost, 0 there twice; {len(written) - len(people.acknowledged)} kept whose "
        "acknowledgement the kill cut off"
    )


def served(running: Server, site: Path, **env: str) -> Iterator[str]:
    words = ("serve", str(site), "--port", "0", "--trust-proxy", "127.0.0.1")
    return cast("Iterator[str]", running.running(*words, PANEL_SECRET=SECRET, **env))


def post(url: str, body: bytes, kind: str, number: int, origin: str) -> int:
    """Post as a visitor of an own address, from one network after another."""
    home = f"{11 + number % 200}.{number // 200 % 250}.{number % 250}.7"
    headers = {"Content-Type": kind, "Origin": origin, "X-Forwarded-For": home}
    try:
        with urlopen(Request(url, body, headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        assert error.code == 429, error.read()  # too many of them
        return error.code


@pytest.mark.slow
def test_no_vote_that_was_acknowledged_is_lost_or_there_twice(
    space: Space,
    server: Server,
    chance: random.Random,
    tmp_path: Path,
) -> None:
    server.cwd, site = space.root, write_site(tmp_path / "out")
    people, kills = Callers(), size(2, 40)

    def vote(base: str, number: int) -> bool:
        body = json.dumps({"tool": "anvil", "vote": ("ship", "skip")[number % 2]}).encode()
        return post(f"{base}/api/vote", body, "application/json", number, base) == 200

    for life in range(1, kills + 1):
        people.until_killed(served(server, site), vote, chance.uniform(0, 0.3))
        verified(server)
        lines = [line.fields or {} for line in read_lines(space.root / "community" / VOTES)]
        assert len({line["visitor"] for line in lines}) == len(lines)
        unsure = len(lines) - len(people.acknowledged)  # kept, and the kill cut off the answer
        assert 0 <= unsure <= AT_ONCE * life
        shown = json.loads(server("votes", "show", "--json").out)
        assert sum(each["n"] for each in shown["votes"]) == len(lines)
    assert len(people.acknowledged) >= kills
    print(
        f"{kills} kills of the server: {len(people.acknowledged)} votes acknowledged, 0 of them "
        f"lost, 0 there twice; {unsure} kept whose acknowledgement the kill cut off"
    )


def test_every_address_that_was_promised_a_mail_gets_one(
    space: Space,
    server: Server,
    chance: random.Random,
    tmp_path: Path,
) -> None:
    """One that is killed between handing a mail over and noting it may send that one again."""
    server.cwd, site = space.root, write_site(tmp_path / "out")
    people, kills = Callers(), size(2, 20)

    def address_of(number: int) -> str:
        return f"reader{number}@town{number}.example.org"

    def subscribe(base: str, number: int) -> bool:
        body = urlencode({"email": address_of(number), "website": ""}).encode()
        kind = "application/x-www-form-urlencoded"
        return post(f"{base}/subscribe", body, kind, number, base) == 202

    with Mailbox() as box:
        for _ in range(kills):
            people.until_killed(served(server, site, **box.environment), subscribe, 0)
            verified(server)
        promised = {address_of(number) for number in people.acknowledged}
        with cast("Any", served(server, site, **box.environment)):
            for _ in range(600):
                if promised <= set(box.addresses):
                    break
                Event().wait(0.05)
    counts = Counter(box.addresses)
    assert len(promised) >= kills and promised <= set(counts)
    assert sum(count - 1 for count in counts.values()) <= kills
    print(
        f"{kills} kills of the server: {len(promised)} mails promised, all of them sent, "
        f"{sum(count - 1 for count in counts.values())} twice"
    )


def all_approved(space: Space, mock: MockEndpoint) -> None:
    """Ask everything and approve it."""
    everything_asked(space, mock)
    for tool in space.tools:
        for persona in ("builder", "business-analyst", "futurist", "skeptic"):
            do(space, "approve", (tool, persona))


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder that are not hidden."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


@pytest.mark.slow
def test_a_killed_publish_or_freeze_leaves_whole_files_and_the_next_one_finishes(
    templates: Templates,
    server: Server,
    chance: random.Random,
    tmp_path: Path,
) -> None:
    space = templates.copy(all_approved, tmp_path / "space")
    server.cwd = space.root
    settings = (space.root / "panel.toml").read_text("utf-8")
    site = settings + '\n[site]\ntitle = "{}"\n'
    sides: dict[str, dict[str, bytes]] = {}
    for title in ("One", "Other"):
        (space.root / "panel.toml").write_text(site.format(title), encoding="utf-8")
        assert server("publish", f"whole-{title}").code == 0
        sides[title] = files(space.root / f"whole-{title}")
    freeze(space)
    verdicts = texts(space)
    kills = {"publish": 0, "freeze": 0}
    wanted = size(1, 10)
    out, scale = space.root / "out", 1.0
    shutil.copytree(space.root / "whole-Other", out)
    while min(kills.values()) < wanted:
        what = min(kills, key=lambda each: kills[each])
        if what == "freeze":
            shutil.rmtree(space.root / "verdicts")
        words = ("publish", "out") if what == "publish" else ("freeze",)
        title = ("One", "Other")[kills["publish"] % 2]
        (space.root / "panel.toml").write_text(site.format(title), encoding="utf-8")
        done = server(*words, kill_after=scale * chance.uniform(0.2, 1))
        assert done.killed or done.code == ExitCode.OK, done.err
        kills[what] += done.killed
        scale *= 1.1 if done.killed else 0.7
        known = [side.get for side in sides.values()]
        for name, content in files(out).items():
            assert content in [each(name) for each in known], name
        for name, content in files(space.root / "verdicts").items():
            assert content == verdicts[name], name
        assert server(*words).code == ExitCode.OK
        if what == "publish":
            assert files(out) == sides[title]
            assert not [*out.rglob(".*writing")]
        assert texts(space) == verdicts if what == "freeze" else True
        verified(server)
    print(f"kills: {kills['publish']} of publish, {kills['freeze']} of freeze; all files whole")
