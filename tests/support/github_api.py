"""A stand-in for GitHub's API on loopback, for what the action asks of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from panel.ci.github import BOT

REPOSITORY = "acme/reviews"


@dataclass
class Forge:
    """A stand-in for GitHub's API on loopback: comments, pull requests, and who the token is."""

    login: str | None = None  # None: a job's own token, which GET /user refuses
    comments: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)  # method and part of the path → status
    calls: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answer one request."""
        self.calls.append(f"{method} {path}")
        for what, status in self.refuse.items():
            verb, part = what.split(" ")
            if verb == method and part in path:
                return status, {"message": "refused"}
        route, _, query = path.partition("?")
        if route == "/user":
            return (200, {"login": self.login}) if self.login else (403, {"message": "no"})
        if route == f"/repos/{REPOSITORY}/issues/7/comments" and method == "GET":
            page = int(dict(pair.split("=") for pair in query.split("&"))["page"])
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if route == f"/repos/{REPOSITORY}/issues/7/comments" and method == "POST":
            made = {"id": 1000 + len(self.comments), "body": body["body"]}
            self.comments.append({**made, "user": {"login": self.login or BOT}})
            return 201, made
        if route.startswith(f"/repos/{REPOSITORY}/issues/comments/") and method == "PATCH":
            [one] = [c for c in self.comments if c["id"] == int(route.rpartition("/")[2])]
            one["body"] = body["body"]
            return 200, one
        if route == f"/repos/{REPOSITORY}/pulls" and method == "POST":
            if any(pull["head"] == body["head"] for pull in self.pulls):
                return 422, {"message": "A pull request already exists"}
            self.pulls.append(body)
            return 201, body
        return 404, {"message": "not found"}


@contextmanager
def served(forge: Forge) -> Iterator[Forge]:
    """Serve a forge while the block runs; its ``url`` is set from here on."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            forge.tokens.add(self.headers.get("authorization") or "")
            status, told = forge.answer(self.command, self.path, body)
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = reply  # noqa: N815

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    forge.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
