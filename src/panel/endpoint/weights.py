"""Weights of the models that panel serves itself: which files they are, and their digests."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from panel.endpoint.gguf import MAGIC
from panel.errors import EndpointError, UsageError
from panel.workspace.catalogue import Pin, pinned, record_text
from panel.workspace.endpoints import Endpoint
from panel.workspace.plain_files import open_plain
from panel.workspace.settings import cache_folder


def weights_digest(endpoint: Endpoint) -> str | None:
    """Return ``sha256:`` + digest of the endpoint's weights; None where there is no GGUF file.

    The digest of a model by name is known without its file, so planning needs no download.
    """
    if endpoint.weights is None:
        pin = pinned(endpoint.model)
        return f"sha256:{pin.sha256}" if pin else None
    if not _is_gguf(endpoint.weights):
        return None
    return f"sha256:{file_sha256(endpoint.weights)}"


def _is_gguf(file: Path) -> bool:
    """Whether a file is of that kind: a panel.toml may name any, and a digest tells what is in it.

    Nor does each end: those of /proc are plain files, too.
    """
    try:
        with open_plain(file) as handle:
            return handle.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def file_sha256(file: Path, anew: bool = False) -> str:
    """Return the SHA-256 of a file in hex; cached by path, size and time, unless ``anew``."""
    try:
        known = json.loads(_memory(file).read_text())
        if known["stamp"] == _stamp(file) and not anew:
            return str(known["sha256"])
    except (OSError, UsageError, ValueError, KeyError, TypeError):
        pass
    digest = _sha256(file)
    remember_digest(file, digest)
    return digest


def remember_digest(file: Path, digest: str) -> None:
    """Keep the SHA-256 of a file for as long as its size and time stay."""
    try:
        memory = _memory(file)
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps({"stamp": _stamp(file), "sha256": digest}))
    except (OSError, UsageError):  # no home, or one that takes nothing
        pass  # only slower next time


def _memory(file: Path) -> Path:
    name = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:24]
    return cache_folder() / "digests" / f"{name}.json"


def _stamp(file: Path) -> list[int]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def holds(pin: Pin, file: Path, anew: bool = False) -> bool:
    """Whether a file is what a pin says; False where it cannot be read."""
    try:
        if file.stat().st_size != pin.bytes:
            return False
        return file_sha256(file, anew) == pin.sha256
    except OSError:
        return False


def keep_record(pin: Pin) -> None:
    """Write what is recorded of a model that is not in the catalogue; raises OSError."""
    fresh = pin.record.with_suffix(".json.new")
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(record_text(pin))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(pin.record)


def remove(pin: Pin) -> bool:
    """Remove a model's file or link, what is here of it, and its record; False where none was.

    Raises UsageError while it is fetched, OSError for what cannot be removed.
    """
    if not pin.path.parent.is_dir():
        return False
    try:
        with FileLock(pin.lock, blocking=False, fallback_to_soft=False):
            own = [pin.record] if pin.own else []
            files = [pin.path, *own, *pin.partials()]
            found = [file for file in files if file.exists() or file.is_symlink()]
            for file in found:
                file.unlink()
            return bool(found)
    except Timeout:
        raise UsageError(
            f"{pin.name} is being fetched. Wait for that to end, or end it, and remove it then."
        ) from None


def weights_of(endpoint: Endpoint) -> Path:
    """Return the file of the weights that an endpoint serves, checked against its pin.

    Raises EndpointError where it is not there or not what it must be, with the way to get it.
    """
    if endpoint.weights is not None:
        if not endpoint.weights.is_file():
            raise EndpointError(
                f"the embedded model's weights are not at {endpoint.weights}. Check weights in "
                "panel.toml."
            )
        return endpoint.weights
    pin = pinned(endpoint.model)
    if pin is None:
        raise EndpointError(f"{endpoint.model!r} is no model that 'panel fetch' lists.")
    if not pin.fetched():
        raise EndpointError(
            f"{pin.name} is not on this machine: its weights are not at {pin.path}. Run "
            f"'panel fetch {pin.name}' ({gigabytes(pin.bytes)}), or choose another with --endpoint."
        )
    if not holds(pin, pin.path):
        raise EndpointError(f"{pin.path} is damaged. Run 'panel fetch {pin.name}' again.")
    return pin.path


def gigabytes(size: int) -> str:
    """Say a size in MB or GB of a thousand, as the hub does."""
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
