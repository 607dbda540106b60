"""The embedded endpoint: a model that this process serves to itself.

llama.cpp (package xllamacpp) serves a GGUF file on a loopback port that the system chooses,
behind a random key.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.cells.cells import ModelIdentity, identify
from panel.endpoint.model_files import check_model, check_room, load_error
from panel.endpoint.weights import weights_digest, weights_of
from panel.errors import EndpointError
from panel.workspace.catalogue import pinned
from panel.workspace.endpoints import Endpoint

CONTEXT = 8192  # tokens of a slot where nothing says how long the questions are
CONTEXT_STEP = 1024
MAX_TOKENS = 1500  # of an answer that nothing bounds
# On the safe side: English has 4 or more, figures and code 3, Chinese and Japanese 2.5 to 3.
BYTES_PER_TOKEN = 2.5


@dataclass(frozen=True, slots=True)
class Served:
    """The address of a started model, and the key that it expects."""

    base_url: str
    key: str


def model_identity(endpoint: Endpoint) -> ModelIdentity:
    """Return the model behind an endpoint, with a digest of weights that panel serves itself."""
    return identify(endpoint, weights_digest(endpoint) if endpoint.embedded else None)


@contextmanager
def serve(endpoint: Endpoint, question: int | None = None) -> Iterator[Served]:
    """Load the weights and serve them until the block ends. Raises EndpointError.

    question: the bytes of the longest prompt that will be asked, None where that is not known.
    """
    weights = weights_of(endpoint)
    header = check_model(weights)
    context = endpoint.context or _context(question, endpoint.sampling.max_tokens)
    context = min(context, header.context or context)
    check_room(endpoint, header, context)
    key = secrets.token_urlsafe(24)
    server = _start(endpoint, weights, key, context)
    try:
        yield Served(f"{server.listening_address}/v1", key)
    finally:
        del server  # its destructor stops the threads and frees the memory


def _context(question: int | None, max_tokens: int | None) -> int:
    """Return the tokens that a slot needs for the longest question, its answer and one repair.

    A repair shows the model its answer again, which it has written in at most ``max_tokens``.
    """
    if question is None:
        return CONTEXT
    answer = max_tokens or MAX_TOKENS
    needed = math.ceil(question / BYTES_PER_TOKEN) + 2 * answer
    return -(-needed // CONTEXT_STEP) * CONTEXT_STEP


def _start(endpoint: Endpoint, weights: Path, key: str, context: int) -> Any:
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
    params.n_ctx = context * endpoint.concurrency
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
    pin = pinned(endpoint.model) if endpoint.weights is None else None
    if pin is not None and pin.thinks:
        params.enable_reasoning = 0  # the answer is held to a schema, which has no place for it
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise load_error(weights, str(error), xllamacpp.xllamacpp.__file__) from None
    # The server's own loop answers this. A server that is stopped before its loop has begun
    # never ends, which happens on a busy machine.
    server.handle_metrics()
    return server
