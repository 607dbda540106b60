"""A real nginx that speaks https with a certificate of its own, in front of a server of a test."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.space import ROOT

FRAME = """\
daemon off; pid {folder}/pid; error_log {folder}/error.log warn; {user}
events {{ worker_connections 512; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {servers}
}}
"""


def documented(page: str) -> str:
    """Return what a page of docs/ recommends to set up in nginx."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^    .*\n)+", text, re.M)
    block = next((each for each in blocks if "proxy_pass" in each), None)
    assert block, page
    return block


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(folder: Path, server: str, upstream: int, name: str) -> Iterator[int]:
    """Run nginx with one server over the port ``upstream``; gives the port of https."""
    folder.mkdir()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext"),
            *(f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    port = free_port()
    for old, new in (
        (r"127\.0\.0\.1:83\d\d", f"127.0.0.1:{upstream}"),
        (r"listen 443", f"listen 127.0.0.1:{port}"),
        (r"/etc/ssl/\w+\.pem", str(certificate)),
        (r"/etc/ssl/\w+\.key", str(key)),
        (r"\w+\.example\.org", name),
    ):
        server = re.sub(old, new, server)
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(FRAME.format(folder=folder, user=user, servers=server))
    program = shutil.which("nginx") or "nginx"
    command = [program, "-p", str(folder), "-c", str(file), "-e", str(folder / "start.log")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            until = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None, process.stderr and process.stderr.read()
                    assert time.monotonic() < until
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(30)
