"""Certificates of servers on loopback, which only those trust who are told to."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

_CA = """
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
serial = serial
policy = any
default_md = sha256
copy_extensions = copy
[any]
commonName = supplied
"""


def make_certificate(folder: Path, names: str, expired: bool = False) -> Path:
    """Make ``cert.pem`` and ``key.pem`` in a folder for names such as "IP:127.0.0.1"."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    folder.mkdir(exist_ok=True)

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], check=True, capture_output=True, cwd=folder)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    new += ["-subj", "/CN=a server of a test", "-addext", f"subjectAltName={names}"]
    new += ["-keyout", "key.pem"]
    if not expired:
        run("req", "-x509", *new, "-days", "2", "-out", "cert.pem")
        return folder
    (folder / "ca.cnf").write_text(_CA)
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01\n")
    run("req", *new, "-out", "asked.pem")
    dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
    own = ["-selfsign", "-keyfile", "key.pem", "-in", "asked.pem", "-out", "cert.pem"]
    run("ca", "-batch", "-notext", "-config", "ca.cnf", *own, *dates)
    return folder


def server_context(folder: Path) -> ssl.SSLContext:
    """Return what a server needs to show the certificate in a folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
