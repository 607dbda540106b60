"""A desk for tests: really listening on loopback, over a workspace whose endpoint is the mock."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from panel.desk.serving import Place, address, listen, server
from panel.desk.session import Desk
from panel.store.decisions import review_states
from panel.store.queries import opened
from tests.support.mock_endpoint import Answer, MockEndpoint, completion
from tests.support.runs import run
from tests.support.seed_takes import CODESTRAL, MISTRAL, TAKES
from tests.support.space import ROOT, Space
from tests.support.threads import elsewhere

REASON = "It stands all the same."


@dataclass
class Session:
    """A desk that listens: its address, and plain requests to it as its own pages send them."""

    desk: Desk
    base: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return status and body."""
        return self.send(urllib.request.Request(self.base + path, headers=headers))

    def post(
        self,
        path: str,
        fields: Mapping[str, str] | Sequence[tuple[str, str]],
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Post a form as a browser does from the desk's own page; follows the redirect."""
        own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"}
        body = urllib.parse.urlencode(fields).encode()
        sent = own if headers is None else headers
        return self.send(urllib.request.Request(self.base + path, body, sent))

    def raw(
        self, method: str, path: str, headers: dict[str, str], body: str = ""
    ) -> http.client.HTTPResponse:
        """Send one request with these headers and no other; follows nothing."""
        port = int(self.base.rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() or None)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def token(self, token: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        """Post a token as the page to log in does, or with other headers."""
        body = urllib.parse.urlencode({"token": token})
        sent = {"Host": self.base[7:], "Origin": self.base} | (headers or {})
        sent["Content-Length"] = str(len(body))
        return self.raw("POST", "/login", sent, body)

    def log_in(self, token: str) -> dict[str, str]:
        """Log in; returns the headers of a form that is sent from then on."""
        cookie = (self.token(token).getheader("set-cookie") or "").partition(";")[0]
        return {"Origin": self.base, "Cookie": cookie}

    @staticmethod
    def send(request: urllib.request.Request) -> tuple[int, str]:
        """Send one request; returns status and body, of an error, too."""
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def form(self, tool: str, persona: str, **fields: str) -> dict[str, str]:
        """Return the fields of the take's first form, as the page has them now."""
        _status, page = self.get(f"/take/{tool}/{persona}")
        found: dict[str, str] = {}
        actions = page.split('aria-label="Decide"', 1)[-1]
        for name in ("follows", "attempt", "filter", "seen"):
            value = re.search(f'name="{name}" value="([^"]*)"', actions)
            found[name] = value[1] if value else ""
        return found | fields

    def decide(self, tool: str, persona: str, **fields: str) -> tuple[int, str]:
        """Load a take and decide on it; asked about errors in the words, give a reason."""
        form, path = self.form(tool, persona, **fields), f"/take/{tool}/{persona}/decide"
        status, page = self.post(path, form)
        if status == 422 and "These words have errors" in page:
            return self.post(path, form | {"note": REASON})
        return status, page


@contextmanager
def desk_open(root: Path, editor: str = "Ada", place: Place | None = None) -> Iterator[Session]:
    """Open a desk over a workspace while the block runs."""
    place = place or Place(port=0)
    desk = Desk(root, editor)
    with listen(place) as listening:
        port = listening.getsockname()[1]
        running = server(desk, place, port)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Session(desk, address(place, port).rstrip("/"))
        finally:
            running.should_exit = True
            thread.join(20)
            assert desk.asker.wait(30)
            desk.close()
            assert not thread.is_alive()


def ask(root: Path, **selection: Any) -> None:
    """Run what is pending, as 'panel run' does."""
    elsewhere(lambda: run(Space(root), **selection))


def stands(session: Session, pair: tuple[str, str] = ("anvil", "builder")) -> Any:
    """Return where a pair stands with the editors, as the store has it."""
    with opened(session.desk.root / "runs") as connection:
        return review_states(connection).get(pair)


@contextmanager
def mock_elsewhere(mock: MockEndpoint) -> Iterator[MockEndpoint]:
    """Let a mock serve while the block runs, begun and ended in threads of their own."""
    elsewhere(mock.__enter__)
    try:
        yield mock
    finally:
        elsewhere(mock.__exit__)


def seed_face(_index: int, body: dict[str, Any]) -> Answer | None:
    """Answer with the takes of the seed page; a guided question gets the opposite verdict."""
    messages = body["messages"]
    asked, system = messages[-1]["content"], messages[0]["content"]
    name = re.search(r"^Name: (.+)$", asked, re.M)
    slug = MISTRAL if name and name[1].startswith("Mistral") else CODESTRAL
    title = re.search(r"^# You are the (.+)$", system, re.M)
    assert title is not None
    persona = title[1].lower().replace(" ", "-")
    found = TAKES.get((slug, persona))
    if found is None:
        return None
    verdict = found["verdict"]
    beats = dict(found["beats"])
    if "An editor has read" in asked:
        verdict = "skip" if verdict == "ship" else "ship"
        last = list(beats)[-1]
        beats[last] = f"On a second look the price is not stated anywhere. {beats[last]}"
    fields = {"evidence": found["evidence"], **beats, "verdict": verdict}
    fields["verdict_confidence"] = found["confidence"]
    return Answer(body=completion(json.dumps(fields)))


def seed_tools(space: Space) -> None:
    """Put the two tools of the seed page into a workspace, in place of its own."""
    shutil.rmtree(space.root / "tools")
    (space.root / "tools").mkdir()
    for slug in (MISTRAL, CODESTRAL):
        shutil.copy(ROOT / "tools" / f"{slug}.md", space.root / "tools")


def seed_asked(space: Space, mock: MockEndpoint) -> None:
    """Ask the two tools of the seed page; each reviewer answers with the seed's own take."""
    seed_tools(space)
    mock.face = seed_face
    run(space)
