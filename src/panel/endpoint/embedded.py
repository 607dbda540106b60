"""The embedded endpoint: a small real model that this process serves to itself.

llama.cpp (package xllamacpp) serves a GGUF file on a loopback port that the system chooses,
behind a random key.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.cells.cells import ModelIdentity, identify
from panel.endpoint.weights import (
    DOWNLOAD_MB,
    SHA256,
    default_weights,
    file_sha256,
    weights_digest,
)
from panel.errors import EndpointError
from panel.workspace.endpoints import Endpoint

NOT_JUDGEMENT = (
    "The embedded model is a 135M demonstration model: it shows the machinery. "
    "Its takes are not judgement and not fit to publish."
)


@dataclass(frozen=True, slots=True)
class Served:
    """The address of a started model, and the key that it expects."""

    base_url: str
    key: str


def model_identity(endpoint: Endpoint) -> ModelIdentity:
    """Return the model behind an endpoint, with a digest of weights that panel serves itself."""
    return identify(endpoint, weights_digest(endpoint) if endpoint.embedded else None)


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
    if endpoint.weights is None and file_sha256(weights) != SHA256:
        raise EndpointError(f"{weights} is damaged. Delete it and run 'panel fetch'.")
    key = secrets.token_urlsafe(24)
    server = _start(endpoint, weights, key)
    try:
        yield Served(f"{server.listening_address}/v1", key)
    finally:
        del server  # its destructor stops the threads and frees the memory


def _start(endpoint: Endpoint, weights: Path, key: str) -> Any:
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
    # Each request in flight has a slot, whose cache keeps its prompt's beginning from cell to cell.
    params.n_parallel = endpoint.concurrency
    params.n_ctx = endpoint.context * endpoint.concurrency
    # Whole prompts that a slot lets go would be kept, too, up to 8 GiB of them. The order in which
    # cells are asked comes back to none before all the others of its block.
    params.cache_ram_mib = 0
    # Never reuse what stands further on at another place: the tool would have been read after
    # another persona.
    params.n_cache_reuse = 0
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
