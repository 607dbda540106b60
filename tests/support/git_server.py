"""A git server on loopback that wants one header of authorization, by git's own http-backend."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@contextmanager
def git_served(folder: Path, authorization: str) -> Iterator[str]:
    """Serve the repositories of a folder while the block runs; yields the server's address.

    Who sends another header of authorization is asked for a password, and who sends two is
    refused, as GitHub does.
    """

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            given = self.headers.get_all("authorization") or []
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if given != [authorization]:
                self.send_response(400 if len(given) > 1 else 401)
                self.send_header("www-authenticate", 'Basic realm="git"')
                self.send_header("content-length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            told = subprocess.run(
                ["git", "http-backend"], input=body, capture_output=True, check=True,
                env={
                    "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "bot", "PATH_INFO": path,
                    "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("content-type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
                },
            ).stdout  # fmt: skip
            head, _, content = told.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = reply  # noqa: N815

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
